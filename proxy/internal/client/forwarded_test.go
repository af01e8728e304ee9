package client_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/client"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// trusted has the proxies of the tests: two blocks, an address, and one written as IPv4 in
// IPv6.
func trusted(t testing.TB) *client.Blocks {
	t.Helper()
	b, err := client.NewBlocks([]string{"10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7/32", "fe80::/10", "::ffff:172.16.0.0/108"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fields has the given lines, each "Name: value".
func fields(lines ...string) []exchange.Field {
	var list []exchange.Field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		list = append(list, exchange.Field{ID: exchange.Identify([]byte(name)), Name: []byte(name), Value: []byte(value)})
	}
	return list
}

const none = "invalid AddrPort"

func TestForwarded(t *testing.T) {
	many := strings.Repeat("10.0.0.2, ", 70)
	for _, c := range []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{"no field", "10.0.0.1", nil, none},
		{"an empty field", "10.0.0.1", []string{"X-Forwarded-For: "}, none},
		{"commas alone", "10.0.0.1", []string{"X-Forwarded-For: ,, , "}, none},
		{"one address", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5:0"},
		{"another name", "10.0.0.1", []string{"X-Real-Ip: 203.0.113.5", "Forwarded: for=203.0.113.5"}, none},
		{"a peer that is not trusted", "203.0.113.9", []string{"X-Forwarded-For: 198.51.100.1"}, none},
		{"a peer beside a trusted address", "192.0.2.8", []string{"X-Forwarded-For: 198.51.100.1"}, none},
		{"a spoofed address before the client's", "10.0.0.1", []string{"X-Forwarded-For: 127.0.0.1, 203.0.113.5"}, "203.0.113.5:0"},
		{"a spoofed trusted address before the client's", "10.0.0.1", []string{"X-Forwarded-For: 10.9.9.9, 203.0.113.5"}, "203.0.113.5:0"},
		{"proxies between", "10.0.0.1", []string{"X-Forwarded-For: 1.2.3.4, 203.0.113.5, 192.0.2.7, 10.0.0.2"}, "203.0.113.5:0"},
		{"several fields are one list", "10.0.0.1", []string{"X-Forwarded-For: 1.2.3.4", "Host: a", "x-forwarded-for: 203.0.113.5, 10.0.0.3", "X-Forwarded-For: 10.0.0.2"}, "203.0.113.5:0"},
		{"all trusted", "10.0.0.1", []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, "10.0.0.3:0"},
		{"tabs and no spaces", "10.0.0.1", []string{"X-Forwarded-For: 1.2.3.4,203.0.113.5\t,10.0.0.2"}, "203.0.113.5:0"},
		{"empty elements", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5,, 10.0.0.2,"}, "203.0.113.5:0"},
		{"a port", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5:4711"}, "203.0.113.5:4711"},
		{"ports between", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5:4711, 10.0.0.2:80"}, "203.0.113.5:4711"},
		{"IPv6", "10.0.0.1", []string{"X-Forwarded-For: 2001:db8::9"}, "[2001:db8::9]:0"},
		{"IPv6 in brackets", "10.0.0.1", []string{"X-Forwarded-For: 2001:db8::9, [2001:db8:1::1]"}, "[2001:db8::9]:0"},
		{"IPv6 with a port", "2001:db8:1::2", []string{"X-Forwarded-For: [2001:db8::9]:4711"}, "[2001:db8::9]:4711"},
		{"IPv4 in IPv6", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5, ::ffff:10.0.0.2"}, "203.0.113.5:0"},
		{"a client as IPv4 in IPv6", "10.0.0.1", []string{"X-Forwarded-For: ::ffff:203.0.113.5"}, "203.0.113.5:0"},
		{"a peer as IPv4 in IPv6", "::ffff:10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5:0"},
		{"a block as IPv4 in IPv6", "172.31.255.255", []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5:0"},
		{"a peer with a zone", "fe80::1%eth0", []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5:0"},
		{"a zone", "10.0.0.1", []string{"X-Forwarded-For: fe80::2%eth0"}, none},
		{"a zone behind the client", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5, fe80::2%eth0, 10.0.0.2"}, "10.0.0.2:0"},
		{"garbage", "10.0.0.1", []string{"X-Forwarded-For: unknown"}, none},
		{"garbage before a proxy", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5, _hidden, 10.0.0.2"}, "10.0.0.2:0"},
		{"garbage before the client", "10.0.0.1", []string{"X-Forwarded-For: <script>, 203.0.113.5"}, "203.0.113.5:0"},
		{"a quoted address", "10.0.0.1", []string{`X-Forwarded-For: "203.0.113.5"`}, none},
		{"zeros in front", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.05"}, none},
		{"too short", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113"}, none},
		{"a port that is none", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5:"}, none},
		{"a port too large", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5:65536"}, none},
		{"a port with a sign", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5:+80"}, none},
		{"brackets open", "10.0.0.1", []string{"X-Forwarded-For: [2001:db8::9"}, none},
		{"brackets empty", "10.0.0.1", []string{"X-Forwarded-For: []"}, none},
		{"brackets around IPv4", "10.0.0.1", []string{"X-Forwarded-For: [203.0.113.5]"}, none},
		{"something behind brackets", "10.0.0.1", []string{"X-Forwarded-For: [2001:db8::9]80"}, none},
		{"brackets and no port", "10.0.0.1", []string{"X-Forwarded-For: [2001:db8::9]:"}, none},
		{"a long one", "10.0.0.1", []string{"X-Forwarded-For: " + strings.Repeat("1", 5000)}, none},
		{"70 hops", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5, " + many + "10.0.0.3"}, "10.0.0.2:0"},
		{"29 hops and the client", "10.0.0.1", []string{"X-Forwarded-For: 203.0.113.5" + strings.Repeat(", 10.0.0.2", 29)}, "203.0.113.5:0"},
	} {
		if got := trusted(t).Forwarded(netip.MustParseAddr(c.peer), fields(c.lines...)).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	b, err := client.NewBlocks(nil)
	if b != nil || err != nil {
		t.Fatalf("got %v, %v, want none", b, err)
	}
	if got := b.Forwarded(netip.MustParseAddr("10.0.0.1"), fields("X-Forwarded-For: 203.0.113.5")); got.IsValid() {
		t.Errorf("%s was believed", got)
	}
}

func TestBlocks(t *testing.T) {
	b, err := client.NewBlocks([]string{"10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24", "192.0.2.0/24", "0.0.0.0/32", "2001:db8::/32", "192.0.2.0/25"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"10.0.0.0": true, "10.1.2.3": true, "10.255.255.255": true, "11.0.0.0": false, "9.255.255.255": false,
		"192.0.2.0": true, "192.0.2.255": true, "192.0.3.0": false, "192.0.1.255": false,
		"0.0.0.0": true, "0.0.0.1": false, "2001:db8::": true, "2001:db8:ffff::1": true, "2001:db9::": false, "::": false, "::a00:1": false,
	} {
		if got := b.Contains(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is in: %v, want %v", address, got, want)
		}
	}
	if b.Contains(netip.Addr{}) {
		t.Error("no address at all is in")
	}
	if _, err := client.NewBlocks([]string{"10.0.0.0"}); err == nil || !strings.Contains(err.Error(), `"10.0.0.0"`) {
		t.Errorf("got %v", err)
	}
}

func TestProtoAndPort(t *testing.T) {
	for _, c := range []struct {
		peer        string
		lines       []string
		proto, port string
	}{
		{"10.0.0.1", nil, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"}, "https", "8443"},
		{"10.0.0.1", []string{"X-Forwarded-Proto: HTTP"}, "http", ""},
		{"203.0.113.9", []string{"X-Forwarded-Proto: https", "X-Forwarded-Port: 443"}, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Proto: https, http", "X-Forwarded-Port: 443,80"}, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Port: 1"}, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Proto: javascript", "X-Forwarded-Port: 0"}, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Port: 65536"}, "", ""},
		{"10.0.0.1", []string{"X-Forwarded-Port: 4 3"}, "", ""},
	} {
		peer := netip.MustParseAddr(c.peer)
		if got := string(trusted(t).Proto(peer, fields(c.lines...))); got != c.proto {
			t.Errorf("%s %q: scheme %q, want %q", c.peer, c.lines, got, c.proto)
		}
		if got := string(trusted(t).Port(peer, fields(c.lines...))); got != c.port {
			t.Errorf("%s %q: port %q, want %q", c.peer, c.lines, got, c.port)
		}
	}
}

func TestWalkAllocatesNothing(t *testing.T) {
	b, peer := trusted(t), netip.MustParseAddr("10.0.0.1")
	list := fields("X-Forwarded-For: 198.51.100.1, [2001:db8::9]:4711, 10.0.0.3", "X-Forwarded-For: 2001:db8:1::1, 10.0.0.2:80")
	if n := testing.AllocsPerRun(100, func() {
		if got := b.Forwarded(peer, list); got.Port() != 4711 {
			t.Fatal(got)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// naive is the walk as RFC 7239 and nginx describe it, said another way: the list is joined,
// split and read as text.
func naive(inside func(netip.Addr) bool, peer netip.Addr, value string) netip.AddrPort {
	var client netip.AddrPort
	if !inside(peer) {
		return client
	}
	var list []string
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.Trim(element, " \t"); element != "" {
			list = append(list, element)
		}
	}
	for n := 1; n <= len(list) && n <= 30; n++ {
		text := list[len(list)-n]
		hop, err := netip.ParseAddrPort(text)
		if err != nil {
			bare := text
			if inner, ok := strings.CutPrefix(text, "["); ok {
				if bare, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(bare, ":") {
					return client
				}
			}
			address, err := netip.ParseAddr(bare)
			if err != nil {
				return client
			}
			hop = netip.AddrPortFrom(address, 0)
		}
		if hop.Addr().Zone() != "" {
			return client
		}
		client = netip.AddrPortFrom(hop.Addr().Unmap(), hop.Port())
		if !inside(client.Addr()) {
			return client
		}
	}
	return client
}

func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"203.0.113.5, 10.0.0.2", "[2001:db8::9]:4711,2001:db8:1::1", "::ffff:10.0.0.1, 10.0.0.1:1", "a, fe80::1%eth0", "[::1]:", ",,1.2.3.4:99999", "[1.2.3.4]:80",
	} {
		f.Add(seed, "10.0.0.1")
	}
	b := trusted(f)
	blocks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("172.16.0.0/12")}
	inside := func(a netip.Addr) bool {
		for _, p := range blocks {
			if p.Contains(a.Unmap().WithZone("")) {
				return true
			}
		}
		return false
	}
	f.Fuzz(func(t *testing.T, value, from string) {
		peer, err := netip.ParseAddr(from)
		if err != nil {
			peer = netip.MustParseAddr("10.0.0.1")
		}
		got := b.Forwarded(peer, fields("X-Forwarded-For: "+value))
		if want := naive(inside, peer, value); got != want {
			t.Fatalf("%q from %s: got %s, want %s", value, peer, got, want)
		}
		// The same list over several fields is the same list.
		head, tail, cut := strings.Cut(value, ",")
		if cut {
			if apart := b.Forwarded(peer, fields("X-Forwarded-For: "+head, "X-Forwarded-For: "+tail)); apart != got {
				t.Fatalf("%q from %s: got %s, in two fields %s", value, peer, got, apart)
			}
		}
		if got.IsValid() && !inside(peer) {
			t.Fatalf("%s was believed", peer)
		}
	})
}

func BenchmarkForwarded(b *testing.B) {
	peer := netip.MustParseAddr("10.0.0.1")
	for _, hops := range []int{1, 3, 30} {
		list := fields("X-Forwarded-For: 203.0.113.5" + strings.Repeat(", 10.0.0.2", hops-1))
		b.Run(fmt.Sprint(hops), func(b *testing.B) {
			blocks := trusted(b)
			b.ReportAllocs()
			for b.Loop() {
				blocks.Forwarded(peer, list)
			}
		})
	}
}
