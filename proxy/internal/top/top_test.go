package top_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/proxy/internal/top"
	"github.com/evenkeel/evenkeel/targethealth"
)

var now = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// target is one that had so many requests a second.
func target(id string, state targethealth.State, rate float64) admin.TargetStats {
	var t admin.TargetStats
	t.ID, t.State, t.Weight, t.Outstanding, t.Connections = id, state, 1, 3, 7
	t.Changed = now.Add(-90 * time.Minute)
	t.Telemetry = report(rate)
	return t
}

func report(rate float64) telemetry.Report {
	var r telemetry.Report
	for i, seconds := range []int{10, 60, 300} {
		r.Windows = append(r.Windows, telemetry.Window{
			Seconds: seconds, Requests: uint64(10 * rate), Rate: rate, ErrorShare: 0.25, Errors: uint64(2.5 * rate),
			P50: float64(i + 1), P95: 20.25, P99: 12345, SentRate: 1e6,
		})
	}
	return r
}

// shop is a process with two groups.
func shop() admin.Stats {
	web := admin.GroupStats{Name: "web", InUse: true, Algorithm: "round_robin", Outstanding: 6, Connections: 14, Telemetry: report(30)}
	web.Targets = []admin.TargetStats{target("web-1", targethealth.Healthy, 10), target("web-2", targethealth.Unhealthy, 20)}
	web.Targets[1].Description = "Request timed out"
	return admin.Stats{
		Version: "1.2.3", Environment: "shop", Started: now.Add(-3 * time.Hour), Time: now, Connections: 12, MaxConnections: 100,
		TargetGroups: []admin.GroupStats{web, {Name: "spare"}},
	}
}

func once(t *testing.T, stats admin.Stats, width int) []string {
	t.Helper()
	var out strings.Builder
	if err := top.Once(&out, stats, width); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestOnce(t *testing.T) {
	want := `evenkeel 1.2.3  shop  3h00m old  connections 12 of 100
last 10 s: 30.0 requests/s  25.0 % errors  in 0B/s  out 1000kB/s
TARGET          STATE         IN FLIGHT    REQ/S   ERR %   P50 MS   P95 MS   P99 MS   OUT B/S   CONNS   WEIGHT   SINCE  REASON
web                                   6     30.0    25.0      1.0     20.2    12.3k     1000k      14                   round_robin
  web-1         healthy               3     10.0    25.0      1.0     20.2    12.3k     1000k       7        1   1h30m
  web-2         unhealthy             3     20.0    25.0      1.0     20.2    12.3k     1000k       7        1   1h30m  Request timed out
spare           not in use            0        -       -        -        -        -         -       0`
	if got := strings.Join(once(t, shop(), 0), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNarrow shows what matters most in any width, and nothing beyond it.
func TestNarrow(t *testing.T) {
	stats := shop()
	stats.TargetGroups[0].Targets[0].ID = strings.Repeat("long", 30)
	for width := 1; width <= 250; width++ {
		lines := once(t, stats, width)
		if len(lines) != 7 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Fatalf("%d columns: %d characters in %q", width, n, line)
			}
		}
		for head, from := range map[string]int{"STATE": 27, "REQ/S": 36, "ERR %": 44, "REASON": 120} {
			if width >= from && !strings.Contains(lines[2], head) {
				t.Errorf("%d columns: no %s in %q", width, head, lines[2])
			}
		}
	}
}

// TestTextActsOnNothing: what a process tells is not to be trusted with a terminal.
func TestTextActsOnNothing(t *testing.T) {
	for _, evil := range []string{
		"\x1b[2J\x1b[H", "\x1b]0;title\a", "a\nb\rc", "\u009b31m", "\u202eevil", "\x00\x7f\b", "\x1bP1$r\x1b\\", "\xff\xfe", "\u2028",
	} {
		stats := shop()
		stats.Version, stats.Environment = evil, evil
		g := &stats.TargetGroups[0]
		g.Name, g.Algorithm = evil, evil
		g.Targets[0].ID, g.Targets[0].Description = evil, evil
		g.Targets[0].State, g.Targets[1].Reason = targethealth.State(evil), targethealth.Reason(evil)
		for _, width := range []int{0, 30, 80} {
			lines := once(t, stats, width)
			if len(lines) != 7 {
				t.Errorf("%q makes %d lines", evil, len(lines))
			}
			for _, line := range lines {
				if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(line) {
					t.Errorf("%q gets through: %q", evil, line)
				}
			}
		}
	}
}

// TestOfNothing: an older or a fresh process tells less.
func TestOfNothing(t *testing.T) {
	for _, stats := range []admin.Stats{{}, {TargetGroups: []admin.GroupStats{{Name: "web", Targets: []admin.TargetStats{{}}}}}} {
		if lines := once(t, stats, 80); len(lines) < 3 || !strings.HasPrefix(lines[2], "TARGET") {
			t.Errorf("got %q", lines)
		}
	}
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string]int{
		"": 0, "q": 1, "x": 0, "\x1b[A": 1, "\x1bOB": 1, "\x1b[A\x1b[B": 2, "\x1b": 0, "\x1b[": 0, "\x1b[5~": 1, "\x1b[5": 0,
		"\x1b[1;5A": 0, "\x1bq": 1, "jk": 2, "\x03": 1, "\x1b[<0;1;1Mq": 1,
	} {
		if got := top.Keys([]byte(typed)); got != want {
			t.Errorf("%q: %d keys, want %d", typed, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, typed := range []string{"q", "\x1b[A", "\x1b[1;5A", "\x1b[\x1b[", "\x1bO"} {
		f.Add([]byte(typed))
	}
	f.Fuzz(func(t *testing.T, typed []byte) {
		if n := top.Keys(typed); n > len(typed) {
			t.Errorf("%d keys of %d bytes", n, len(typed))
		}
	})
}

// FuzzOnce: whatever a process says has its place on the screen.
func FuzzOnce(f *testing.F) {
	f.Add("web-1", "healthy", 12.5, int64(1), 80)
	f.Add("\x1b[31m", "\u202e", -1.0, int64(-1), 1)
	f.Fuzz(func(t *testing.T, text, state string, number float64, count int64, width int) {
		width = int(uint(width) % 300)
		stats := shop()
		g := &stats.TargetGroups[0]
		g.Name, g.Outstanding = text, count
		one := &g.Targets[0]
		one.ID, one.Description, one.State, one.Outstanding = text, text, targethealth.State(state), count
		w := &one.Telemetry.Windows[0]
		w.Rate, w.P50, w.ErrorShare, w.SentRate = number, number, number, number
		stats.Time = now.Add(time.Duration(count))
		lines := once(t, stats, width)
		if len(lines) != 7 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if width > 0 && utf8.RuneCountInString(line) > width || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%d columns: %q", width, line)
			}
		}
	})
}
