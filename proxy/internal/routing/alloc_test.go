package routing_test

import (
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// crowd is a listener with n rules of the first of these kinds, none of which takes
// browser's request.
func crowd(n, kindCount int) *spec.Listener {
	l := &spec.Listener{DefaultAction: spec.Action{Forward: forwardTo("web")}}
	for i := range n {
		kinds := [][]spec.Condition{
			{path(values(fmt.Sprintf("/service-%d/*", i)))},
			{host(values(fmt.Sprintf("*.tenant-%d.example.com", i)))},
			{path(values(fmt.Sprintf("/static/*/v%d/*.js", i), "*.php"))},
			{header("User-Agent", values(fmt.Sprintf("*bot-%d*", i)))},
			{spec.Condition{HTTPRequestMethod: []string{"POST"}}, path(values("/api/*"))},
			{query("version", fmt.Sprint("v", i))},
			{spec.Condition{SourceIP: []string{"10.0.0.0/8", "2001:db8::/32"}}},
			{path(regexes(fmt.Sprintf("^/item/[0-9]+/%d$", i)))},
		}
		l.Rules = append(l.Rules, spec.Rule{Name: fmt.Sprint(i), Priority: i + 1, Conditions: kinds[i%kindCount], Action: spec.Action{Forward: forwardTo("g")}})
	}
	return l
}

// The last kind has regular expressions.
const (
	allKinds   = 8
	plainKinds = allKinds - 1
)

func browser() *exchange.Request {
	return request("GET", "/static/app/v999/main.css?lang=en&utm=abc",
		"Host", "shop.example.com",
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Accept", "text/css,*/*;q=0.1", "Accept-Encoding", "gzip, deflate, br", "Accept-Language", "en-US,en;q=0.9",
		"Cookie", "session=0123456789abcdef", "X-Request-Id", "1")
}

func BenchmarkMatch(b *testing.B) {
	for kind, kindCount := range map[string]int{"path": 1, "all_kinds": allKinds} {
		for _, n := range []int{10, 20, 100} {
			b.Run(fmt.Sprint(kind, "/", n), func(b *testing.B) {
				table := compile(b, crowd(n, kindCount))
				r := mustCanonicalize(b, browser())
				b.ReportAllocs()
				for b.Loop() {
					if rule, evaluated := table.Match(r, peer); rule.Priority != 0 || evaluated != n {
						b.Fatal(rule.Name)
					}
				}
			})
		}
	}
}

func BenchmarkCanonicalize(b *testing.B) {
	for _, target := range []string{"/static/app/v1/main.css?lang=en&utm=abc", "/a/%7Euser/../b%20c/./d?x=y z"} {
		b.Run(target, func(b *testing.B) {
			r := browser()
			r.Target = []byte(target)
			var a exchange.Arena
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				if err := routing.Canonicalize(r, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	table := compile(t, crowd(100, plainKinds))
	matched := mustCanonicalize(t, browser())
	clean, dirty, refused, absolute := browser(), browser(), browser(), browser()
	dirty.Target = []byte("/a/%7Euser/../b%20c/./d?x=y z")
	dirty.Fields[0].Value = []byte("Shop.Example.com:8080")
	refused.Target = []byte("/..")
	absolute.Target = []byte("http://Shop.example.com/a")
	f := &routing.Forward{Groups: []routing.WeightedGroup{{Weight: 1}, {Weight: 2}}}
	to := redirect(t, spec.Redirect{Protocol: "HTTPS", Port: "443", Query: "from=#{host}&#{query}"})
	dst := make([]byte, 0, 1024)
	var a exchange.Arena
	a.Copy(make([]byte, 1024)) // what was begun and refused is not kept
	random := uint64(0)
	for name, run := range map[string]func(){
		"match":                    func() { table.Match(matched, peer) },
		"canonicalize":             func() { _ = routing.Canonicalize(clean, &a) },
		"canonicalize dirty":       func() { _ = routing.Canonicalize(dirty, &a) },
		"canonicalize refused":     func() { _ = routing.Canonicalize(refused, &a) },
		"canonicalize absolute":    func() { _ = routing.Canonicalize(absolute, &a) },
		"choose":                   func() { random++; f.Choose(random) },
		"location":                 func() { _, _ = to.AppendLocation(dst, matched, "http", 80) },
		"forwarded host":           func() { routing.AppendForwardedHost(dst, matched, false, 8080) },
		"forwarded host preserved": func() { routing.AppendForwardedHost(dst, matched, true, 8080) },
	} {
		if n := testing.AllocsPerRun(100, func() { a.Reset(); run() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
