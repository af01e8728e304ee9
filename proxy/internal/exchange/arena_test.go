package exchange_test

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// TestArenaSettles has an exchange that needs many pieces: after the first ones, one block
// holds them all, and none overwrites another.
func TestArenaSettles(t *testing.T) {
	var a exchange.Arena
	pieces := make([][]byte, 40)
	run := func() {
		a.Reset()
		for i := range pieces {
			b := a.Begin()
			for range 10 + i%7 {
				b = append(b, byte(i))
			}
			pieces[i] = a.End(b)
		}
		for i, p := range pieces {
			if len(p) != 10+i%7 || bytes.Count(p, []byte{byte(i)}) != len(p) {
				t.Fatalf("piece %d is %v", i, p)
			}
		}
	}
	for range 3 {
		run()
	}
	if n := testing.AllocsPerRun(10, func() {
		a.Reset()
		for i := range pieces {
			a.Copy(pieces[i][:1])
			a.CopyString("0123456789")
		}
	}); n != 0 {
		t.Errorf("%v allocations once settled", n)
	}
}
