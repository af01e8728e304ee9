package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	// flaps is how often a target turns unhealthy in an hour before its thresholds are asked.
	flaps = 3
	// nowAndThen is how many checks of the last ones may fail of a target that is healthy all the
	// while.
	nowAndThen = 3
	// tight is the part of the timeout from which a check that passes is close to failing, and
	// tightChecks how many such there are.
	tight       = 0.8
	tightChecks = 3
	// busy is the part of a check's timeout that the requests themselves take when the target
	// has no time left for checks.
	busy = 0.5
	// answered is how many requests must go well for the checks to be doubted.
	answered = 20
)

// checks looks for targets whose health checks fail, or nearly.
func checks(g *group, r *Report) {
	if d := g.Discovery; d != nil && d.Error != "" {
		last := "no answer has come since the process started"
		if !d.Answered.IsZero() {
			last = "the last answer came " + clock(d.Answered) + ", and its targets stay"
		}
		g.add(r, Finding{
			Case: HealthChecks, What: fmt.Sprintf("targets cannot be looked up: %s: %s", d.DNS, d.Error),
			Evidence: []string{last, fmt.Sprintf("targets: %d", len(g.Targets))},
			Path:     g.at("proxy_only.discovery"), Change: "see whether the name is right and the name server answers",
		})
	}
	if len(g.Targets) == 0 {
		f := Finding{
			Case: HealthChecks, What: "the group has no target: its requests are answered with 503",
			Evidence: []string{"registered targets: none"},
			Path:     g.at("targets"), Change: "list targets, or register some by the control API",
		}
		if g.Discovery != nil {
			f.Path, f.Change = g.at("proxy_only.discovery"), "let the name have addresses, or list targets"
		}
		g.add(r, f)
		return
	}
	failing := map[telemetry.CheckFailure][]*admin.TargetStats{}
	var flapping, shaky, slow []*admin.TargetStats
	for i := range g.Targets {
		t := &g.Targets[i]
		switch {
		case t.State == targethealth.Unhealthy:
			failure := lastFailure(t).Failure
			if g.passive(t) {
				failure = ""
			}
			failing[failure] = append(failing[failure], t)
		case t.State == targethealth.Draining || t.State == targethealth.Unused || t.State == targethealth.Unavailable:
			continue
		}
		switch {
		case g.turned(t) >= flaps:
			flapping = append(flapping, t)
		case t.State == targethealth.Healthy && failures(t, t.Changed) >= nowAndThen:
			shaky = append(shaky, t)
		}
		if t.State == targethealth.Healthy && g.barely(t) >= tightChecks {
			slow = append(slow, t)
		}
	}
	for _, failure := range slices.Sorted(maps.Keys(failing)) {
		g.add(r, g.failing(failure, failing[failure]))
	}
	g.tooTight(r, flapping, shaky, slow)
}

// failing is about targets that are unhealthy, for one reason.
func (g *group) failing(failure telemetry.CheckFailure, targets []*admin.TargetStats) Finding {
	first := targets[0]
	why := words(lastFailure(first))
	if failure == "" {
		why = "requests to them failed, checks did not"
	}
	f := Finding{
		Case: HealthChecks,
		What: fmt.Sprintf("%d of %d targets are unhealthy (%s): %s", len(targets), len(g.Targets), names(targets), why),
	}
	for _, t := range targets[:min(len(targets), maxNamed)] {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s, unhealthy since %s (%s); last checks: %s", t.ID, t.Changed.UTC().Format("15:04:05"), t.Description, lastChecks(t)))
	}
	if g.FailOpen {
		f.Evidence = append(f.Evidence, "too few targets are healthy: requests go to all of them")
	}
	if w := longest(first.Telemetry); w.Requests >= answered && w.Errors == 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s answered %d requests in the last %s without an error: the check is wrong, not the target", first.ID, w.Requests, duration(w.Seconds)))
	}
	f.Path, f.Change = g.cure(failure, lastFailure(first).Status)
	if failure == telemetry.CheckTimedOut && g.overloaded(first) {
		w := longest(first.Telemetry)
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s has %d requests under way, and 95 %% of its answers begin within %.0f ms: it has no time left for checks", first.ID, first.Outstanding, w.P95))
		f.Path = g.at("targets")
		if _, path := g.registered(first); path != g.path {
			f.Path = path + ".proxy_only.max_connections"
		}
		f.Change = "the target is overloaded: add targets, or bound its requests with max_connections; a longer health_check.timeout hides it"
	}
	return f
}

