//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

const ratesFile = `app: rated
load_balancer:
  listeners: [{name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}]
target_groups: [{name: web, port: 80, health_check: {path: /health/}, targets: %TARGETS%}]
waf:
  rate_limits:
    - {name: many, limit: 1000, window: 600s, key: "header:x-tenant", status: 429}
    - {name: few, limit: 20, window: 600s, key: "header:x-user", status: 429}
proxy:
  bind: {http: "%PLAIN%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: %DIR%/access.log}
  shared_rates: {redis: "redis://%REDIS%/0"}
`

// status is that of one request with a field.
func (b *balancer) status(field, value string) int {
	b.site.t.Helper()
	r, err := http.NewRequestWithContext(b.site.t.Context(), http.MethodGet, "http://"+b.site.plain+"/", nil)
	if err != nil {
		b.site.t.Fatal(err)
	}
	r.Header.Set(field, value)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.site.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

var unsharedLine = regexp.MustCompile(`(?m)^evenkeel_waf_unshared_requests_total ([0-9]+)$`)

func (b *balancer) unshared() int {
	b.site.t.Helper()
	out, err := command(b.site.t, "curl", "curl", "-sS", "http://"+b.site.admin+"/metrics")
	if err != nil {
		b.site.t.Fatalf("%v: %s", err, out)
	}
	m := unsharedLine.FindStringSubmatch(out)
	if m == nil {
		b.site.t.Fatalf("no count of unshared requests in\n%s", out)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// TestSharedRates has two proxies count together, and go on alone when Redis is killed.
func TestSharedRates(t *testing.T) {
	address := harness.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	redis := func() *harness.Process {
		p := harness.Start(t, tool(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", t.TempDir())
		p.WaitListening(address)
		return p
	}
	server := redis()
	text := strings.Replace(ratesFile, "%REDIS%", address, 1)
	target := newMirror(t, "one")
	one, two := newSite(t, text, target).serve(), newSite(t, text, target).serve()

	// What one has counted limits the other, which has far from as many.
	shares := func(tenant string) {
		t.Helper()
		for one.status("X-Tenant", tenant) != http.StatusTooManyRequests {
		}
		sent := 0
		two.Until("limited by the other's count", func() bool {
			sent++
			return two.status("X-Tenant", tenant) == http.StatusTooManyRequests
		})
		if sent >= 1000 {
			t.Errorf("limited after %d requests, which is its own count", sent)
		}
	}
	shares("a")
	if status := two.status("X-Tenant", "b"); status != http.StatusOK {
		t.Errorf("another tenant has %d", status)
	}
	for name, b := range map[string]*balancer{"one": one, "two": two} {
		if n := b.unshared(); n != 0 {
			t.Errorf("%s: %d requests are not shared", name, n)
		}
	}

	// A Redis that is gone delays nothing, and local counts go on.
	server.Signal(syscall.SIGKILL)
	_ = server.Wait()
	began := time.Now()
	for i := range 25 {
		want := http.StatusOK
		if i >= 20 {
			want = http.StatusTooManyRequests
		}
		if status := one.status("X-User", "c"); status != want {
			t.Errorf("request %d without Redis: status %d, want %d", i+1, status, want)
		}
	}
	if spent := time.Since(began); spent > patience/2 {
		t.Errorf("25 requests without Redis took %v", spent)
	}
	one.Until("counting what is not shared", func() bool { return one.unshared() >= 25 })
	if status := two.status("X-User", "c"); status != http.StatusOK {
		t.Errorf("the other proxy heard of it without Redis: %d", status)
	}

	// Once it is back, so is sharing.
	redis()
	for _, b := range []*balancer{one, two} {
		b.Until("sharing again", func() bool {
			b.status("X-User", "d")
			return !strings.Contains(b.Output(), "Redis is away") || strings.Contains(b.Output(), "rates are shared again")
		})
	}
	shares("e")
}
