//go:build !race

// The race detector makes sync.Pool forget on purpose, so that nothing can be said of
// allocations under it: `make test` runs this file without.

package waf_test

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

func TestJudgeAllocatesNothing(t *testing.T) {
	f := compile(t, spec.WAF{IPSets: map[string]spec.IPSet{"c": {Addresses: []string{"192.0.2.8/32"}, Action: spec.WAFCount}}}, nil)
	x := request("192.0.2.8", "/")
	if n := testing.AllocsPerRun(100, func() { f.Judge(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRateAllocatesNothing(t *testing.T) {
	rules := []spec.RateLimit{rate(1000000, time.Minute, "ip"), rate(1000000, time.Minute, "cookie:s")}
	rules[1].Name, rules[1].Path = "b", "/a/"
	f := compile(t, spec.WAF{RateLimits: rules}, nil)
	x := request("192.0.2.8", "/a/b/c", "Cookie", "a=b; s=12345")
	if n := testing.AllocsPerRun(100, func() { f.Judge(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
