package discovery_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/evenkeel/evenkeel/proxy/internal/discovery"
	"github.com/evenkeel/evenkeel/test/harness"
)

// find looks up and holds the result to what is wanted; an error to a part of its text.
func find(t *testing.T, l *discovery.Lookup, ttl time.Duration, fails string, want ...string) {
	t.Helper()
	list, got, err := l.Do(t.Context())
	if diff := cmp.Diff(want, text(list)); diff != "" {
		t.Error(diff)
	}
	switch {
	case fails != "":
		if err == nil || !strings.Contains(err.Error(), fails) {
			t.Errorf("got the error %v, want one with %q", err, fails)
		}
	case err != nil:
		t.Error(err)
	case got != ttl:
		t.Errorf("lives for %v, want %v", got, ttl)
	}
}

func TestLookupOfAddresses(t *testing.T) {
	d := harness.NewDNS(t)
	l := discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}})
	find(t, l, 0, "look up web.test: no such record")

	d.Set("web.test", harness.Addresses(30, "10.0.0.2", "10.0.0.1")...)
	find(t, l, 30*time.Second, "", "10.0.0.1:80 1", "10.0.0.2:80 1")
	d.Set("WEB.test", append(harness.Addresses(30, "10.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.169.254", "255.255.255.255"), harness.Addresses(5, "2001:db8::1", "::ffff:10.0.0.9", "::", "fe80::1", "::ffff:169.254.1.1", "ff02::1")...)...)
	find(t, l, 5*time.Second, "", "10.0.0.1:80 1", "10.0.0.9:80 1", "[2001:db8::1]:80 1")

	// Nothing said, or that there is nothing, changes nothing.
	d.Set("web.test")
	find(t, l, 0, "no such record", "10.0.0.1:80 1", "10.0.0.9:80 1", "[2001:db8::1]:80 1")
	d.Fail(dnsmessage.RCodeServerFailure)
	find(t, l, 0, "the server says ServerFailure", "10.0.0.1:80 1", "10.0.0.9:80 1", "[2001:db8::1]:80 1")
	d.Fail(dnsmessage.RCodeSuccess)
	// A family that fails leaves of it what is known; the other is what it is now.
	d.Set("web.test", harness.Addresses(5, "10.0.0.3")...)
	d.Mangle(func(_ bool, answer []byte) [][]byte {
		if strings.Contains(string(answer), "\x00\x1c\x00\x01") {
			answer[3] |= byte(dnsmessage.RCodeRefused)
		}
		return [][]byte{answer}
	})
	find(t, l, 0, "the server says Refused", "10.0.0.3:80 1", "10.0.0.9:80 1", "[2001:db8::1]:80 1")
	d.Mangle(nil)
	find(t, l, 5*time.Second, "", "10.0.0.3:80 1")
}

func TestLookupFollowsAliases(t *testing.T) {
	d := harness.NewDNS(t)
	l := discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}})
	d.Set("web.test", harness.Record{TTL: 7, Alias: "a.test"})
	d.Set("a.test", harness.Record{TTL: 60, Alias: "B.test"})
	d.Set("b.test", harness.Addresses(60, "10.0.0.1")...)
	find(t, l, 7*time.Second, "", "10.0.0.1:80 1")
	d.Set("b.test", harness.Record{TTL: 60, Alias: "web.test"})
	find(t, l, 0, "more than 8 aliases", "10.0.0.1:80 1")
}

func TestLookupOfAService(t *testing.T) {
	d := harness.NewDNS(t)
	l := discovery.NewLookup(discovery.Query{Name: "_http._tcp.test", SRV: true, Port: 80, Resolvers: []string{d.Address()}})
	find(t, l, 0, "look up _http._tcp.test: no such record")
	d.Set("_http._tcp.test", harness.Service(60, 1, 10, 8001, "a.test"), harness.Service(60, 1, 20, 8002, "B.test"), harness.Service(60, 2, 0, 8003, "b.test"))
	d.Set("a.test", harness.Addresses(20, "10.0.0.1")...)
	d.Set("b.test", harness.Addresses(30, "10.0.0.2")...)
	find(t, l, 20*time.Second, "", "10.0.0.1:8001 10", "10.0.0.2:8002 20", "10.0.0.2:8003 1 b")

	// A host that cannot be looked up any more is where it was, until the service leaves it.
	d.Set("b.test")
	find(t, l, 0, "look up b.test", "10.0.0.1:8001 10", "10.0.0.2:8002 20", "10.0.0.2:8003 1 b")
	d.Set("_http._tcp.test", harness.Service(9, 1, 10, 8001, "a.test"))
	find(t, l, 9*time.Second, "", "10.0.0.1:8001 10")
	d.Set("_http._tcp.test", harness.Service(9, 0, 0, 0, ""))
	find(t, l, 0, "no such record")
}

func TestLookupTakesTheNextServer(t *testing.T) {
	down, d := harness.NewDNS(t), harness.NewDNS(t)
	down.Fail(dnsmessage.RCodeServerFailure)
	d.Set("web.test", harness.Addresses(30, "10.0.0.1")...)
	find(t, discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{down.Address(), d.Address()}}), 30*time.Second, "", "10.0.0.1:80 1")
	if n := len(down.Asked()); n != 2 {
		t.Errorf("the first server was asked %d times, want for A and AAAA", n)
	}
}

func TestLongAnswersComeOverTCP(t *testing.T) {
	d := harness.NewDNS(t)
	var all, want []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("10.0.1.%d", i))
		want = append(want, fmt.Sprintf("10.0.1.%d:80 1", i))
	}
	d.Set("web.test", harness.Addresses(30, all...)...)
	find(t, discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}}), 30*time.Second, "", want...)
	tcp := 0
	for _, q := range d.Asked() {
		if q.TCP {
			tcp++
		}
	}
	if tcp != 1 {
		t.Errorf("%d questions over TCP, want one", tcp)
	}
	// A truncated answer over TCP, too, is none.
	d.Mangle(func(_ bool, answer []byte) [][]byte {
		answer[2] |= 2
		return [][]byte{answer}
	})
	find(t, discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}}), 0, "truncated")
}

