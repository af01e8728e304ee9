package discovery_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/discovery"
)

func addresses(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// text is a target as tests write it: address, weight, and b for a backup.
func text(list []discovery.Target) []string {
	var out []string
	for _, t := range list {
		s := fmt.Sprintf("%s %d", t.Address, t.Weight)
		if t.Backup {
			s += " b"
		}
		out = append(out, s)
	}
	return out
}

func TestOrderOfAnAnswerChangesNothing(t *testing.T) {
	list := addresses("10.0.0.3", "2001:db8::1", "10.0.0.1", "10.0.0.2", "10.0.0.1")
	want := []string{"10.0.0.1:80 1", "10.0.0.2:80 1", "10.0.0.3:80 1", "[2001:db8::1]:80 1"}
	for range 50 {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if diff := cmp.Diff(want, text(discovery.AtPort(list, 80))); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestServices(t *testing.T) {
	hosts := map[string][]netip.Addr{"a": addresses("10.0.0.1"), "b": addresses("10.0.0.2", "2001:db8::2"), "c": addresses("10.0.0.3"), "d": nil}
	for name, c := range map[string]struct {
		services []discovery.Service
		want     []string
	}{
		"none":       {nil, nil},
		"one":        {[]discovery.Service{{Host: "a", Port: 81, Priority: 10, Weight: 5}}, []string{"10.0.0.1:81 5"}},
		"priorities": {[]discovery.Service{{Host: "a", Port: 81, Priority: 20, Weight: 5}, {Host: "c", Port: 83, Priority: 10}, {Host: "b", Port: 82, Priority: 30, Weight: 1}}, []string{"10.0.0.1:81 5 b", "10.0.0.2:82 1 b", "10.0.0.3:83 1", "[2001:db8::2]:82 1 b"}},
		"weights":    {[]discovery.Service{{Host: "a", Port: 1, Weight: 60000}, {Host: "b", Port: 2, Weight: 30000}, {Host: "c", Port: 3, Weight: 1}}, []string{"10.0.0.1:1 256", "10.0.0.2:2 128", "10.0.0.3:3 1", "[2001:db8::2]:2 128"}},
		"no weight":  {[]discovery.Service{{Host: "a", Port: 1}, {Host: "c", Port: 1, Weight: 256}}, []string{"10.0.0.1:1 1", "10.0.0.3:1 256"}},
		"two ports":  {[]discovery.Service{{Host: "a", Port: 2}, {Host: "a", Port: 1}}, []string{"10.0.0.1:1 1", "10.0.0.1:2 1"}},
		"twice":      {[]discovery.Service{{Host: "a", Port: 1, Priority: 1, Weight: 200}, {Host: "a", Port: 1, Weight: 3}, {Host: "a", Port: 1, Weight: 4}}, []string{"10.0.0.1:1 4"}},
		"no address": {[]discovery.Service{{Host: "d", Port: 1}, {Host: "unknown", Port: 1}}, nil},
	} {
		got := text(discovery.OfServices(c.services, func(host string) []netip.Addr { return hosts[host] }))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestTargetsAreBounded: those that serve are kept before backups.
func TestTargetsAreBounded(t *testing.T) {
	var services []discovery.Service
	for i := range 2 * discovery.MaxRecords {
		services = append(services, discovery.Service{Host: fmt.Sprint(i), Port: 80, Priority: uint16(1 - i%2)})
	}
	list := discovery.OfServices(services, func(host string) []netip.Addr {
		var i int
		_, _ = fmt.Sscan(host, &i)
		return []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}
	})
	if len(list) != discovery.MaxRecords || slices.ContainsFunc(list, func(t discovery.Target) bool { return t.Backup }) {
		t.Errorf("%d targets, backups among them", len(list))
	}
	if !slices.IsSortedFunc(list, func(a, b discovery.Target) int { return a.Address.Compare(b.Address) }) {
		t.Error("they are in no order")
	}
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		interval, ttl time.Duration
		failures      int
		want          time.Duration
	}{
		{0, 30 * time.Second, 0, 30 * time.Second},
		{0, 0, 0, time.Second},
		{0, 200 * time.Hour, 0, time.Hour},
		{10 * time.Second, time.Hour, 0, 10 * time.Second},
		{10 * time.Second, 0, 0, 10 * time.Second},
		{0, 30 * time.Second, 1, time.Second},
		{0, 30 * time.Second, 2, 2 * time.Second},
		{0, 30 * time.Second, 5, 16 * time.Second},
		{0, 30 * time.Second, 6, 30 * time.Second},
		{0, 30 * time.Second, 1 << 30, 30 * time.Second},
		{5 * time.Second, 0, 1, time.Second},
		{5 * time.Second, 0, 9, 5 * time.Second},
		{time.Hour, 0, 9, 30 * time.Second},
	} {
		least, most := discovery.Pause(c.interval, c.ttl, c.failures, 0), discovery.Pause(c.interval, c.ttl, c.failures, 0.9999)
		if least != c.want || most <= least || most > c.want+c.want/10 {
			t.Errorf("%+v: %v to %v", c, least, most)
		}
	}
}

func TestServersOfTheMachine(t *testing.T) {
	got := discovery.Servers(strings.NewReader("# comment\nsearch a.test\nnameserver 10.0.0.2\n nameserver\t2001:db8::2 # more\nnameserver name.test\nnameserver fe80::1%eth0\noptions ndots:5\nnameserver 10.0.0.4\n"))
	if diff := cmp.Diff([]string{"10.0.0.2:53", "[2001:db8::2]:53", "[fe80::1%eth0]:53"}, got); diff != "" {
		t.Error(diff)
	}
}
