package target_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// homes are the targets of a thousand clients.
func (b *bench) homes() []string {
	b.t.Helper()
	ids := make([]string, 1000)
	for i := range ids {
		hash := balance.SourceIP(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))
		got, _ := b.group().Snapshot().Pick(balance.Facts{Hash: hash})
		if got == nil {
			b.t.Fatalf("client %d goes nowhere", i)
		}
		ids[i] = got.ID
	}
	return ids
}

// TestHashesKeepPlaces takes a target out, by its health checks and by orders, and back in: for as long its
// clients go elsewhere, and nobody else moves. The order in which a process came to know the
// targets does not matter.
func TestHashesKeepPlaces(t *testing.T) {
	for _, algorithm := range []string{spec.SourceIPHash, spec.ConsistentHashing} {
		synctest.Test(t, func(t *testing.T) {
			hashing := func(g *spec.TargetGroup) {
				g.ProxyOnly.Algorithm, g.ProxyOnly.ConsistentHash.Key = algorithm, "source_ip"
			}
			b := newBench(t, environment(hashing, 3, 1))
			b.apply(environment(hashing, 1, 2, 3, 4))
			defer b.registry.Close()
			for n := range 4 {
				b.report(n+1, "P")
			}
			before := b.homes()
			without := func(what string) {
				t.Helper()
				for i, id := range b.homes() {
					if id == "t2" || before[i] != "t2" && id != before[i] {
						t.Fatalf("%s, %s: client %d goes to %s without t2, and to %s with it", algorithm, what, i, id, before[i])
					}
				}
			}
			back := func(what string) {
				t.Helper()
				if fmt.Sprint(b.homes()) != fmt.Sprint(before) {
					t.Errorf("%s, %s: clients are not back where they were", algorithm, what)
				}
			}
			b.report(2, "FF")
			without("unhealthy")
			if b.holds("10.0.0.2:80") {
				t.Errorf("%s: cookies still find the target that is out", algorithm)
			}
			b.report(2, "PP")
			back("healthy")
			for _, action := range []string{target.ActionDrain, target.ActionMaintenance} {
				b.order("t2", action, 0)
				without(action)
				b.order("t2", target.ActionReady, 0)
				b.report(2, "P")
				back(action)
			}
			other := newBench(t, environment(hashing, 1, 2, 3, 4))
			defer other.registry.Close()
			if fmt.Sprint(other.homes()) != fmt.Sprint(before) {
				t.Errorf("%s: another process maps clients otherwise", algorithm)
			}
		})
	}
}

// TestHashesAndBackups: a backup stands in for all, and has no place before.
func TestHashesAndBackups(t *testing.T) {
	b := newBench(t, environment(func(g *spec.TargetGroup) {
		g.ProxyOnly.Algorithm = spec.SourceIPHash
		g.Targets[2].ProxyOnly.Backup = true
	}, 1, 2, 3))
	defer b.registry.Close()
	for n := range 3 {
		b.report(n+1, "P")
	}
	want := func(ids ...string) {
		t.Helper()
		got := map[string]bool{}
		for _, id := range b.homes() {
			got[id] = true
		}
		for _, id := range ids {
			if !got[id] || len(got) != len(ids) {
				t.Errorf("clients go to %v, want %v", got, ids)
			}
		}
	}
	want("t1", "t2")
	b.report(1, "FF")
	want("t2")
	b.report(2, "FF")
	want("t3")
}

func TestHashKeys(t *testing.T) {
	for key, want := range map[string]target.HashKey{
		"source_ip": {Kind: target.HashSourceIP}, "host": {Kind: target.HashHost}, "path": {Kind: target.HashPath},
		"uri": {Kind: target.HashURI}, "header:X-User": {Kind: target.HashHeader, Name: "X-User"},
		"cookie:a": {Kind: target.HashCookie, Name: "a"}, "query:id": {Kind: target.HashQuery, Name: "id"},
	} {
		b := newBench(t, environment(func(g *spec.TargetGroup) {
			g.ProxyOnly.Algorithm, g.ProxyOnly.ConsistentHash.Key = spec.ConsistentHashing, key
		}, 1))
		if got := b.group().Snapshot().Config.HashKey; got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
}
