package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/targethealth"
)

func format(t *testing.T, s admin.Status) string {
	t.Helper()
	var out strings.Builder
	if err := admin.FormatStatus(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFormatStatus(t *testing.T) {
	s := sample()
	s.Reloads.LastError = "site.yaml:1:1: app: is missing\nsite.yaml:2:2: more\n"
	want := strings.ReplaceAll(`evenkeel 1.2.3, environment prod, since 2026-03-01T12:00:00Z
shutting down: no new connections, requests in progress are finished
reloaded 3 times, last tried 2026-03-01T13:00:00Z
the last reload was refused:
  site.yaml:1:1: app: is missing
  site.yaml:2:2: more

LISTENER  PROTOCOL  PORT  ADDRESS
https     HTTPS     443   0.0.0.0:8443

TARGET GROUP      TARGET  ADDRESS      ZONE  STATE              REASON                             OUTSTANDING  REQUESTS
web (fails open)  web-1   10.0.1.1:80  a     healthy            -                                  2            9
web (fails open)  web-2   10.0.1.2:80  -     unhealthy (drain)  Target.Timeout: Request timed out  0            0
idle              -       -            -     -                  -                                  -            -
`, "\t", "")
	if diff := cmp.Diff(want, format(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestFormatStatusOfNothing(t *testing.T) {
	const want = `evenkeel ?, environment ?, since 0001-01-01T00:00:00Z

LISTENER  PROTOCOL  PORT  ADDRESS

TARGET GROUP  TARGET  ADDRESS  ZONE  STATE  REASON  OUTSTANDING  REQUESTS
`
	if diff := cmp.Diff(want, format(t, admin.Status{})); diff != "" {
		t.Error(diff)
	}
}

func TestFormatStatusSaysReasons(t *testing.T) {
	for want, target := range map[string]admin.Target{
		" -  ":                                 {},
		" Target.Timeout  ":                    {Reason: targethealth.ReasonTimeout},
		" waiting  ":                           {Description: "waiting"},
		" Target.NotInUse: no rule forwards  ": {Reason: targethealth.ReasonNotInUse, Description: "no rule forwards"},
	} {
		target.State, target.ID = targethealth.Unused, "t"
		out := format(t, admin.Status{TargetGroups: []admin.TargetGroup{{Name: "web", Targets: []admin.Target{target}}}})
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, " unused "+want) {
			t.Errorf("got %q, want %q", last, want)
		}
	}
}

func TestFormatStatusTellsOfDiscovery(t *testing.T) {
	answered := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	out := format(t, admin.Status{TargetGroups: []admin.TargetGroup{
		{Name: "fine", Discovery: &admin.Discovery{DNS: "fine.test", Answered: answered}},
		{Name: "web", Discovery: &admin.Discovery{DNS: "web.test", Answered: answered, Error: "look up web.test: no such record"}},
		{Name: "api", Discovery: &admin.Discovery{DNS: "api.test", Error: "time\x1bout"}},
	}})
	const want = `
web: targets of web.test cannot be looked up, those of 2026-03-01T12:00:00Z stay: look up web.test: no such record

api: targets of api.test cannot be looked up, none was found yet: time�out
`
	if !strings.HasSuffix(out, want) || strings.Contains(out, "fine.test") {
		t.Errorf("it prints\n%s", out)
	}
}

// TestFormatStatusIsSafeToPrint gives it names that would move the cursor, forge a row or
// turn text around.
func TestFormatStatusIsSafeToPrint(t *testing.T) {
	hostile := "a\x1b[31m\tb\nweb  forged\r\x00\x07\u202e\u200b\x9b\xff"
	out := format(t, admin.Status{
		Version: hostile, Environment: hostile,
		Listeners: []admin.Listener{{Name: hostile, Protocol: hostile, Address: hostile}},
		TargetGroups: []admin.TargetGroup{{Name: hostile, Targets: []admin.Target{{
			ID: hostile, Address: hostile, Zone: hostile, State: targethealth.State(hostile), Reason: targethealth.Reason(hostile), Description: hostile,
		}}}},
		Reloads: admin.Reloads{LastTime: time.Unix(1, 0), LastError: "one\x1b[2J\ntwo\rthree"},
	})
	if i := strings.IndexFunc(out, func(r rune) bool {
		return r != '\n' && (r < ' ' || r == 0x7f || r == 0x9b || r == 0x202e || r == 0x200b)
	}); i >= 0 {
		t.Errorf("it prints %q", out[i:min(i+20, len(out))])
	}
	// Title, reload, its error of two lines, and two tables of one row, each after a blank.
	if n := strings.Count(out, "\n"); n != 3+2+2*3 {
		t.Errorf("it prints %d lines:\n%s", n, out)
	}
}

// broken is a terminal that is gone.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestFormatStatusTellsThatItCannotWrite(t *testing.T) {
	gone := errors.New("gone")
	if err := admin.FormatStatus(broken{gone}, sample()); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
