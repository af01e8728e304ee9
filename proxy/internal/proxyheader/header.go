// Package proxyheader reads the header by which a proxy says, before the first byte of a
// connection that it passes on, whose it is: the PROXY protocol, versions 1 and 2. It is
// given bytes and reads no socket.
//
// https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
package proxyheader

import (
	"bytes"
	"errors"
	"net/netip"
)

// Header is what a proxy said.
type Header struct {
	// Source is the client, and Destination what it connected to. Both are the zero value
	// when the proxy speaks for itself, as health checks do (LOCAL), or does not know
	// (UNKNOWN, UNSPEC): the connection's own addresses count then.
	Source, Destination netip.AddrPort
}

// MaxSize is the most bytes that a header has here, the most that can be asked for before
// one is complete: version 2 with 4 KiB of addresses and extensions, which is room for a
// client's certificate. nginx takes as much.
const MaxSize = sizeV2 + maxV2

var (
	// ErrNone says that what came is the beginning of something else.
	ErrNone = errors.New("no PROXY header")
	// ErrMalformed says that a header began and is not one.
	ErrMalformed = errors.New("malformed PROXY header")
	// ErrUnsupported says that the header is of a connection that cannot be one of HTTP: over
	// UDP, or of a Unix socket.
	ErrUnsupported = errors.New("PROXY header of a connection that is not TCP over IP")
)

var (
	signatureV1 = []byte("PROXY ")
	signatureV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// Parse reads a header at the beginning of b. It returns how many bytes it has; 0 without an
// error when more of them have to come. It allocates nothing and keeps nothing of b.
func Parse(b []byte) (Header, int, error) {
	switch {
	case begins(b, signatureV1):
		if len(b) < len(signatureV1) {
			return Header{}, 0, nil
		}
		return parseV1(b)
	case begins(b, signatureV2):
		if len(b) < sizeV2 {
			return Header{}, 0, checkV2(b)
		}
		return parseV2(b)
	}
	return Header{}, 0, ErrNone
}

// begins reports whether b begins with signature, as far as it goes.
func begins(b, signature []byte) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], signature[:n])
}

// plain is the address as the rest of the proxy has it: IPv4 in IPv6 is IPv4.
func plain(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Unmap(), port) }
