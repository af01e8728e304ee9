package server_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/evenkeel/evenkeel/test/harness"
)

// discovered finds its targets at %DNS% and has those of %TARGETS% beside. All answers are true
// for a second.
const discovered = `app: test
domain: app.test
load_balancer:
  listeners:
    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
target_groups:
  - name: web
    port: 80
    deregistration_delay: 30s
    health_check: {interval: 5s, timeout: 2s}
    targets: %TARGETS%
    proxy_only: {discovery: {dns: %NAME%, resolvers: ["%DNS%"]}}
proxy:
  bind: {http: "127.0.0.1:0"}
  admin: {listen: "127.0.0.2:0"}
  access_log: {path: off}
`

// finding is the file with a server and a name in it.
func finding(d *harness.DNS, name string) string {
	return strings.NewReplacer("%DNS%", d.Address(), "%NAME%", name).Replace(discovered)
}

// at is the SRV record of a target.
func at(t *harness.Target, priority, weight int) harness.Record {
	return harness.Service(1, uint16(priority), uint16(weight), uint16(t.Port()), "local.test")
}

// states are the targets of the group: id, source and state.
func (r *running) states() []string {
	var list []string
	for _, t := range r.Status().TargetGroups[0].Targets {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", t.Address, t.Source, t.State)))
	}
	slices.Sort(list)
	return list
}

func (r *running) untilStates(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	var got []string
	defer func() {
		if r.t.Failed() {
			r.t.Logf("the targets are %q, want %q", got, want)
		}
	}()
	until(r.t, "the targets", func() bool { got = r.states(); return slices.Equal(got, want) })
}

func TestTargetsComeAndGoByDNS(t *testing.T) {
	d := harness.NewDNS(t)
	a, b, static := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil), harness.NewTarget(t, "static", nil)
	d.Set("local.test", harness.Addresses(1, "127.0.0.1")...)
	d.Set("_http._tcp.test", at(a, 1, 1))
	s := start(t, finding(d, "_http._tcp.test"), static)
	if n := len(s.states()); n != 2 {
		t.Fatalf("started with %d targets, want that of the file and that of DNS", n)
	}
	s.untilStates(a.Address()+" dns healthy", static.Address()+"  healthy")

	// The one of the file goes, so that requests are for a.
	if err := s.Reload(s.write(finding(d, "_http._tcp.test"))); err != nil {
		t.Fatal(err)
	}
	s.untilStates(a.Address()+" dns healthy", static.Address()+"  draining")
	// One that goes finishes what it has begun, and one that comes is checked and serves.
	a.SetAnswer(harness.Answer{Parts: [][]byte{harness.DefaultAnswer("a")}, Hold: true})
	busy := harness.Dial(t, s.address(), harness.Dialing{})
	busy.Send([]byte(ask))
	a.WaitRequests(1)
	d.Set("_http._tcp.test", at(b, 1, 1))
	s.untilStates(a.Address()+" dns draining", b.Address()+" dns healthy", static.Address()+"  draining")
	if _, body := s.get("/"); body != "b" {
		t.Errorf("%s answered, want b", body)
	}
	a.Release()
	if r, err := busy.ReadResponse("GET"); err != nil || string(r.Body) != "a" {
		t.Errorf("what a had begun: %+v, %v", r, err)
	}
	// It comes back while it drains, as a backup of lesser priority.
	a.SetAnswer(harness.Answer{})
	d.Set("_http._tcp.test", at(b, 1, 1), at(a, 2, 1))
	s.untilStates(a.Address()+" dns healthy", b.Address()+" dns healthy", static.Address()+"  draining")
	for range 4 {
		if _, body := s.get("/"); body != "b" {
			t.Errorf("%s answered, want b as long as it is healthy", body)
		}
	}
}