// passive tells whether an unhealthy target is out for failed requests: its last check passed.
func (g *group) passive(t *admin.TargetStats) bool {
	return g.spec != nil && g.spec.ProxyOnly.PassiveHealth.MaxFails > 0 && len(t.Checks) > 0 && t.Checks[len(t.Checks)-1].Failure == ""
}

// overloaded tells whether a target's requests take so long that its checks must.
func (g *group) overloaded(t *admin.TargetStats) bool {
	return g.spec != nil && t.Outstanding > 0 &&
		longest(t.Telemetry).P95 > busy*float64(g.spec.HealthCheck.Timeout/time.Millisecond)
}

// cure is what to change when checks fail in a way, or with a status.
func (g *group) cure(failure telemetry.CheckFailure, status int) (path, change string) {
	check := spec.HealthCheck{Port: spec.TrafficPort}
	version := ""
	if g.spec != nil {
		check, version = g.spec.HealthCheck, g.spec.ProtocolVersion
	}
	where := fmt.Sprintf("%s of port %s", check.Path, check.Port)
	switch failure {
	case "":
		return g.at("proxy_only.passive_health"), "see in the targets' logs why requests fail; max_fails and fail_timeout say how soon and for how long a target is out"
	case telemetry.CheckTimedOut:
		return g.at("health_check.timeout"), fmt.Sprintf("no answer from %s within %s: see whether the target hangs or packets to it are dropped; if the page is just slow, make it cheaper, or the timeout longer", where, span(check.Timeout))
	case telemetry.CheckDisconnected:
		key := "health_check.port"
		if check.Port == spec.TrafficPort {
			key = "port"
		}
		return g.at(key), "the connection is refused or closed: start the application, or correct the port; one that listens on 127.0.0.1 cannot be reached from elsewhere"
	case telemetry.CheckInvalid:
		return g.at("health_check.protocol"), "the answer is no HTTP: see whether the port speaks TLS, which takes protocol HTTPS, or another protocol"
	case telemetry.CheckMismatch:
	}
	path = g.at("health_check.path")
	switch {
	case version == spec.ProtocolVersionGRPC:
		return g.at("health_check.matcher"), "let the matcher have the gRPC status, or the path be of a method that answers with the one it has"
	case status >= 500:
		return path, where + " fails in the application: read its log; a check that asks for the database as well takes all targets out with it"
	case status == 404:
		return path, where + " is not there: correct the path"
	case status == 401 || status == 403:
		return path, where + " wants a sign-in: take a path that is open to all"
	case status == 400:
		return path, "a check's Host is the target's own address, which some applications refuse: allow it there (Django: ALLOWED_HOSTS), or take a path that does not look at it"
	case status >= 300 && status < 400:
		return path, where + " redirects, perhaps to HTTPS, and checks do not follow: exempt the path from redirects, or name the one that it leads to"
	}
	return g.at("health_check.matcher"), "let the matcher have the status, or take a path that answers with the one it has"
}

