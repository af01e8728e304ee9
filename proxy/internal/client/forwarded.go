package client

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"unsafe"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// maxHops bounds how many addresses are looked at: as many as X-Forwarded-For may bring
// before the request is refused with 463.
const maxHops = 30

// maxAddress is the longest address with a port that is read: 45 bytes of IPv6 in brackets.
const maxAddress = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")

// Forwarded returns the client that the trusted proxies before us name in X-Forwarded-For,
// and the zero value when the peer is not trusted or names nobody. The port is 0 unless it
// stands there. What is no address ends the walk, at the proxy that passed it on.
func (b *Blocks) Forwarded(peer netip.Addr, fields []exchange.Field) netip.AddrPort {
	var client netip.AddrPort
	if !b.Contains(peer) {
		return client
	}
	hops := 0
	// Several fields are one list, in their order (RFC 9110, 5.3).
	for i := range slices.Backward(fields) {
		if fields[i].ID != exchange.FieldXForwardedFor {
			continue
		}
		for rest, more := fields[i].Value, true; more; {
			var element []byte
			at := bytes.LastIndexByte(rest, ',')
			if more = at >= 0; more {
				rest, element = rest[:at], rest[at+1:]
			} else {
				element = rest
			}
			if element = bytes.Trim(element, " \t"); len(element) == 0 {
				continue // an empty element counts for nothing (RFC 9110, 5.6.1.2)
			}
			hop, ok := parseHop(element)
			if hops++; !ok || hops > maxHops {
				return client
			}
			client = hop
			if !b.Contains(hop.Addr()) {
				return client
			}
		}
	}
	return client
}

// parseHop reads one address as load balancers write it: bare, in brackets when it is IPv6,
// and each with a port or without (RFC 7239, 6, without its quotes).
func parseHop(text []byte) (netip.AddrPort, bool) {
	if len(text) > maxAddress {
		return netip.AddrPort{}, false
	}
	address, port := text, []byte(nil)
	switch {
	case text[0] == '[':
		end := bytes.IndexByte(text, ']')
		if end < 0 {
			return netip.AddrPort{}, false
		}
		address = text[1:end]
		if rest := text[end+1:]; len(rest) > 0 {
			if rest[0] != ':' || len(rest) == 1 {
				return netip.AddrPort{}, false
			}
			port = rest[1:]
		}
		if bytes.IndexByte(address, ':') < 0 {
			return netip.AddrPort{}, false // brackets are for IPv6
		}
	case bytes.Count(text, []byte{':'}) == 1:
		at := bytes.IndexByte(text, ':')
		address, port = text[:at], text[at+1:]
		if len(port) == 0 {
			return netip.AddrPort{}, false
		}
	}
	// A zone means something on one link of one machine, and to nobody else.
	if len(address) == 0 || bytes.IndexByte(address, '%') >= 0 {
		return netip.AddrPort{}, false
	}
	// ParseAddr keeps its text in errors and zones only, of which there is none beyond this
	// line; a copy would be an allocation for each address.
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(address), len(address)))
	if err != nil {
		return netip.AddrPort{}, false
	}
	n := uint16(0)
	if port != nil {
		if n, err = parsePort(port); err != nil {
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(a.Unmap(), n), true
}

var (
	http  = []byte("http")
	https = []byte("https")
)

// Proto returns the scheme, http or https, that a trusted peer says the client used, and nil
// when it says none, several or something else.
func (b *Blocks) Proto(peer netip.Addr, fields []exchange.Field) []byte {
	switch value := b.only(peer, fields, exchange.FieldXForwardedProto); {
	case exchange.EqualFold(value, "https"):
		return https
	case exchange.EqualFold(value, "http"):
		return http
	}
	return nil
}

// Port returns the port, 1 to 65535, that a trusted peer says the client connected to, and
// nil when it says none, several or something else.
func (b *Blocks) Port(peer netip.Addr, fields []exchange.Field) []byte {
	value := b.only(peer, fields, exchange.FieldXForwardedPort)
	if n, err := parsePort(value); err != nil || n == 0 {
		return nil
	}
	return value
}

// only is the value of the field, if a trusted peer sent exactly one.
func (b *Blocks) only(peer netip.Addr, fields []exchange.Field, id exchange.FieldID) []byte {
	if !b.Contains(peer) {
		return nil
	}
	var value []byte
	found := false
	for i := range fields {
		if fields[i].ID == id {
			if found {
				return nil
			}
			value, found = fields[i].Value, true
		}
	}
	return value
}

// parsePort reads a port in decimal digits.
func parsePort(text []byte) (uint16, error) {
	if len(text) == 0 || len(text) > 5 {
		return 0, strconv.ErrSyntax
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
		n = n*10 + int(c-'0')
	}
	if n > 65535 {
		return 0, strconv.ErrRange
	}
	return uint16(n), nil
}
