package alarm_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/spec"
)

func TestEveryKindOccurs(t *testing.T) {
	occurs := map[string]bool{alarm.ServiceDown.Name: true}
	for _, a := range alarm.Inventory(whole(t), everything()) {
		occurs[a.Kind.Name] = true
	}
	listed := map[string]bool{}
	for _, k := range alarm.Kinds() {
		if listed[k.Name] {
			t.Errorf("%s is listed twice", k.Name)
		}
		listed[k.Name] = true
		if !occurs[k.Name] {
			t.Errorf("%s never occurs", k.Name)
		}
	}
	for name := range occurs {
		if !listed[name] {
			t.Errorf("Kinds does not list %s", name)
		}
	}
}

func TestKindsAreWhole(t *testing.T) {
	for _, k := range alarm.Kinds() {
		if k.Meaning == "" || k.Measure == "" || k.Limit == "" || k.Missing == "" || k.MissingReason == "" || k.Severity == "" {
			t.Errorf("%s leaves something unsaid: %+v", k.Name, k)
		}
		if !strings.HasSuffix(k.Meaning, ".") {
			t.Errorf("%s: %q is no sentence", k.Name, k.Meaning)
		}
		if (k.Window == alarm.Window{}) == (k.WindowWords == "") {
			t.Errorf("%s has both or neither of Window and WindowWords", k.Name)
		}
	}
}

