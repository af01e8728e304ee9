package server_test

import (
	"fmt"
	"strings"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/test/harness"
)

// order has an operator's order for a target carried out.
func (r *running) order(target *harness.Target, action string) {
	r.t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", target.Port())
	if _, err := r.Order(admin.Order{TargetGroup: "web", Target: address, Action: action, By: "alice"}); err != nil {
		r.t.Fatal(err)
	}
}

// TestOrdersBesideTheControlAPI: what an operator wants shows as health where ALB has a word for it,
// and outlives what the API changes.
func TestOrdersBesideTheControlAPI(t *testing.T) {
	a, b, c := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil), harness.NewTarget(t, "c", nil)
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a, b)
	until(t, "both targets to be healthy", s.healthy(2))
	s.order(a, admin.ActionMaintenance)
	s.order(b, admin.ActionDrain)
	// A drained target is healthy: ALB has no word for what is beside.
	for target, want := range map[*harness.Target]types.TargetHealthStateEnum{a: types.TargetHealthStateEnumUnavailable, b: types.TargetHealthStateEnumHealthy} {
		if got := s.state(m.group, target); got != want {
			t.Errorf("DescribeTargetHealth: %s, want %s", got, want)
		}
	}
	if status, _ := s.ask("http-80", nil); status != 503 {
		t.Errorf("nobody is left, and the answer is %d", status)
	}
	if s.Ready() {
		t.Error("the load balancer is ready without a target")
	}
	if _, err := s.control().RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &m.group, Targets: []types.TargetDescription{describe(c)}}); err != nil {
		t.Fatal(err)
	}
	until(t, "the new target to serve", func() bool { _, body := s.ask("http-80", nil); return body == "c" })
	for range 4 {
		if _, body := s.ask("http-80", nil); body != "c" {
			t.Errorf("a request went to %s", body)
		}
	}
	var scrape strings.Builder
	if err := s.WriteMetrics(&scrape); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`evenkeel_operator_orders_total{action="maintenance"} 1`, `evenkeel_operator_orders_total{action="drain"} 1`} {
		if !strings.Contains(scrape.String(), line+"\n") {
			t.Errorf("the metrics have no %s", line)
		}
	}
	s.order(a, admin.ActionReady)
	until(t, "a to be checked and serve again", func() bool { _, body := s.ask("http-80", nil); return body == "a" })
	if status := s.Status().TargetGroups[0].Targets; status[0].Administrative != admin.ActionReady || status[1].Administrative != admin.ActionDrain {
		t.Errorf("status %+v", status)
	}
}

// TestDrainKeepsSessions sends a client with a cookie on to its drained target, over a reload too, and
// to another once that is in maintenance.
func TestDrainKeepsSessions(t *testing.T) {
	sticky := strings.Replace(basic, "    targets:", "    stickiness: {type: lb_cookie, duration: 1h}\n    targets:", 1)
	one, two := harness.NewTarget(t, "one", nil), harness.NewTarget(t, "two", nil)
	s := start(t, sticky, one, two)
	until(t, "both targets to be healthy", s.healthy(2))
	cookie := ""
	ask := func(cookie string) (body, set string) {
		t.Helper()
		c := harness.Dial(t, s.Addr("http").String(), harness.Dialing{})
		defer c.Close()
		c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n" + cookie + "\r\n"))
		response, err := c.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		value, _, _ := strings.Cut(response.Fields.Get("Set-Cookie"), ";")
		return string(response.Body), "Cookie: " + value + "\r\n"
	}
	for body := ""; body != "one"; {
		body, cookie = ask("")
	}
	s.order(one, admin.ActionDrain)
	if err := s.Reload(s.write(sticky, one, two)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if body, _ := ask(cookie); body != "one" {
			t.Errorf("a client with a session went to %s", body)
		}
		if body, _ := ask(""); body != "two" {
			t.Errorf("a client without went to %s", body)
		}
	}
	s.order(one, admin.ActionMaintenance)
	if body, _ := ask(cookie); body != "two" {
		t.Errorf("in maintenance a client went to %s", body)
	}
}
