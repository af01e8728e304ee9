package forward

import (
	"net/netip"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
)

func TestHashOf(t *testing.T) {
	x := &exchange.Exchange{Conn: &exchange.Connection{Peer: netip.MustParseAddrPort("192.0.2.7:1234")}}
	x.Request = exchange.Request{
		Host: []byte("example.com"), Path: []byte("/a"), Query: []byte("idx=0&id=7&id=8&empty=&flag"), HasQuery: true,
		Fields: []exchange.Field{
			{Name: []byte("x-user"), Value: []byte("42")},
			{Name: []byte("X-User"), Value: []byte("43")},
			{Name: []byte("X-Empty")},
			{ID: exchange.FieldCookie, Name: []byte("Cookie"), Value: []byte("b=1; s=abc")},
		},
	}
	of := func(s string) uint64 { return balance.Digest(0).Add([]byte(s)).Hash() }
	address := x.Conn.Peer.Addr().As16()
	for _, c := range []struct {
		key  target.HashKey
		want uint64
	}{
		{target.HashKey{}, 0},
		{target.HashKey{Kind: target.HashNetwork}, balance.SourceIP(netip.MustParseAddr("192.0.2.200"))},
		{target.HashKey{Kind: target.HashSourceIP}, of(string(address[:]))},
		{target.HashKey{Kind: target.HashHost}, of("example.com")},
		{target.HashKey{Kind: target.HashPath}, of("/a")},
		{target.HashKey{Kind: target.HashURI}, of("/a?idx=0&id=7&id=8&empty=&flag")},
		{target.HashKey{Kind: target.HashHeader, Name: "X-User"}, of("42")},
		{target.HashKey{Kind: target.HashHeader, Name: "X-Empty"}, 0},
		{target.HashKey{Kind: target.HashHeader, Name: "X-None"}, 0},
		{target.HashKey{Kind: target.HashCookie, Name: "s"}, of("abc")},
		{target.HashKey{Kind: target.HashCookie, Name: "S"}, 0},
		{target.HashKey{Kind: target.HashQuery, Name: "id"}, of("7")},
		{target.HashKey{Kind: target.HashQuery, Name: "empty"}, 0},
		{target.HashKey{Kind: target.HashQuery, Name: "flag"}, 0},
		{target.HashKey{Kind: target.HashQuery, Name: "d"}, 0},
	} {
		if got := hashOf(x, &c.key); got != c.want {
			t.Errorf("%+v: got %x, want %x", c.key, got, c.want)
		}
		if n := testing.AllocsPerRun(100, func() { hashOf(x, &c.key) }); n != 0 {
			t.Errorf("%+v: %v allocations", c.key, n)
		}
	}
}
