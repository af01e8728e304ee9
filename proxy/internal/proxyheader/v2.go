package proxyheader

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const (
	// sizeV2 is how long a header of version 2 is before its addresses: signature, version
	// and command, family and transport, and the length of what follows.
	sizeV2 = 16
	// maxV2 bounds that length.
	maxV2 = 4 << 10

	versionV2     = 0x2
	commandLocal  = 0x0
	commandProxy  = 0x1
	unspecified   = 0x00
	tcp4          = 0x11
	udp4          = 0x12
	tcp6          = 0x21
	udp6          = 0x22
	unixStream    = 0x31
	unixDatagram  = 0x32
	addresses4    = 2*4 + 2*2
	addresses6    = 2*16 + 2*2
	sizeExtension = 3
	typeCRC32C    = 0x03
)

// checkV2 reports what is wrong with as much of the first bytes as is there.
func checkV2(b []byte) error {
	if len(b) > 12 {
		if b[12]>>4 != versionV2 || b[12]&0xf > commandProxy {
			return ErrMalformed
		}
	}
	if len(b) > 13 {
		switch b[13] {
		case unspecified, tcp4, tcp6:
		case udp4, udp6, unixStream, unixDatagram:
			// A proxy that speaks for itself may name any of them; they do not count.
			if b[12]&0xf != commandLocal {
				return ErrUnsupported
			}
		default:
			return ErrMalformed
		}
	}
	if len(b) >= sizeV2 && int(binary.BigEndian.Uint16(b[14:])) > maxV2 {
		return ErrMalformed
	}
	return nil
}

// parseV2 reads a header of version 2 of which the first 16 bytes are there.
func parseV2(b []byte) (Header, int, error) {
	if err := checkV2(b); err != nil {
		return Header{}, 0, err
	}
	n := sizeV2 + int(binary.BigEndian.Uint16(b[14:]))
	if len(b) < n {
		return Header{}, 0, nil
	}
	var h Header
	body := b[sizeV2:n]
	switch {
	case b[12]&0xf == commandLocal:
		return h, n, nil // all that follows is to be skipped (section 2.2)
	case b[13] == unspecified:
		// No address, whatever stands there.
		return h, n, nil
	case b[13] == tcp4 && len(body) >= addresses4:
		h.Source = plain(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
		h.Destination = plain(netip.AddrFrom4([4]byte(body[4:])), binary.BigEndian.Uint16(body[10:]))
		body = body[addresses4:]
	case b[13] == tcp6 && len(body) >= addresses6:
		h.Source = plain(netip.AddrFrom16([16]byte(body)), binary.BigEndian.Uint16(body[32:]))
		h.Destination = plain(netip.AddrFrom16([16]byte(body[16:])), binary.BigEndian.Uint16(body[34:]))
		body = body[addresses6:]
	default:
		return Header{}, 0, ErrMalformed
	}
	if !extensions(b[:n], n-len(body)) {
		return Header{}, 0, ErrMalformed
	}
	return h, n, nil
}

// extensions reports whether what stands in header from at on is a list of extensions (TLVs),
// and the checksum right if one of them is that (section 2.2.3).
func extensions(header []byte, at int) bool {
	summed := false
	for at < len(header) {
		if len(header)-at < sizeExtension {
			return false
		}
		kind, size := header[at], int(binary.BigEndian.Uint16(header[at+1:]))
		at += sizeExtension
		if size > len(header)-at {
			return false
		}
		if kind == typeCRC32C {
			if summed || size != crc32.Size || !sumHolds(header, at) {
				return false
			}
			summed = true
		}
		at += size
	}
	return true
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      = make([]byte, crc32.Size)
)

// sumHolds reports whether the checksum that stands at at is that of the header, which is
// summed with zeros in its place.
func sumHolds(header []byte, at int) bool {
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, zeros)
	sum = crc32.Update(sum, castagnoli, header[at+crc32.Size:])
	return sum == binary.BigEndian.Uint32(header[at:])
}
