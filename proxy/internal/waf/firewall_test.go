package waf_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// compile makes a firewall of w, with the defaults of spec.
func compile(t testing.TB, w spec.WAF, before *waf.Firewall) *waf.Firewall {
	t.Helper()
	if w.DefaultAction == "" {
		w.DefaultAction = spec.WAFAllow
	}
	f, err := waf.Compile(&spec.Environment{WAF: w}, waf.Options{Before: before})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Managed) > 0 {
		f.SetTimeout(time.Hour) // the race detector on a busy machine is slower than any client
	}
	return f
}

// request is a GET of target by client, with fields as name, value pairs.
func request(client, target string, fields ...string) *exchange.Exchange {
	x := &exchange.Exchange{Conn: &exchange.Connection{Peer: netip.AddrPortFrom(netip.MustParseAddr(client), 40000)}}
	r := &x.Request
	r.Method, r.Target, r.Version = []byte("GET"), []byte(target), exchange.HTTP11
	r.Path = r.Target
	for i, c := range r.Target {
		if c == '?' {
			r.Path, r.Query, r.HasQuery = r.Target[:i], r.Target[i+1:], true
			break
		}
	}
	for i := 0; i < len(fields); i += 2 {
		name := []byte(fields[i])
		f := exchange.Field{ID: exchange.Identify(name), Name: name, Value: []byte(fields[i+1])}
		if r.Fields = append(r.Fields, f); f.ID == exchange.FieldHost {
			r.Host, r.Port, _ = bytes.Cut(f.Value, []byte{':'})
		}
	}
	x.Record.Created = time.Now()
	return x
}

func TestNoRulesNoFirewall(t *testing.T) {
	if f := compile(t, spec.WAF{}, nil); f != nil {
		t.Errorf("a firewall of nothing: %v", f.Counts())
	}
}

func TestIPSets(t *testing.T) {
	sets := map[string]spec.IPSet{
		"a": {Addresses: []string{"192.0.2.0/24", "2001:db8::/32"}, Action: spec.WAFCount},
		"b": {Addresses: []string{"192.0.2.7/32", "2001:db8::7/128"}, Action: spec.WAFAllow},
		"c": {Addresses: []string{"192.0.2.0/28", "2001:db8::/64"}, Action: spec.WAFBlock},
	}
	f := compile(t, spec.WAF{IPSets: sets}, nil)
	for client, want := range map[string]waf.Outcome{
		"192.0.2.7": waf.Allowed, "192.0.2.8": waf.Blocked, "192.0.2.16": waf.Allowed, "198.51.100.1": waf.Allowed,
		"::ffff:192.0.2.8": waf.Blocked, "2001:db8::7": waf.Allowed, "2001:db8::8": waf.Blocked, "2001:db8:1::": waf.Allowed,
	} {
		if v := f.Judge(request(client, "/")); v.Outcome != want || (want == waf.Blocked) != (v.Status == 403) {
			t.Errorf("%s: %+v, want outcome %d", client, v, want)
		}
	}
	want := []waf.RuleCount{{Rule: "a", Counted: 7}, {Rule: "b", Allowed: 2}, {Rule: "c", Blocked: 3}, {Rule: spec.DefaultActionRule, Allowed: 3}}
	if diff := cmp.Diff(want, f.Counts()); diff != "" {
		t.Error(diff)
	}

	// The next description goes on counting, also where a rule means something else now.
	sets["c"] = spec.IPSet{Addresses: []string{"198.51.100.0/24"}, Action: spec.WAFBlock}
	delete(sets, "a")
	f = compile(t, spec.WAF{IPSets: sets, DefaultAction: spec.WAFBlock}, f)
	f.Judge(request("198.51.100.1", "/"))
	f.Judge(request("203.0.113.1", "/"))
	want = []waf.RuleCount{{Rule: "b", Allowed: 2}, {Rule: "c", Blocked: 4}, {Rule: spec.DefaultActionRule, Allowed: 3, Blocked: 1}}
	if diff := cmp.Diff(want, f.Counts()); diff != "" {
		t.Error(diff)
	}
}

// TestForwardedClient judges the client that a trusted proxy named, not the proxy.
func TestForwardedClient(t *testing.T) {
	f := compile(t, spec.WAF{IPSets: map[string]spec.IPSet{"c": {Addresses: []string{"192.0.2.8/32"}, Action: spec.WAFBlock}}}, nil)
	x := request("10.0.0.1", "/")
	x.Forwarded = netip.MustParseAddrPort("192.0.2.8:1")
	if v := f.Judge(x); v.Outcome != waf.Blocked {
		t.Errorf("%+v", v)
	}
}
