package routing

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// canonicalizeHost fills r.Host and r.Port. The authority of an absolute target or of
// HTTP/2 replaces the Host field; of several Host fields the first counts. A field that an
// authority replaces still has to be well-formed, because a load balancer that preserves
// the host header forwards it, and over HTTP/2 it has to name the same host (RFC 9113, 8.3.1).
//
// A host is a name of letters, digits, - . and _ without empty labels, or an IPv6 address in
// brackets. A port is empty or 1-65535. One trailing dot is taken off: example.com. and
// example.com are the same host to rules and targets.
func canonicalizeHost(r *exchange.Request, a *exchange.Arena) *Error {
	field, has := r.Lookup(exchange.FieldHost)
	var host, port []byte
	if has {
		var ok bool
		if host, port, ok = splitHost(field); !ok {
			return errHost
		}
	} else if r.Version == exchange.HTTP11 {
		return errNoHost
	}
	switch {
	case len(r.Authority) > 0:
		h, p, ok := splitHost(r.Authority)
		if !ok {
			return errHost
		}
		if has && r.Version == exchange.HTTP2 && (!equalFold(h, host) || len(p) > 0 && len(port) > 0 && !bytes.Equal(p, port)) {
			return errTwoHosts
		}
		host, port = h, p
	case !has && r.Version == exchange.HTTP2:
		return errNoHost
	}
	r.Host, r.Port = lowered(host, a), port
	return nil
}

// splitHost takes a Host value apart; host is without its trailing dot and in the case in
// which it came. Only an IPv6 address costs an allocation.
func splitHost(s []byte) (host, port []byte, ok bool) {
	end := len(s)
	if end > 0 && s[0] == '[' {
		closing := bytes.IndexByte(s, ']')
		if closing < 0 || !isIPv6(s[1:closing]) {
			return nil, nil, false
		}
		end = closing + 1
		host = s[:end]
	} else {
		if colon := bytes.IndexByte(s, ':'); colon >= 0 {
			end = colon
		}
		host = s[:end]
		if n := len(host); n > 1 && host[n-1] == '.' {
			host = host[:n-1]
		}
		if !isName(host) {
			return nil, nil, false
		}
	}
	switch rest := s[end:]; {
	case len(rest) == 0:
		return host, nil, true
	case rest[0] != ':':
		return nil, nil, false
	default:
		return host, rest[1:], isPort(rest[1:])
	}
}

// isName reports whether s is labels with single dots between them.
func isName(s []byte) bool {
	label := 0 // bytes in the current label
	for _, c := range s {
		switch {
		case nameByte[c]:
			label++
		case c == '.' && label > 0:
			label = 0
		default:
			return false
		}
	}
	return label > 0
}

var nameByte = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = true
	}
	return t
}()

func isIPv6(s []byte) bool {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	if len(s) > longest || bytes.IndexByte(s, '%') >= 0 {
		return false
	}
	address, err := netip.ParseAddr(string(s))
	return err == nil && address.Is6()
}

// isPort reports whether s is empty or 1-65535 without leading zeros.
func isPort(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	if len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

// lowered returns s in lower case, in the arena when it was not.
func lowered(s []byte, a *exchange.Arena) []byte {
	for _, c := range s {
		if exchange.Lower(c) != c {
			b := a.Begin()
			for _, c := range s {
				b = append(b, exchange.Lower(c))
			}
			return a.End(b)
		}
	}
	return s
}

func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if exchange.Lower(a[i]) != exchange.Lower(b[i]) {
			return false
		}
	}
	return true
}

// AppendForwardedHost appends the value of the Host field that the target receives, for a
// canonical request that came in on listenerPort, 1-65535.
//
// Without preserve (routing.http.preserve_host_header.enabled is false) it is the canonical
// host. On ports 80 and 443 a port that the client sent is taken off; on other ports the
// listener's is added when the client sent none. With preserve it is what the client sent,
// byte for byte: the Host field, even beside an absolute target, or :authority over HTTP/2.
// A host that a transform rewrote is never replaced by the client's.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
func AppendForwardedHost(dst []byte, r *exchange.Request, preserve bool, listenerPort int) []byte {
	if preserve {
		field, _ := r.Lookup(exchange.FieldHost)
		judged, sent := r.Authority, field
		if len(judged) == 0 {
			judged = field
		}
		if r.Version == exchange.HTTP2 || len(sent) == 0 {
			sent = judged
		}
		if isOf(judged, r.Host, r.Port) {
			return append(dst, sent...)
		}
		dst = append(dst, r.Host...)
		if len(r.Port) > 0 {
			dst = append(append(dst, ':'), r.Port...)
		}
		return dst
	}
	dst = append(dst, r.Host...)
	switch {
	case len(r.Host) == 0, listenerPort == 80, listenerPort == 443:
		return dst
	case len(r.Port) > 0:
		return append(append(dst, ':'), r.Port...)
	default:
		return strconv.AppendInt(append(dst, ':'), int64(listenerPort), 10)
	}
}

// isOf reports whether host and port are the canonical form of sent, and not what a
// transform made of it.
func isOf(sent, host, port []byte) bool {
	if len(sent) < len(host) || !equalFold(sent[:len(host)], host) {
		return false
	}
	rest := bytes.TrimPrefix(sent[len(host):], []byte("."))
	if len(rest) == 0 {
		return len(port) == 0
	}
	return rest[0] == ':' && bytes.Equal(rest[1:], port)
}
