package target_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// persistentBench is a bench whose group has a persistence cookie.
func persistentBench(t *testing.T, env *spec.Environment, secrets ...byte) *bench {
	t.Helper()
	long := make([][]byte, len(secrets))
	for i, c := range secrets {
		long[i] = bytes.Repeat([]byte{c}, 32)
	}
	sealer, err := sticky.NewSealer(long...)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t, target.NewRegistry(target.Options{Sealer: sealer})}
	b.apply(env)
	return b
}

func withCookie(g *spec.TargetGroup) {
	g.ProxyOnly.Cookie.Name = "SERVERID"
	g.Stickiness.Type = spec.StickinessLBCookie
}

// named is the address of the target that a cookie's value names.
func (b *bench) named(value string) string {
	b.t.Helper()
	if t := b.group().Snapshot().HoldsPersistent([]byte(value)); t != nil {
		return t.Address
	}
	return ""
}

// TestPersistenceFollowsHealth takes targets out and brings them back: a cookie finds who may
// serve, a backup too, and means the same target at all times.
func TestPersistenceFollowsHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		change := func(g *spec.TargetGroup) {
			withCookie(g)
			g.Targets[2].ProxyOnly.Backup = true
		}
		b := persistentBench(t, environment(change, 1, 2, 3), 'a')
		defer b.registry.Close()
		want := func(what, t1, t2, t3 string) {
			t.Helper()
			for value, address := range map[string]string{"t1": t1, "t2": t2, "t3": t3, "": "", "10.0.0.1:80": "", "t1|x": ""} {
				if got := b.named(value); got != address {
					t.Errorf("%s: %q names %q, want %q", what, value, got, address)
				}
			}
		}
		want("at first it fails open", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
		b.report(1, "P")
		want("t1 is healthy", "10.0.0.1:80", "", "")
		b.report(2, "P")
		b.report(3, "P")
		want("all are", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
		b.report(1, "FF")
		want("t1 is out", "", "10.0.0.2:80", "10.0.0.3:80")
		b.report(1, "PP")
		want("t1 is back", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
		b.order("t2", target.ActionDrain, 0)
		want("an operator drains t2", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
		b.apply(environment(withCookie, 1, 3))
		want("t2 leaves", "10.0.0.1:80", "", "10.0.0.3:80")
		if got := b.group().Snapshot().Config; got.Stickiness.Type != "" || got.Persistence.Name != "SERVERID" {
			t.Errorf("got stickiness %q beside %+v", got.Stickiness.Type, got.Persistence)
		}
		b.apply(environment(nil, 1, 3))
		want("no cookie any more", "", "", "")
		if got, _ := b.group().Snapshot().Pick(balance.Facts{}); got.Persistent != "" {
			t.Errorf("%s still has the name %q", got.ID, got.Persistent)
		}
	})
}

// TestPersistenceHidesAddresses looks at which ids clients may see.
func TestPersistenceHidesAddresses(t *testing.T) {
	for _, c := range []struct {
		id, address string
		shown       bool
	}{
		{"web-1", "10.0.0.1", true},
		{"i-0123456789abcdef0", "10.0.0.1", true},
		{"host-10", "10.0.0.1", true},
		{"v1.2.3.4-5", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.1", false},
		{"10.0.0.1:80", "10.0.0.1", false},
		{"203.0.113.9", "10.0.0.1", false},
		{"ip-10-0-0-1.ec2.internal", "10.0.0.1", false},
		{"web_10_0_0_1", "10.0.0.1", false},
		{"web-10.0.0.1-b", "10.0.0.1", false},
		{"2001:db8::1", "2001:db8::1", false},
		{"web-2001-DB8--1", "2001:db8::1", false},
		{"web-6", "2001:db8::1", true},
	} {
		one := func(g *spec.TargetGroup) {
			withCookie(g)
			g.Targets = []spec.Target{{ID: c.id, Address: c.address, ProxyOnly: spec.TargetProxyOnly{Weight: 1}}}
		}
		b := persistentBench(t, environment(one), 'a')
		got, _ := b.group().Snapshot().Pick(balance.Facts{})
		if shown := got.Persistent == c.id; shown != c.shown {
			t.Errorf("%s at %s: its cookie says %q", c.id, c.address, got.Persistent)
		}
		if b.named(got.Persistent) != got.Address {
			t.Errorf("%s at %s: %q does not name it", c.id, c.address, got.Persistent)
		}
		if !c.shown && b.named(c.id) != "" {
			t.Errorf("%s at %s: clients can try ids out", c.id, c.address)
		}
		b.registry.Close()
	}
}

// TestPersistenceOfTwins has one id at two ports, as an instance that runs two processes.
func TestPersistenceOfTwins(t *testing.T) {
	twins := func(g *spec.TargetGroup) {
		withCookie(g)
		for _, port := range []int{8001, 8002} {
			g.Targets = append(g.Targets, spec.Target{ID: "i-1", Address: "10.0.0.9", Port: port, ProxyOnly: spec.TargetProxyOnly{Weight: 1}})
		}
	}
	values := func(b *bench) (list []string) {
		for _, v := range b.group().Views() {
			if list = append(list, v.Persistent); b.named(v.Persistent) != v.Address {
				t.Errorf("%q names %q, not %s", v.Persistent, b.named(v.Persistent), v.Address)
			}
		}
		return list
	}
	first := persistentBench(t, environment(twins, 1), 'a')
	defer first.registry.Close()
	old := values(first)
	if old[0] != "t1" || old[1] == old[2] || strings.Contains(strings.Join(old, " "), "i-1") {
		t.Fatalf("got %q", old)
	}
	rotated := persistentBench(t, environment(twins, 1), 'b', 'a')
	defer rotated.registry.Close()
	if now := values(rotated); now[1] == old[1] {
		t.Errorf("with another secret %q is still given out", now[1])
	}
	for i, address := range []string{"10.0.0.1:80", "10.0.0.9:8001", "10.0.0.9:8002"} {
		if got := rotated.named(old[i]); got != address {
			t.Errorf("with another secret in front %q names %q, want %s", old[i], got, address)
		}
	}
}