// TestTargetsStayWhenDNSDoesNot: no answer, one of nothing, and a reload meanwhile.
func TestTargetsStayWhenDNSDoesNot(t *testing.T) {
	d := harness.NewDNS(t)
	a := harness.NewTarget(t, "a", nil)
	d.Set("local.test", harness.Addresses(1, "127.0.0.1")...)
	d.Set("_http._tcp.test", at(a, 1, 1))
	s := start(t, finding(d, "_http._tcp.test"))
	s.untilStates(a.Address() + " dns healthy")
	fails := func() bool { return s.Status().TargetGroups[0].Discovery.Error != "" }
	for name, spoil := range map[string]func(){
		"a failing server": func() { d.Fail(dnsmessage.RCodeServerFailure) },
		"nothing there":    func() { d.Fail(dnsmessage.RCodeSuccess); d.Set("_http._tcp.test") },
	} {
		spoil()
		until(t, name, fails)
		if err := s.Reload(s.write(strings.Replace(finding(d, "_http._tcp.test"), "delay: 30s", "delay: 31s", 1))); err != nil {
			t.Fatal(err)
		}
		if got := s.states(); !slices.Equal(got, []string{a.Address() + " dns healthy"}) {
			t.Errorf("%s: %q", name, got)
		}
		if status, body := s.get("/"); status != 200 || body != "a" {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if found := s.Stats().TargetGroups[0].Discovery; found.DNS != "_http._tcp.test" || found.Error == "" || found.Answered.IsZero() {
			t.Errorf("%s: stats have %+v", name, found)
		}
		if found := s.Gauges().Discoveries; len(found) != 1 || found[0].TargetGroup != "web" || found[0].Succeeded == 0 || found[0].Failed == 0 || found[0].Answered.IsZero() {
			t.Errorf("%s: metrics have %+v", name, found)
		}
		d.Fail(dnsmessage.RCodeSuccess)
		d.Set("_http._tcp.test", at(a, 1, 1))
		until(t, "an end of "+name, func() bool { return !fails() })
	}
}

// TestReloadTurnsToDNSWithoutAGap has targets of the file found by DNS from a reload on, and
// back.
func TestReloadTurnsToDNSWithoutAGap(t *testing.T) {
	d := harness.NewDNS(t)
	a := harness.NewTarget(t, "a", nil)
	d.Set("local.test", harness.Addresses(60, "127.0.0.1")...)
	d.Set("_http._tcp.test", at(a, 1, 1))
	declared := strings.Replace(discovered, "    proxy_only: {discovery: {dns: %NAME%, resolvers: [\"%DNS%\"]}}\n", "", 1)
	s := start(t, declared, a)
	s.untilStates(a.Address() + "  healthy")
	for _, change := range []struct {
		text    string
		targets []*harness.Target
		want    string
	}{
		{finding(d, "_http._tcp.test"), nil, " dns healthy"},
		{finding(d, "_http._tcp.test"), []*harness.Target{a}, "  healthy"}, // what the file says counts
		{declared, []*harness.Target{a}, "  healthy"},
	} {
		if err := s.Reload(s.write(change.text, change.targets...)); err != nil {
			t.Fatal(err)
		}
		if got := s.states(); !slices.Equal(got, []string{a.Address() + change.want}) {
			t.Errorf("%q, want %q", got, change.want)
		}
	}
	if s.Status().TargetGroups[0].Discovery != nil {
		t.Error("the group is still looked up")
	}
}

// TestReloadToAnotherName: what DNS says of that counts at once, and until it says something
// the targets of before do.
func TestReloadToAnotherName(t *testing.T) {
	d := harness.NewDNS(t)
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	d.Set("local.test", harness.Addresses(1, "127.0.0.1")...)
	d.Set("_http._tcp.a.test", at(a, 1, 1))
	d.Set("_http._tcp.b.test", at(b, 1, 1))
	s := start(t, finding(d, "_http._tcp.a.test"))
	s.untilStates(a.Address() + " dns healthy")
	if err := s.Reload(s.write(finding(d, "_http._tcp.nowhere.test"))); err != nil {
		t.Fatal(err)
	}
	if got := s.states(); !slices.Equal(got, []string{a.Address() + " dns healthy"}) {
		t.Errorf("with a name that is none the targets are %q", got)
	}
	if found := s.Status().TargetGroups[0].Discovery; found.DNS != "_http._tcp.nowhere.test" || found.Error == "" || !found.Answered.IsZero() {
		t.Errorf("%+v", found)
	}
	if err := s.Reload(s.write(finding(d, "_http._tcp.b.test"))); err != nil {
		t.Fatal(err)
	}
	if got := s.states(); len(got) != 2 || !slices.Contains(got, a.Address()+" dns draining") {
		t.Errorf("right after the reload the targets are %q", got)
	}
	s.untilStates(a.Address()+" dns draining", b.Address()+" dns healthy")
}

// TestRefusedReloadKeepsLookingUp: a reload that cannot be had leaves what is looked up.
func TestRefusedReloadKeepsLookingUp(t *testing.T) {
	d := harness.NewDNS(t)
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	d.Set("local.test", harness.Addresses(1, "127.0.0.1")...)
	d.Set("_http._tcp.test", at(a, 1, 1))
	s := start(t, finding(d, "_http._tcp.test"))
	s.untilStates(a.Address() + " dns healthy")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d.Set("other.test", harness.Addresses(1, "127.0.0.9")...)
	bad := strings.Replace(finding(d, "other.test"), "127.0.0.1:0", taken.Addr().String(), 1)
	if err := s.Reload(s.write(bad)); err == nil {
		t.Fatal("a reload to an address that is taken")
	}
	if got := s.states(); !slices.Equal(got, []string{a.Address() + " dns healthy"}) {
		t.Errorf("after the reload the targets are %q", got)
	}
	if name := s.Status().TargetGroups[0].Discovery.DNS; name != "_http._tcp.test" {
		t.Errorf("%s is looked up", name)
	}
	d.Set("_http._tcp.test", at(a, 1, 1), at(b, 1, 1))
	s.untilStates(a.Address()+" dns healthy", b.Address()+" dns healthy")
}
