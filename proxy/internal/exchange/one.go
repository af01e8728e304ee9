package exchange

import (
	"net/netip"
	"slices"
)

// Exchange is one request, its answer and what is known of both. It is reused for
// every request of a connection; Reset keeps its memory.
type Exchange struct {
	Conn     *Connection
	Client   Client
	Request  Request
	Response Response
	Record   Record
	Arena    Arena
	// CloseTarget says that the target's connection serves nobody after this exchange: an
	// ambiguous request may have left the two ends with different ideas of where it ended.
	CloseTarget bool
	// Interim says that the client has been sent a 1xx of the target's.
	Interim bool
	// Forwarded is the client that a trusted proxy named; the zero value when none did.
	Forwarded netip.AddrPort
}

// ClientAddr is who asks: the client that a trusted proxy named, or else the peer.
func (x *Exchange) ClientAddr() netip.AddrPort {
	if x.Forwarded.IsValid() {
		return x.Forwarded
	}
	return x.Conn.Peer
}

// What an exchange keeps for the next one. All but a few requests need less; a head as large
// as is allowed would otherwise be kept for by every exchange that ever had one.
const (
	// MaxKeptFields bounds the fields of either head.
	MaxKeptFields = 128
	// maxKeptArena bounds the arena, in bytes.
	maxKeptArena = 16 << 10
)

// Reset makes the exchange ready for the next request of the same connection.
func (x *Exchange) Reset() {
	fields, rfields := KeepFields(x.Request.Fields), KeepFields(x.Response.Fields)
	x.Request = Request{Fields: fields}
	x.Response = Response{Fields: rfields}
	x.Record = Record{Priority: NoRule}
	x.Arena.Reset()
	x.CloseTarget, x.Interim = false, false
	x.Forwarded = netip.AddrPort{}
}

// KeepFields empties fields for reuse, or gives them up when they have grown large.
func KeepFields(fields []Field) []Field {
	if cap(fields) > MaxKeptFields {
		return nil
	}
	return fields[:0]
}

// Arena gives out small byte slices that live as long as the exchange. It grows to
// what the largest exchange of the connection needed and allocates no more after that.
type Arena struct {
	buf []byte
	// outgrown is what was given out from blocks that buf has replaced.
	outgrown int
}

// Reset takes back all that was given out. When one block did not hold it, the next one will.
func (a *Arena) Reset() {
	switch size := a.outgrown + cap(a.buf); {
	case size > maxKeptArena:
		a.buf = nil
	case a.outgrown > 0:
		a.buf = make([]byte, 0, size)
	}
	a.outgrown = 0
	a.buf = a.buf[:0]
}

// Begin returns an empty slice to append to; End takes it back in. Between the two,
// nothing else may use the arena.
func (a *Arena) Begin() []byte { return a.buf[len(a.buf):] }

// End keeps what was appended to the slice of Begin and returns it, fixed in length.
func (a *Arena) End(b []byte) []byte {
	if cap(a.buf) > 0 && len(b) <= cap(a.buf)-len(a.buf) {
		a.buf = a.buf[:len(a.buf)+len(b)]
	} else {
		// The append outgrew the block: its new, larger block serves from now on, and the
		// old one lives as long as something points into it.
		a.outgrown += len(a.buf)
		a.buf = b
	}
	return slices.Clip(b)
}

// Copy returns a copy of s in the arena.
func (a *Arena) Copy(s []byte) []byte { return a.End(append(a.Begin(), s...)) }

// CopyString returns a copy of s in the arena.
func (a *Arena) CopyString(s string) []byte { return a.End(append(a.Begin(), s...)) }