// TestThresholdsAreTheFiles follows each threshold from the file, in which none is a default.
func TestThresholdsAreTheFiles(t *testing.T) {
	want := map[string]float64{
		"error-rate": 2, "error-rate-critical": 5, "target-error-rate": 2, "load-balancer-error-rate": 2,
		"response-time-p50": 0.1, "response-time-p95": 0.4, "response-time-p99": 2,
		"connections": 700, "rejected-connections": 0, "target-connection-errors": 0, "target-tls-errors": 0,
		"unhealthy-targets-web": 1, "healthy-targets-web": 90, "healthy-targets-critical-web": 60, "unhealthy-routing-web": 0,
		"fleet-at-maximum-web": 10, "fleet-at-maximum-workers-jobs": 8,
		"fleet-cpu-web": 90, "fleet-cpu-workers-jobs": 90, "fleet-cpu-workers-maintenance": 90,
		"terminating-stuck-web": 0, "terminating-stuck-workers-jobs": 0, "terminating-stuck-workers-maintenance": 0,
		"queue-depth-jobs": 160, "queue-depth-maintenance": 100, "queue-depth-default": 100,
		"drain-queue-age": 1200, "drain-dead-letters": 0, "drain-errors": 0, "drain-throttles": 0, "drain-outcome": 0,
		"health-errors": 0, "health-age": 180, "deep-health": 60,
		"database-connections-primary": 280, "database-connections-replica-1": 280, "database-proxy-connections": 70,
		"database-cpu-primary": 90, "database-cpu-replica-1": 90,
		"database-storage-primary": 10 << 30, "database-storage-replica-1": 10 << 30, "database-replica-lag-replica-1": 60,
		"cache-cpu-001": 90, "cache-cpu-002": 90, "cache-memory-001": 80, "cache-memory-002": 80, "cache-evictions-001": 0, "cache-evictions-002": 0,
		"broker-memory": 80, "broker-disk": 2,
		"certificate-expiry-syncapp": 20, "edge-error-rate": 2,
		// Compared with what is usual.
		"response-time-anomaly": 0, "client-tls-errors": 0, "waf-blocked": 0,
	}
	env := whole(t)
	for _, a := range alarm.Inventory(env, everything()) {
		name := strings.TrimPrefix(a.Name, "syncapp-whole-")
		threshold, ok := want[name]
		switch {
		case !ok:
			t.Errorf("no such alarm is wanted: %s", a.Name)
		case threshold != a.Threshold:
			t.Errorf("%s has threshold %v, want %v", a.Name, a.Threshold, threshold)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestErrorsCountOnlyAmongEnoughRequests(t *testing.T) {
	for _, a := range alarm.Inventory(whole(t), everything()) {
		if !strings.HasSuffix(a.Kind.Name, "error-rate") && a.Kind.Name != alarm.ErrorRateCritical.Name {
			continue
		}
		if last := a.Formulas[len(a.Formulas)-1].Expression; !strings.Contains(last, ">= 50") {
			t.Errorf("%s: %q does not ask for 50 requests", a.Name, last)
		}
	}
}

// TestOutageIsAnError: with no target to choose, RequestCount has no data. What errors are
// divided by must not be it alone.
func TestOutageIsAnError(t *testing.T) {
	for _, a := range alarm.Inventory(whole(t), everything()) {
		if a.Kind.Name != alarm.ErrorRateCritical.Name {
			continue
		}
		var got []string
		for _, f := range a.Formulas {
			got = append(got, f.ID+" = "+f.Expression)
		}
		want := []string{
			"errors = SUM([elb, target])",
			"total = MAX([requests, errors])",
			"share = IF(total >= 50, 100 * errors / total, 0)",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFormulasUseWhatTheyHave(t *testing.T) {
	word := regexp.MustCompile(`[a-z]\w*`)
	for _, a := range alarm.Inventory(whole(t), everything()) {
		known, used := map[string]bool{}, map[string]bool{}
		for _, m := range a.Metrics {
			if len(a.Formulas) > 0 && m.ID == "" {
				t.Errorf("%s: metric %s has no id", a.Name, m.Name)
			}
			known[m.ID] = true
		}
		for _, f := range a.Formulas {
			for _, id := range word.FindAllString(f.Expression, -1) {
				used[id] = true
				if !known[id] {
					t.Errorf("%s: %q uses %s, which is not defined before it", a.Name, f.Expression, id)
				}
			}
			known[f.ID] = true
		}
		if len(a.Formulas) == 0 {
			if len(a.Metrics) != 1 {
				t.Errorf("%s has %d metrics and no formula", a.Name, len(a.Metrics))
			}
			continue
		}
		for id := range known {
			if !used[id] && id != a.Formulas[len(a.Formulas)-1].ID {
				t.Errorf("%s does not use %s", a.Name, id)
			}
		}
	}
}

// TestWindowsAreCloudWatchs: it looks back a day in periods of less than an hour, a week in
// longer ones.
func TestWindowsAreCloudWatchs(t *testing.T) {
	for _, a := range alarm.Inventory(whole(t), everything()) {
		w := a.Window
		most := 24 * time.Hour
		if w.Period >= time.Hour {
			most = 7 * 24 * time.Hour
		}
		if w.Period <= 0 || w.Period%time.Minute != 0 || w.Datapoints < 1 || w.Datapoints > w.Periods || time.Duration(w.Periods)*w.Period > most {
			t.Errorf("%s has window %+v", a.Name, w)
		}
	}
}

func TestStuckIsLongerThanDraining(t *testing.T) {
	env := whole(t)
	delay := env.TargetGroup("web").DeregistrationDelay
	for name, least := range map[string]time.Duration{
		"web":                 env.Fleets["web"].Drain.Maximum + delay,
		"workers-jobs":        48 * time.Hour,
		"workers-maintenance": 4 * time.Hour,
	} {
		for _, a := range alarm.Inventory(env, everything()) {
			if a.Kind.Name != alarm.TerminatingStuck.Name || a.Subject != name {
				continue
			}
			if got := time.Duration(a.Window.Datapoints) * a.Window.Period; got <= least || got > least+2*time.Hour {
				t.Errorf("%s waits %v, draining takes up to %v", a.Name, got, least)
			}
		}
	}
}

func TestMessagesOfShortHeartbeatsAreOldSooner(t *testing.T) {
	env := whole(t)
	for name, fleet := range env.Fleets {
		fleet.Drain.Heartbeat = 5 * time.Minute
		env.Fleets[name] = fleet
	}
	for _, a := range alarm.Inventory(env, alarm.Subjects{Drain: everything().Drain}) {
		if a.Kind.Name == alarm.DrainQueueAge.Name && a.Threshold != 600 {
			t.Errorf("a message is old at %v s, want 600", a.Threshold)
		}
	}
}

func TestBusyFleetsScaleFirst(t *testing.T) {
	env := whole(t)
	fleet := env.Fleets["web"]
	fleet.Scaling.CPUUtilization = 95
	env.Fleets["web"] = fleet
	for _, a := range alarm.Inventory(env, everything()) {
		if a.Name == "syncapp-whole-fleet-cpu-web" && a.Threshold != 97.5 {
			t.Errorf("a fleet that keeps 95%% alarms above %v, want 97.5", a.Threshold)
		}
	}
}

func TestSubsetsWatchTheirOwn(t *testing.T) {
	env, all := whole(t), everything()
	kinds := func(s alarm.Subjects) []string {
		var names []string
		for _, a := range alarm.Inventory(env, s) {
			if !slices.Contains(names, a.Kind.Name) {
				names = append(names, a.Kind.Name)
			}
		}
		return names
	}
	if got := kinds(alarm.Subjects{}); len(got) > 0 {
		t.Errorf("nothing is watched by %q", got)
	}
	if got, want := kinds(alarm.Subjects{Distribution: all.Distribution, WebACL: all.WebACL}), []string{"edge-error-rate", "waf-blocked"}; !slices.Equal(got, want) {
		t.Errorf("the edge is watched by %q, want %q", got, want)
	}
	if got := kinds(alarm.Subjects{Fleets: all.Fleets}); slices.Contains(got, "queue-depth") {
		t.Error("queues of a broker of others are watched")
	}
	// Groups of a load balancer that is elsewhere have no metrics without its name.
	if got := kinds(alarm.Subjects{TargetGroups: all.TargetGroups}); len(got) > 0 {
		t.Errorf("target groups without a load balancer are watched by %q", got)
	}
}

// TestPlainHTTPHasNoHandshakes wants no alarm that could never have data.
func TestPlainHTTPHasNoHandshakes(t *testing.T) {
	env := whole(t)
	env.TargetGroup("web").Protocol = spec.ProtocolHTTP
	env.LoadBalancer.Listeners = env.LoadBalancer.Listeners[:1]
	for _, a := range alarm.Inventory(env, everything()) {
		if a.Kind.Name == alarm.TargetTLSErrors.Name || a.Kind.Name == alarm.ClientTLSErrors.Name {
			t.Errorf("%s watches TLS where there is none", a.Name)
		}
	}
}

func TestWebACLOfAnEdgeHasNoRegion(t *testing.T) {
	for _, c := range []struct {
		region string
		want   int
	}{{"eu-west-1", 3}, {"", 2}} {
		m := alarm.WebACLMetric(&alarm.WebACL{MetricName: "acl", Region: c.region}, "BlockedRequests", "Sum")
		if len(m.Dimensions) != c.want {
			t.Errorf("region %q: dimensions %v", c.region, m.Dimensions)
		}
	}
}
