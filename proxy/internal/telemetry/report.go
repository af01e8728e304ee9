package telemetry

import "time"

// windows are what percentiles and rates are reported for, in seconds.
var windows = [...]int{10, 60, 300}

// Totals counts since the target was registered.
func (t *Target) Totals() Totals {
	var all totals
	t.read(&all)
	return all.export()
}

// Report is what is remembered of a target, or of several together.
type Report struct {
	// Since is when counting began.
	Since  time.Time `json:"since"`
	Totals Totals    `json:"totals"`
	// Windows are the last 10 seconds, 1 minute and 5 minutes.
	Windows []Window `json:"windows"`
}

// Totals count since Report.Since.
type Totals struct {
	// Requests that have ended, and how: by the class of the target's status, by there being no
	// connection, no valid answer, or no client any more.
	Requests      uint64 `json:"requests"`
	Status1XX     uint64 `json:"status_1xx"`
	Status2XX     uint64 `json:"status_2xx"`
	Status3XX     uint64 `json:"status_3xx"`
	Status4XX     uint64 `json:"status_4xx"`
	Status5XX     uint64 `json:"status_5xx"`
	ConnectErrors uint64 `json:"connect_errors"`
	Failed        uint64 `json:"failed"`
	ClientGone    uint64 `json:"client_gone"`
	// Errors are those for which the target is to blame: ConnectErrors, Failed and Status5XX.
	Errors uint64 `json:"errors"`
	// ReceivedBytes came from clients, SentBytes went to them.
	ReceivedBytes uint64 `json:"received_bytes"`
	SentBytes     uint64 `json:"sent_bytes"`
	// Opened is how many connections to the target were opened for a request.
	Opened  uint64  `json:"connections_opened"`
	Cookies Cookies `json:"cookies,omitzero"`
	Cuts    Cuts    `json:"cuts,omitzero"`
}

// Window is what happened in the last seconds.
type Window struct {
	// Seconds is how long the window is meant to be. What was registered later, or looked at a
	// little earlier, is counted over the time that it really is.
	Seconds  int    `json:"seconds"`
	Requests uint64 `json:"requests"`
	// Rate is requests a second, ReceivedRate and SentRate bytes a second.
	Rate         float64 `json:"rate"`
	ReceivedRate float64 `json:"received_rate"`
	SentRate     float64 `json:"sent_rate"`
	Errors       uint64  `json:"errors"`
	// ErrorShare is Errors by Requests: 0 to 1; 0 without requests.
	ErrorShare float64 `json:"error_share"`
	// P50, P95 and P99 of the time to the first byte of the target's answer, in milliseconds; 0
	// when nothing was answered.
	P50     float64 `json:"p50_ms"`
	P95     float64 `json:"p95_ms"`
	P99     float64 `json:"p99_ms"`
	Cookies Cookies `json:"cookies,omitzero"`
	Cuts    Cuts    `json:"cuts,omitzero"`
}

// Series are the last 15 minutes in steps, oldest first, for sparklines.
type Series struct {
	// Step is how many seconds a step has.
	Step int `json:"step_seconds"`
	// Steps is how many there have been since counting began; the last ones are below.
	Steps    int      `json:"steps"`
	Requests []uint32 `json:"requests"`
	Errors   []uint32 `json:"errors"`
	// P95 is in milliseconds.
	P95 []float64 `json:"p95_ms"`
}

// Report tells what was seen up to the last sample; totals are of now.
func (t *Target) Report(now time.Time) Report { return Sum([]*Target{t}, now) }

// Sum is the report of several targets together.
func Sum(targets []*Target, now time.Time) Report {
	report := Report{Since: now, Windows: make([]Window, len(windows))}
	var all totals
	sums := make([]sum, len(windows))
	for _, t := range targets {
		var one totals
		t.read(&one)
		for i := range all {
			all[i] += one[i]
		}
		t.mu.Lock()
		if t.since.Before(report.Since) {
			report.Since = t.since
		}
		for i, seconds := range windows {
			sums[i].add(t, now, seconds)
		}
		t.mu.Unlock()
	}
	report.Totals = all.export()
	for i, seconds := range windows {
		report.Windows[i] = sums[i].window(seconds)
	}
	return report
}

// sum adds up what several targets did in a window.
type sum struct {
	difference
	length time.Duration
}

// add takes in what t did. t.mu is held.
func (s *sum) add(t *Target, now time.Time, seconds int) {
	length := min(time.Duration(seconds)*time.Second, now.Sub(t.since))
	if r := t.rings; r != nil {
		from := r.before(seconds)
		if from.at != 0 {
			length = time.Duration(r.now.at - from.at)
		}
		s.difference.add(&r.now, from)
	}
	s.length = max(s.length, length)
}

func (s *sum) window(seconds int) Window {
	w := Window{
		Seconds: seconds, Requests: s.totals.requests(), Errors: s.totals.errors(),
		Cookies: s.totals.cookies(), Cuts: s.totals.cuts(),
	}
	// What is younger than a sample has not been seen for long enough to speak of a rate.
	if length := max(s.length, SampleInterval).Seconds(); w.Requests > 0 {
		w.Rate = float64(w.Requests) / length
		w.ReceivedRate = float64(s.totals[receivedBytes]) / length
		w.SentRate = float64(s.totals[sentBytes]) / length
		w.ErrorShare = float64(w.Errors) / float64(w.Requests)
	}
	var q [3]time.Duration
	s.latency.quantiles(q[:], 0.5, 0.95, 0.99)
	w.P50, w.P95, w.P99 = milliseconds(q[0]), milliseconds(q[1]), milliseconds(q[2])
	return w
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func (t *totals) export() Totals {
	return Totals{
		Requests:  t.requests(),
		Status1XX: t[answered1XX], Status2XX: t[answered2XX], Status3XX: t[answered3XX],
		Status4XX: t[answered4XX], Status5XX: t[answered5XX],
		ConnectErrors: t[connectErrors], Failed: t[failed], ClientGone: t[clientGone],
		Errors:        t.errors(),
		ReceivedBytes: t[receivedBytes], SentBytes: t[sentBytes],
		Opened:  t[opened],
		Cookies: t.cookies(), Cuts: t.cuts(),
	}
}

// Series returns the points of the last 15 minutes.
func (t *Target) Series() Series {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Series{Step: int(stepSamples * SampleInterval / time.Second), Requests: []uint32{}, Errors: []uint32{}, P95: []float64{}}
	r := t.rings
	if r == nil {
		return s
	}
	s.Steps = r.steps
	for i := max(0, r.steps-points); i < r.steps; i++ {
		p := &r.series[i%points]
		s.Requests = append(s.Requests, p.requests)
		s.Errors = append(s.Errors, p.errors)
		s.P95 = append(s.P95, float64(p.p95)/1000)
	}
	return s
}

// Timeline returns the transitions of the last 24 hours, 100 at most, oldest first, and the one
// before them.
func (t *Target) Timeline(now time.Time) []Transition {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.timeline.since(now.Add(-timelineAge))
}

// Changed is when the target's health last changed.
func (t *Target) Changed() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}
