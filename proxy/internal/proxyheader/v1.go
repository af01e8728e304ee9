package proxyheader

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// maxV1 is the longest line of version 1, its end included (section 2.1).
const maxV1 = 107

var (
	lineEnd = []byte("\r\n")
	unknown = []byte("UNKNOWN")
)

// parseV1 reads a line of version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`. Every field
// is as the protocol writes it, with one space in front.
func parseV1(b []byte) (Header, int, error) {
	end := bytes.IndexByte(b[:min(len(b), maxV1)], '\n')
	if end < 0 {
		if len(b) >= maxV1 {
			return Header{}, 0, ErrMalformed
		}
		return Header{}, 0, nil
	}
	n := end + 1
	line, ok := bytes.CutSuffix(b[len(signatureV1):n], lineEnd)
	if !ok {
		return Header{}, 0, ErrMalformed
	}
	family, rest, more := bytes.Cut(line, []byte{' '})
	if bytes.Equal(family, unknown) {
		return Header{}, n, nil // and whatever follows it on the line
	}
	if !more || len(family) != len("TCP4") || string(family[:3]) != "TCP" || family[3] != '4' && family[3] != '6' {
		return Header{}, 0, ErrMalformed
	}
	var fields [4][]byte
	for i := range fields {
		if !more {
			return Header{}, 0, ErrMalformed
		}
		fields[i], rest, more = bytes.Cut(rest, []byte{' '})
	}
	is4 := family[3] == '4'
	source, okSource := addressV1(fields[0], is4)
	destination, okDestination := addressV1(fields[1], is4)
	sourcePort, okSourcePort := portV1(fields[2])
	destinationPort, okDestinationPort := portV1(fields[3])
	if more || !okSource || !okDestination || !okSourcePort || !okDestinationPort {
		return Header{}, 0, ErrMalformed
	}
	return Header{plain(source, sourcePort), plain(destination, destinationPort)}, n, nil
}

// addressV1 reads an address of the line's family.
func addressV1(text []byte, is4 bool) (netip.Addr, bool) {
	if len(text) == 0 || bytes.IndexByte(text, '%') >= 0 {
		return netip.Addr{}, false // a zone is of the other machine
	}
	// ParseAddr keeps its text in errors and zones only; see package client.
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(text), len(text)))
	return a, err == nil && a.Is4() == is4
}

// portV1 reads a port: decimal digits, the first of several not 0.
func portV1(text []byte) (uint16, bool) {
	if len(text) == 0 || len(text) > 5 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 65535
}
