package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// lived is a target that was asked for a while: each says what happened in a second.
type lived struct {
	*telemetry.Target
	now time.Time
}

func live() *lived { return &lived{telemetry.New(began), began} }

// seconds passes so many, in each of which these requests end.
func (l *lived) seconds(n int, each ...telemetry.Outcome) {
	for range n {
		for _, o := range each {
			l.Observe(o)
		}
		l.now = l.now.Add(time.Second)
		l.Sample(l.now)
	}
}

func (l *lived) report() telemetry.Report { return l.Report(l.now) }

var good = telemetry.Outcome{Status: 200, Answered: true, Latency: 10 * time.Millisecond, Received: 100, Sent: 1000}

func TestEveryEndIsCounted(t *testing.T) {
	l := live()
	l.seconds(1,
		telemetry.Outcome{Status: 101}, telemetry.Outcome{Status: 200, Received: 3, Sent: 5}, telemetry.Outcome{Status: 301}, telemetry.Outcome{Status: 404},
		telemetry.Outcome{Status: 503, Opened: true}, telemetry.Outcome{ConnectError: true}, telemetry.Outcome{ClientGone: true},
		telemetry.Outcome{}, telemetry.Outcome{Status: 999}, telemetry.Outcome{Status: -1}, telemetry.Outcome{Status: 200, ClientGone: true, Received: -1, Sent: -1},
	)
	want := telemetry.Totals{
		Requests: 11, Status1XX: 1, Status2XX: 2, Status3XX: 1, Status4XX: 1, Status5XX: 1, ConnectErrors: 1, Failed: 3, ClientGone: 1,
		Errors: 5, ReceivedBytes: 3, SentBytes: 5, Opened: 1,
	}
	if diff := cmp.Diff(want, l.report().Totals); diff != "" {
		t.Error(diff)
	}
	if w := l.report().Windows[0]; w.Errors != 5 || w.ErrorShare != 5.0/11 {
		t.Errorf("got %+v", w)
	}
}

// TestWindows wants rates over the time that a window really has, and no more in it.
func TestWindows(t *testing.T) {
	type row struct {
		requests uint64
		rate     float64
	}
	l := live()
	for _, c := range []struct {
		when string
		pass func()
		want [3]row // 10 s, 1 min, 5 min
	}{
		{"registered", func() {}, [3]row{}},
		{"idle for 5 s", func() { l.seconds(5) }, [3]row{}},
		{"busy for 5 s", func() { l.seconds(5, good, good) }, [3]row{{10, 1}, {10, 1}, {10, 1}}},
		{"busy for 10 s more", func() { l.seconds(10, good, good) }, [3]row{{20, 2}, {30, 1.5}, {30, 1.5}}},
		{"idle for 40 s", func() { l.seconds(40) }, [3]row{{0, 0}, {30, 0.5}, {30, 0.5}}},
		{"idle for 20 s more", func() { l.seconds(20) }, [3]row{{0, 0}, {10, 10.0 / 65}, {30, 30.0 / 80}}},
		{"idle for 4 min more", func() { l.seconds(240) }, [3]row{{0, 0}, {0, 0}, {10, 10.0 / 305}}},
		{"forgotten", func() { l.seconds(20) }, [3]row{}},
		{"busy for an hour", func() { l.seconds(3600, good) }, [3]row{{10, 1}, {65, 1}, {305, 1}}},
	} {
		c.pass()
		var got [3]row
		for i, w := range l.report().Windows {
			got[i] = row{w.Requests, w.Rate}
		}
		if got != c.want {
			t.Errorf("%s: got %v, want %v", c.when, got, c.want)
		}
	}
	w := l.report().Windows[0]
	if w.ReceivedRate != 100 || w.SentRate != 1000 || w.Errors != 0 {
		t.Errorf("got %+v", w)
	}
	if off := w.P99 - 10; off > 0.7 || off < -0.7 {
		t.Errorf("p99 of 10 ms is %v", w.P99)
	}
}

// TestSamplesThatCameLate are of the time that has passed, not of the one that was meant to.
func TestSamplesThatCameLate(t *testing.T) {
	l := live()
	l.seconds(20, good)
	for range 10 {
		l.Observe(good)
		l.Observe(good)
		l.now = l.now.Add(2 * time.Second)
		l.Sample(l.now)
	}
	if w := l.report().Windows[0]; w.Requests != 20 || w.Rate != 1 {
		t.Errorf("got %+v", w)
	}
}