// tooTight is about targets that are well, mostly.
func (g *group) tooTight(r *Report, flapping, shaky, slow []*admin.TargetStats) {
	timeout, threshold := "its timeout", "unhealthy_threshold"
	if g.spec != nil {
		timeout = span(g.spec.HealthCheck.Timeout)
		threshold = fmt.Sprintf("unhealthy_threshold is %d, healthy_threshold %d, timeout %s, interval %s",
			g.spec.HealthCheck.UnhealthyThreshold, g.spec.HealthCheck.HealthyThreshold, timeout, span(g.spec.HealthCheck.Interval))
	}
	last := func(targets []*admin.TargetStats) (lines []string) {
		for _, t := range targets[:min(len(targets), maxNamed)] {
			lines = append(lines, fmt.Sprintf("%s; last checks: %s", t.ID, lastChecks(t)))
		}
		return append(lines, threshold)
	}
	if len(flapping) > 0 {
		f := Finding{
			Case: HealthChecks,
			What: "targets turn unhealthy again and again: in the last hour " + list(flapping, func(t *admin.TargetStats) string {
				return fmt.Sprintf("%s %d times", t.ID, g.turned(t))
			}),
			Evidence: last(flapping),
			Path:     g.at("health_check.unhealthy_threshold"),
			Change:   "if the targets serve well in between, the check is too tight: let it take more failures, or more time, to be out",
		}
		if lastFailure(flapping[0]).Failure == telemetry.CheckTimedOut {
			f.Path = g.at("health_check.timeout")
		}
		g.add(r, f)
	}
	if len(shaky) > 0 {
		g.add(r, Finding{
			Case: HealthChecks,
			What: "checks fail now and then, not often enough in a row to count: " + list(shaky, func(t *admin.TargetStats) string {
				return fmt.Sprintf("%s %d of the last %d", t.ID, failures(t, t.Changed), len(t.Checks))
			}),
			Evidence: last(shaky),
			Path:     g.at("health_check"),
			Change:   "see what the checks' page needs now and then (" + words(lastFailure(shaky[0])) + "): the next time it may be twice in a row",
		})
	}
	if len(slow) > 0 {
		g.add(r, Finding{
			Case: HealthChecks,
			What: fmt.Sprintf("checks take almost all of their %s: the slowest that passed took ", timeout) + list(slow, func(t *admin.TargetStats) string {
				return fmt.Sprintf("%.1f s at %s", slowest(t)/1000, t.ID)
			}),
			Evidence: last(slow),
			Path:     g.at("health_check.timeout"),
			Change:   "make the page that is checked cheaper, or the timeout longer, before targets are taken out that are only busy",
		})
	}
}

// turned is how often the target turned unhealthy lately.
func (g *group) turned(t *admin.TargetStats) int {
	n := 0
	for _, change := range t.Timeline {
		if change.To == targethealth.Unhealthy && change.From != change.To && g.in.Stats.Time.Sub(change.Time) < lately {
			n++
		}
	}
	return n
}

// barely is how many of the last checks passed just in time.
func (g *group) barely(t *admin.TargetStats) int {
	if g.spec == nil {
		return 0
	}
	n := 0
	for _, c := range t.Checks {
		if c.Failure == "" && c.Took >= tight*float64(g.spec.HealthCheck.Timeout/time.Millisecond) {
			n++
		}
	}
	return n
}

func slowest(t *admin.TargetStats) (took float64) {
	for _, c := range t.Checks {
		if c.Failure == "" {
			took = max(took, c.Took)
		}
	}
	return took
}

// failures is how many of the last checks failed since a time.
func failures(t *admin.TargetStats, since time.Time) int {
	n := 0
	for _, c := range t.Checks {
		if c.Failure != "" && c.Time.After(since) {
			n++
		}
	}
	return n
}

// lastFailure is the last check that failed; the zero value when none did.
func lastFailure(t *admin.TargetStats) telemetry.Check {
	for _, c := range slices.Backward(t.Checks) {
		if c.Failure != "" {
			return c
		}
	}
	return telemetry.Check{}
}

// words says how a check went.
func words(c telemetry.Check) string {
	switch c.Failure {
	case "":
		return "passed"
	case telemetry.CheckTimedOut:
		return "no answer in time"
	case telemetry.CheckDisconnected:
		return "connection refused or closed"
	case telemetry.CheckInvalid:
		return "no valid answer"
	case telemetry.CheckMismatch:
	}
	return fmt.Sprintf("status %d", c.Status)
}

// lastChecks counts the last checks of a target by how they went.
func lastChecks(t *admin.TargetStats) string {
	counts := map[string]int{}
	for _, c := range t.Checks {
		counts[words(c)]++
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d × %s", counts[kind], kind)
	}
	return strings.Join(kinds, ", ")
}
