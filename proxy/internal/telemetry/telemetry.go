// Package telemetry remembers what each target did lately: how many requests, how fast, how
// many went wrong, and how its health changed.
//
// A request that ends costs a few additions to counters of its target ([Target.Observe]). Once
// a second one goroutine looks at the counters ([Target.Sample]) and keeps what it saw in rings,
// from which windows, percentiles and series are made when somebody asks ([Target.Report]). A
// target that has had no request has no rings; one that has takes 40 kB with them, and 12 kB
// more for a full timeline and its health checks: 52 MB for a thousand busy targets.
package telemetry

import (
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is how one request to a target ended.
type Outcome struct {
	// Status is the target's; 0 when it gave no answer.
	Status int
	// ConnectError says that no connection to the target came about.
	ConnectError bool
	// ClientGone says that the client left before there was an answer, for which the target is
	// not to blame.
	ClientGone bool
	// Opened says that the request took a new connection.
	Opened bool
	// Answered says that the target began to answer, Latency after it had been asked.
	Answered bool
	Latency  time.Duration
	// Received and Sent count the bytes of request and answer, on the client's side.
	Received, Sent int64
	// Cookie is what the request's stickiness cookie did, Cut the timeout that ended it.
	Cookie Cookie
	Cut    Cut
}

// counter is the place of a number in totals.
type counter uint8

// Requests that have ended are in one of the first of these each.
const (
	failed counter = iota // neither an answer nor one of the below
	answered1XX
	answered2XX
	answered3XX
	answered4XX
	answered5XX
	connectErrors
	clientGone
	outcomes // how many ways to end there are

	receivedBytes
	sentBytes
	opened

	// What is counted of cookies and timeouts begins one behind these: the first of their kinds
	// is not counted.
	cookies      counter = iota - 1
	cuts                 = cookies + counter(CookieFull)
	counterCount         = cuts + counter(CutKept) + 1
)

// totals are the counters as somebody read them.
type totals [counterCount]uint64

// requests is how many requests have ended.
func (t *totals) requests() uint64 {
	var n uint64
	for _, ended := range t[:outcomes] {
		n += ended
	}
	return n
}

// errors is how many of them the target is to blame for: no connection, no valid answer, or 5xx.
func (t *totals) errors() uint64 { return t[failed] + t[connectErrors] + t[answered5XX] }

// line is what processors fetch at once (package balance says more).
const line = 128

// Target has the counters of one target, its recent past, and the timeline of its health. All
// methods may be called at once from several goroutines.
type Target struct {
	_        [line]byte
	counters [counterCount]atomic.Uint64
	latency  histogram
	_        [line]byte

	// mu guards what follows, which no request touches.
	mu       sync.Mutex
	since    time.Time // when the counters were all 0
	rings    *rings    // nil until a request has ended
	timeline timeline
	changed  time.Time // when the health last did
	checks   checks
}

// New returns the memory of a target that is registered now.
func New(now time.Time) *Target { return &Target{since: now, changed: now} }

// Observe counts a request that has ended.
func (t *Target) Observe(o Outcome) {
	t.counters[o.counter()].Add(1)
	if o.Opened {
		t.counters[opened].Add(1)
	}
	if o.Received > 0 {
		t.counters[receivedBytes].Add(uint64(o.Received))
	}
	if o.Sent > 0 {
		t.counters[sentBytes].Add(uint64(o.Sent))
	}
	if o.Answered {
		t.latency.observe(o.Latency)
	}
	if o.Cookie != NotSticky {
		t.counters[cookies+counter(o.Cookie)].Add(1)
	}
	if o.Cut != NotCut {
		t.counters[cuts+counter(o.Cut)].Add(1)
	}
}

// counter is where the request counts.
func (o *Outcome) counter() counter {
	class := o.Status / 100
	switch {
	case class >= 1 && class <= 5:
		return failed + counter(class)
	case o.ClientGone:
		return clientGone
	case o.ConnectError:
		return connectErrors
	}
	return failed
}

// read returns the counters.
func (t *Target) read(into *totals) {
	for i := range into {
		into[i] = t.counters[i].Load()
	}
}