func TestSumOfSeveral(t *testing.T) {
	a, b := live(), live()
	a.seconds(60, good, good)
	b.seconds(60, telemetry.Outcome{Status: 500, Answered: true, Latency: time.Second})
	sum := telemetry.Sum([]*telemetry.Target{a.Target, b.Target}, a.now)
	w := sum.Windows[1]
	if sum.Totals.Requests != 180 || w.Requests != 180 || w.Rate != 3 || w.ErrorShare != 1.0/3 || w.P50 > 11 || w.P95 < 900 || !sum.Since.Equal(began) {
		t.Errorf("got %+v", sum)
	}
	none := telemetry.Sum(nil, a.now)
	if len(none.Windows) != 3 || none.Totals.Requests != 0 || !none.Since.Equal(a.now) {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestSeries(t *testing.T) {
	l := live()
	l.seconds(7)
	if s := l.Series(); s.Step != 5 || s.Steps != 0 || len(s.Requests) != 0 || s.Requests == nil || s.Errors == nil || s.P95 == nil {
		t.Errorf("of no request: %+v", s)
	}
	l.seconds(6, good, telemetry.Outcome{Status: 502})
	if s := l.Series(); s.Steps != 1 || !cmp.Equal(s.Requests, []uint32{10}) || !cmp.Equal(s.Errors, []uint32{5}) || len(s.P95) != 1 || s.P95[0] < 9 || s.P95[0] > 11 {
		t.Errorf("of one step: %+v", s)
	}
	l.seconds(4)
	l.seconds(2000, good)
	s := l.Series()
	if s.Steps != 401 || len(s.Requests) != 180 || s.Requests[0] != 5 || s.Requests[179] != 5 || s.Errors[0] != 0 {
		t.Errorf("of long: %+v", s)
	}
}

func TestTimeline(t *testing.T) {
	l := live()
	if got := l.Timeline(began); len(got) != 0 || !l.Changed().Equal(began) {
		t.Errorf("of nothing: %v", got)
	}
	at := func(d time.Duration) time.Time { return began.Add(d) }
	long := strings.Repeat("x", 1000)
	l.Turn(telemetry.Transition{Time: at(0), To: targethealth.Initial})
	l.Turn(telemetry.Transition{Time: at(time.Minute), From: targethealth.Initial, To: targethealth.Healthy})
	l.Turn(telemetry.Transition{Time: at(2 * time.Minute), From: targethealth.Healthy, To: targethealth.Unhealthy, Reason: targethealth.ReasonTimeout, Description: long})
	got := l.Timeline(at(time.Hour))
	if len(got) != 3 || got[0].To != targethealth.Initial || got[2].Reason != targethealth.ReasonTimeout || len(got[2].Description) != 200 {
		t.Errorf("got %v", got)
	}
	// A day after the second one, it says what held when the day began.
	got = l.Timeline(at(time.Minute + 24*time.Hour))
	if len(got) != 2 || got[0].To != targethealth.Healthy || got[1].To != targethealth.Unhealthy {
		t.Errorf("a day later: %v", got)
	}
	if got = l.Timeline(at(1000 * time.Hour)); len(got) != 1 || got[0].To != targethealth.Unhealthy {
		t.Errorf("much later: %v", got)
	}
	l.Turn(telemetry.Transition{Time: at(time.Hour), From: targethealth.Unhealthy, To: targethealth.Unhealthy, Order: "drain", By: "alice"})
	if !l.Changed().Equal(at(2 * time.Minute)) {
		t.Errorf("an order is taken for a change of health: %v", l.Changed())
	}
	for i := range 250 {
		l.Turn(telemetry.Transition{Time: at(time.Hour + time.Duration(i)*time.Second), To: targethealth.Healthy, Description: fmt.Sprint(i)})
	}
	got = l.Timeline(at(2 * time.Hour))
	if len(got) != 100 || got[0].Description != "150" || got[99].Description != "249" || !l.Changed().Equal(got[99].Time) {
		t.Errorf("got %d from %v to %v", len(got), got[0], got[len(got)-1])
	}
}

// TestObserveAllocatesNothing and nor does a sample once there are rings.
func TestObserveAllocatesNothing(t *testing.T) {
	l := live()
	l.seconds(1, good)
	if n := testing.AllocsPerRun(100, func() { l.Observe(good) }); n != 0 {
		t.Errorf("Observe allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		for range 10 {
			l.Sample(l.now)
		}
	}); n != 0 {
		t.Errorf("ten samples allocate %v times", n)
	}
}

// TestMemoryIsWhatTheDocumentationSays and the page's.
func TestMemoryIsWhatTheDocumentationSays(t *testing.T) {
	if telemetry.RingsSize > 40<<10 {
		t.Errorf("a target takes %d bytes", telemetry.RingsSize)
	}
}

func BenchmarkObserve(b *testing.B) {
	t := telemetry.New(began)
	for b.Loop() {
		t.Observe(good)
	}
}

func BenchmarkObserveParallel(b *testing.B) {
	t := telemetry.New(began)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			t.Observe(good)
		}
	})
}

// BenchmarkSampleThousand is what a second costs with a thousand busy targets.
func BenchmarkSampleThousand(b *testing.B) {
	var list []*telemetry.Target
	for range 1000 {
		t := telemetry.New(began)
		t.Observe(good)
		list = append(list, t)
	}
	now := began
	for b.Loop() {
		now = now.Add(time.Second)
		for _, t := range list {
			t.Sample(now)
		}
	}
}