// TestLongAnswersAreBounded: of more targets than there may be the same ones are taken each
// time, and of the hosts of a service a few addresses each.
func TestLongAnswersAreBounded(t *testing.T) {
	d := harness.NewDNS(t)
	var all []string
	for i := range discovery.MaxRecords + 200 {
		all = append(all, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	var first []discovery.Target
	for range 3 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		d.Set("web.test", harness.Addresses(30, all...)...)
		list, _, err := discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}}).Do(t.Context())
		if err != nil || len(list) != discovery.MaxRecords {
			t.Fatalf("%d targets, %v", len(list), err)
		}
		if first == nil {
			first = list
		}
		if !slices.Equal(list, first) {
			t.Error("the same answer in another order has other targets")
		}
	}

	d.Set("_http._tcp.test", harness.Service(60, 1, 1, 80, "web.test"), harness.Service(60, 1, 1, 80, "other.test"))
	d.Set("other.test", harness.Addresses(60, "10.1.0.1")...)
	list, _, err := discovery.NewLookup(discovery.Query{Name: "_http._tcp.test", SRV: true, Resolvers: []string{d.Address()}}).Do(t.Context())
	if err != nil || len(list) != discovery.MaxHostAddresses+1 {
		t.Errorf("%d targets of two hosts, %v", len(list), err)
	}
}

// TestForgedAnswersAreNotTaken sends before the answer what somebody might send who guesses,
// and from elsewhere.
func TestForgedAnswersAreNotTaken(t *testing.T) {
	d := harness.NewDNS(t)
	d.Set("web.test", harness.Addresses(30, "10.0.0.1")...)
	forge := func(answer []byte, change func(b []byte)) []byte {
		b := []byte(strings.ReplaceAll(string(answer), "\x0a\x00\x00\x01", "\x06\x06\x06\x06"))
		change(b)
		return b
	}
	elsewhere, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	d.Mangle(func(_ bool, answer []byte) [][]byte {
		return [][]byte{
			forge(answer, func(b []byte) { binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)+1) }), // id
			forge(answer, func(b []byte) { b[2] &^= 0x80 }),                                               // a question
			forge(answer, func(b []byte) { b[2] |= 0x20 }),                                                // another operation
			forge(answer, func(b []byte) { b[13] = 'x' }),                                                 // another name
			forge(answer, func(b []byte) { b[4+1] = 0 }),                                                  // no question
			forge(answer, func(b []byte) { b[12+10+1]++ }),                                                // another type
			forge(answer, func(b []byte) { b[12+10+3]++ }),                                                // another class
			answer[:8], nil,
			answer,
			forge(answer, func([]byte) {}), // too late
		}
	})
	find(t, discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}}), 30*time.Second, "", "10.0.0.1:80 1")

	// One who sends no end of them is not listened to.
	d.Mangle(func(_ bool, answer []byte) [][]byte {
		var many [][]byte
		for range 100 {
			many = append(many, forge(answer, func(b []byte) { b[0]++ }))
		}
		return many
	})
	find(t, discovery.NewLookup(discovery.Query{Name: "web.test", Port: 80, Resolvers: []string{d.Address()}}), 0, "none of them the answer")
}

func question(name string, kind dnsmessage.Type) discovery.Question {
	return discovery.Question{Name: name, Type: kind}
}

func FuzzParseAnswer(f *testing.F) {
	pack := func(kind dnsmessage.Type, answers ...dnsmessage.Resource) []byte {
		m := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: 1, Response: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("web.test."), Type: kind, Class: dnsmessage.ClassINET}},
			Answers:   answers,
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("web.test."), Class: dnsmessage.ClassINET, TTL: 30}
	f.Add(pack(dnsmessage.TypeA, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}}}), uint8(0))
	f.Add(pack(dnsmessage.TypeAAAA, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}}}), uint8(1))
	f.Add(pack(dnsmessage.TypeSRV, dnsmessage.Resource{Header: h, Body: &dnsmessage.SRVResource{Port: 80, Target: dnsmessage.MustNewName("a.test.")}}), uint8(2))
	f.Add(pack(dnsmessage.TypeA, dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("web.test.")}}), uint8(0))
	f.Fuzz(func(t *testing.T, message []byte, which uint8) {
		kinds := []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeSRV}
		kind := kinds[int(which)%len(kinds)]
		a, err := discovery.ParseAnswer(message, 1, question("web.test", kind))
		if n := len(a.Addresses) + len(a.Services); (err == nil) != (n > 0) || n > discovery.MaxRecords {
			t.Fatalf("%d records, %v", n, err)
		}
		if a.TTL < 0 || kind == dnsmessage.TypeSRV && len(a.Addresses) > 0 || kind != dnsmessage.TypeSRV && len(a.Services) > 0 {
			t.Fatalf("%+v", a)
		}
		for _, s := range a.Services {
			if s.Port == 0 || s.Host == "" {
				t.Fatalf("%+v", s)
			}
		}
		if len(message) > 2 {
			if _, err := discovery.ParseAnswer(message, 2, question("web.test", kind)); message[1] != 2 && !errors.Is(err, discovery.ErrOther) {
				t.Fatalf("another id: %v", err)
			}
		}
		if _, other := discovery.ParseAnswer(message, 1, question("other.test", kind)); other == nil && err == nil {
			t.Fatal("an answer to another name")
		}
	})
}
