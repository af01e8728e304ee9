// Package target keeps target groups: which targets are registered, what health checks
// have shown of them, and which may get requests.
//
// What requests read is a [Snapshot], an immutable value behind one atomic pointer; every
// registration, transition and reload publishes a new one. A target's life is decided by
// pure functions in state.go and slow_start.go.
package target

import (
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
)

// Target is one registered target as requests see it: an immutable value that shares what
// changes with the values that replace it.
type Target struct {
	// Registration is what the target was registered as.
	Registration
	// HTTP1 keeps the connections to a target of protocol version HTTP1, HTTP2 those of the
	// others. One of them is nil.
	HTTP1 *targetconn.Pool
	HTTP2 *http2.TargetConns
	// Cookie is the stickiness cookie of this second.
	Cookie *sticky.Memo
	// Telemetry remembers what the target did lately; whoever ends a request tells it.
	Telemetry *telemetry.Target

	*traffic
}

// Registration names a target and its place in the group.
type Registration struct {
	ID string
	// Address is host:port; it tells the targets of a group apart.
	Address string
	// Zone is the availability zone; empty for none.
	Zone string
	// Weight is the target's share beside its peers: 1 to 256.
	Weight int
	// Backup says that the target serves only when no other can.
	Backup bool
	// MaxConnections is the most requests that the target has at once; 0 for no bound.
	MaxConnections int
	// Persistent is the value of the persistence cookie that names the target; empty for none.
	Persistent string
	// Discovered says that DNS named the target, and not the environment.
	Discovered bool
}

// registrationOf is how g registers t.
func registrationOf(g *spec.TargetGroup, t *spec.Target) Registration {
	port := t.Port
	if port == 0 {
		port = g.Port
	}
	return Registration{
		ID:      t.ID,
		Address: net.JoinHostPort(t.Address, strconv.Itoa(port)),
		Zone:    t.AvailabilityZone,
		Weight:  t.ProxyOnly.Weight,
		Backup:  t.ProxyOnly.Backup,

		MaxConnections: t.ProxyOnly.MaxConnections,
	}
}

// traffic is what requests change.
type traffic struct {
	counters balance.Counters
	draining atomic.Bool
	failures failures
	// before is the traffic of the target in whose place this one is, when it had requests in
	// flight then: the same application has them.
	before *traffic
}

// outstanding is what t and those before it have in flight.
func (t *traffic) outstanding() int64 {
	n := int64(0)
	for ; t != nil; t = t.before {
		n += t.counters.Outstanding.Load()
	}
	return n
}

// Begin counts a request that the target was chosen for; End follows. It returns false, and
// End does not follow, when others were faster and the target has its MaxConnections.
func (t *Target) Begin() bool {
	if t.MaxConnections > 0 {
		if !t.beginWithin(int64(t.MaxConnections)) {
			return false
		}
	} else {
		t.counters.Outstanding.Add(1)
	}
	t.counters.Requests.Add(1)
	return true
}

// beginWithin counts a request unless that makes more than most.
func (t *Target) beginWithin(most int64) bool {
	for {
		n := t.counters.Outstanding.Load()
		if n+t.before.outstanding() >= most {
			return false
		}
		if t.counters.Outstanding.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// End counts its end. status is the target's, 0 for none; connectError says that no
// connection came about.
func (t *Target) End(status int, connectError bool) {
	t.counters.Outstanding.Add(-1)
	if status >= 500 || connectError {
		t.counters.Errors.Add(1)
	}
}

// Observe tells the group's algorithm that a request took so long until its answer began, or
// until it failed. It is for groups that are Timed.
func (t *Target) Observe(now time.Time, took time.Duration, failed bool) {
	t.counters.Latency.Observe(now, took, failed)
}

// Draining reports whether the target is on its way out, so that its connections are not
// kept.
func (t *Target) Draining() bool { return t.draining.Load() }

// Outstanding returns how many requests have begun and not ended.
func (t *Target) Outstanding() int64 { return t.counters.Outstanding.Load() }

// Requests returns how many requests have begun.
func (t *Target) Requests() uint64 { return t.counters.Requests.Load() }

// Connections returns how many connections to the target are open, idle ones included.
func (t *Target) Connections() int {
	if t.HTTP1 != nil {
		return t.HTTP1.Open()
	}
	return t.HTTP2.Open()
}

// newTarget makes a target that nothing has been sent to.
func newTarget(r Registration, via *transport, shards int) *Target {
	t := &Target{Registration: r, Cookie: new(sticky.Memo), Telemetry: telemetry.New(time.Now()), traffic: new(traffic)}
	t.HTTP1, t.HTTP2 = via.open(r.Address, shards)
	return t
}

// as is the same target registered otherwise.
func (t *Target) as(r Registration) *Target {
	u := *t
	u.Registration = r
	return &u
}

// leave lets nothing new begin: idle connections are closed, those in use go on.
func (t *Target) leave() {
	t.draining.Store(true)
	if t.HTTP1 != nil {
		t.HTTP1.CloseIdle()
		return
	}
	t.HTTP2.CloseIdle()
}

// cut closes every connection; what is in flight ends with an error.
func (t *Target) cut() {
	if t.HTTP1 != nil {
		t.HTTP1.CloseAll()
		return
	}
	t.HTTP2.CloseAll()
}
