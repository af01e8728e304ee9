package server_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/targethealth"
	"github.com/evenkeel/evenkeel/test/harness"
)

// TestStatsTellWhatTargetsDid sends requests that end in each way, and looks.
func TestStatsTellWhatTargetsDid(t *testing.T) {
	one := harness.NewTarget(t, "one", nil)
	s := start(t, basic, one)
	until(t, "the target to be healthy", s.healthy(1))
	for range 5 {
		s.get("/")
	}
	one.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")}})
	s.get("/")
	one.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("no HTTP\r\n\r\n")}})
	s.get("/")
	one.Stop()
	s.get("/")

	// A request is counted once the client has its answer.
	until(t, "all requests to be counted", func() bool { return s.Stats().TargetGroups[0].Telemetry.Totals.Requests == 8 })
	stats := s.Stats()
	if stats.Version != "test" || stats.MaxConnections != 65536 || len(stats.Listeners) != 1 || len(stats.TargetGroups) != 1 {
		t.Fatalf("got %+v", stats)
	}
	group := stats.TargetGroups[0]
	if !group.InUse || len(group.Targets) != 1 || group.Telemetry.Totals != group.Targets[0].Telemetry.Totals {
		t.Fatalf("got %+v", group)
	}
	target := group.Targets[0]
	got := target.Telemetry.Totals
	if got.Requests != 8 || got.Status2XX != 5 || got.Status5XX != 1 || got.Failed != 1 || got.ConnectErrors != 1 || got.Errors != 3 || got.Opened == 0 {
		t.Errorf("got %+v", got)
	}
	if got.ReceivedBytes == 0 || got.SentBytes == 0 {
		t.Errorf("got %+v", got)
	}
	if n := len(target.Timeline); n < 2 || target.Timeline[0].To != targethealth.Initial || target.Timeline[1].To != targethealth.Healthy {
		t.Errorf("timeline %+v", target.Timeline)
	}
	if target.Changed.IsZero() || target.Weight != 1 {
		t.Errorf("got %+v", target)
	}
}

// TestOrdersReachTheTraffic drains a target, and finds it ready again in the group of before.
func TestOrdersReachTheTraffic(t *testing.T) {
	one, two := harness.NewTarget(t, "one", nil), harness.NewTarget(t, "two", nil)
	s := start(t, basic, one, two)
	until(t, "both targets to be healthy", s.healthy(2))
	order := func(action string, weight int) admin.Change {
		t.Helper()
		change, err := s.Order(admin.Order{TargetGroup: "web", Target: "one", Action: action, Weight: weight, By: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		return change
	}
	bodies := func() string {
		var all strings.Builder
		for range 4 {
			_, body := s.get("/")
			all.WriteString(body)
		}
		return all.String()
	}
	if change := order("drain", 0); change.Before != "ready" || change.After != "drain" {
		t.Errorf("got %+v", change)
	}
	if got := bodies(); got != "twotwotwotwo" {
		t.Errorf("requests went to %s", got)
	}
	order("weight", 3)
	if now := s.Stats().TargetGroups[0].Targets[0]; now.Administrative != "drain" || now.Weight != 3 || !now.WeightOverridden {
		t.Errorf("got %+v", now)
	}
	if err := s.Reload(s.write(basic, one, two)); err != nil {
		t.Fatal(err)
	}
	if got := bodies(); got != "twotwotwotwo" {
		t.Errorf("after a reload requests went to %s", got)
	}
	order("ready", 0)
	if got := bodies(); strings.Count(got, "one") != 3 {
		t.Errorf("with weight 3 and 1 requests went to %s", got)
	}
	for _, c := range []struct {
		order admin.Order
		want  error
	}{
		{admin.Order{TargetGroup: "nobody", Target: "one", Action: "drain"}, admin.ErrNotFound},
		{admin.Order{TargetGroup: "web", Target: "three", Action: "drain"}, admin.ErrNotFound},
		{admin.Order{TargetGroup: "web", Target: "one", Action: "stop"}, target.ErrOrder},
	} {
		if _, err := s.Order(c.order); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.order, err)
		}
	}
}

// TestUsersFollowTheFile: a reload takes users in and out; one that is refused does neither.
func TestUsersFollowTheFile(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(basic, `"127.0.0.2:0"`, `"127.0.0.2:0", users: {alice: "`+string(hash)+`"}`, 1)
	s := start(t, basic)
	stats := func(password string) error {
		_, err := admin.Client{Addr: s.AdminAddr().String(), User: "alice", Password: password}.Stats(t.Context())
		return err
	}
	if err := s.Reload(s.write(with)); err != nil {
		t.Fatal(err)
	}
	if err := stats("wrong"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("got %v", err)
	}
	if err := stats("secret"); err != nil {
		t.Error(err)
	}
	if err := s.Reload(s.write(strings.Replace(with, string(hash), "env:EVENKEEL_NOT_SET", 1))); err == nil || !strings.Contains(err.Error(), "proxy.admin.users.alice") {
		t.Errorf("got %v", err)
	}
	if err := stats("secret"); err != nil {
		t.Errorf("a refused reload put alice out: %v", err)
	}
	if err := s.Reload(s.write(strings.Replace(with, "alice:", "bob:", 1))); err != nil {
		t.Fatal(err)
	}
	if err := stats("secret"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("alice is still in: %v", err)
	}
}
