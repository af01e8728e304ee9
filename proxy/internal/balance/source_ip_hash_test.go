package balance_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// ipHash is ngx_http_upstream_get_ip_hash_peer, read from nginx: the target of an address
// among the weights, of which those that are out are passed over; -1 when nginx gives up.
func ipHash(a netip.Addr, weights []int, out map[int]bool) int {
	octets, total := a.AsSlice(), 0
	if a.Is4() {
		octets = octets[:3]
	}
	for _, w := range weights {
		total += w
	}
	hash := 89
	for range 21 {
		for _, o := range octets {
			hash = (hash*113 + int(o)) % 6271
		}
		w, i := hash%total, 0
		for ; w >= weights[i]; i++ {
			w -= weights[i]
		}
		if !out[i] {
			return i
		}
	}
	return -1
}

// address is any, of either family.
func address(random *rand.Rand) netip.Addr {
	if random.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())})
	}
	b := [16]byte{0: 0x20, 1: 1}
	for i := 2; i < 16; i++ {
		b[i] = byte(random.Uint32())
	}
	return netip.AddrFrom16(b)
}

// TestSourceIPHashIsNginx compares with the loop that nginx runs: any weights, and any
// targets down.
func TestSourceIPHashIsNginx(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		weights, out := make([]int, 1+random.IntN(12)), map[int]bool{}
		for i := range weights {
			weights[i] = 1 + random.IntN(20)
		}
		targets := weighing(weights...)
		for i := range targets {
			if random.IntN(4) == 0 && len(out) < len(targets)-1 {
				out[i], targets[i].Down = true, true
			}
		}
		a := algorithm(t, balance.SourceIPHash, targets, nil)
		from := address(random)
		want := ipHash(from, weights, out)
		if got := a.Pick(balance.Facts{Hash: balance.SourceIP(from)}); want >= 0 && got != want || out[got] {
			t.Fatalf("%s among %d without %v: picked %d, nginx picks %d", from, weights, out, got, want)
		}
	}
}

func TestSourceIPHashOfNetworks(t *testing.T) {
	hash := func(s string) uint64 { return balance.SourceIP(netip.MustParseAddr(s)) }
	if hash("192.0.2.1") != hash("192.0.2.254") || hash("::ffff:192.0.2.9") != hash("192.0.2.1") {
		t.Error("addresses of one /24 differ")
	}
	if hash("192.0.2.1") == hash("192.0.3.1") || hash("2001:db8::1") == hash("2001:db8::2") {
		t.Error("addresses of two networks are the same")
	}
	if got := balance.SourceIP(netip.Addr{}); got != 0 {
		t.Errorf("no address is %d", got)
	}
}

// TestSourceIPHashPassesOnOnlyItsOwn takes each target out: nobody else's clients move, and
// all are back with it.
func TestSourceIPHashPassesOnOnlyItsOwn(t *testing.T) {
	const clients = 2000
	weights := []int{1, 3, 2, 1, 5}
	picks := func(out int) []int {
		targets := weighing(weights...)
		if out >= 0 {
			targets[out].Down = true
		}
		a, got := algorithm(t, balance.SourceIPHash, targets, nil), make([]int, clients)
		for i := range got {
			got[i] = a.Pick(balance.Facts{Hash: balance.SourceIP(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))})
		}
		return got
	}
	whole, counts := picks(-1), make([]int, len(weights))
	for _, i := range whole {
		counts[i]++
	}
	for i, w := range weights {
		if share := float64(counts[i]) / clients * 12 / float64(w); share < 0.8 || share > 1.2 {
			t.Errorf("target of weight %d has %d clients of %d", w, counts[i], clients)
		}
		for client, got := range picks(i) {
			if got == i || whole[client] != i && got != whole[client] {
				t.Fatalf("without %d client %d goes to %d, with it to %d", i, client, got, whole[client])
			}
		}
	}
}

// TestSourceIPHashReachesAll has more weight than nginx's hash has values.
func TestSourceIPHashReachesAll(t *testing.T) {
	targets := group(500)
	for i := range targets {
		targets[i].Weight = 200
	}
	a, got := algorithm(t, balance.SourceIPHash, targets, nil), make([]int, 500)
	for i := range 100_000 {
		got[a.Pick(balance.Facts{Hash: balance.SourceIP(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 0}))})]++
	}
	for i, n := range got {
		if n < 120 || n > 280 {
			t.Errorf("target %d has %d of 100000", i, n)
		}
	}
}

// TestHashesTakeTurnsWithoutAKey: nothing to go by is no reason to send all to one.
func TestHashesTakeTurnsWithoutAKey(t *testing.T) {
	for _, name := range []string{balance.SourceIPHash, balance.ConsistentHash} {
		targets := group(4)
		targets[2].Down = true
		got := count(algorithm(t, name, targets, nil), 4, 3000, start, 1)
		if fmt.Sprint(got) != "[1000 1000 0 1000]" {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestHashesStartSlow follows a target that comes back: its keys come to it one by one over
// its ramp, and nobody else's move.
func TestHashesStartSlow(t *testing.T) {
	const keys, back = 4000, 3
	random := rand.New(rand.NewPCG(7, 7))
	hashes := make([]uint64, keys)
	for _, name := range []string{balance.SourceIPHash, balance.ConsistentHash} {
		for i := range hashes {
			hashes[i] = random.Uint64()
			if name == balance.SourceIPHash {
				hashes[i] = balance.SourceIP(address(random))
			}
		}
		targets := group(8)
		whole := algorithm(t, name, targets, nil)
		targets[back] = ramping(targets[back], start, 100*time.Second)
		a := algorithm(t, name, targets, nil)
		came := make([]bool, keys)
		for _, after := range []int{10, 25, 50, 75, 99, 100} {
			own, here := 0, 0
			for i, h := range hashes {
				f := balance.Facts{Now: start.Add(time.Duration(after) * time.Second), Hash: h}
				home, got := whole.Pick(f), a.Pick(f)
				if home == back {
					own++
				}
				if got == back {
					here++
				} else if came[i] || home != back && got != home {
					t.Fatalf("%s after %ds: key %d goes to %d, belongs to %d", name, after, i, got, home)
				}
				came[i] = got == back
			}
			if part := float64(here) / float64(own); part < float64(after)/100-0.1 || part > float64(after)/100+0.1 {
				t.Errorf("%s after %ds: %d of %d keys are back", name, after, here, own)
			}
		}
	}
}
