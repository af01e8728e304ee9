package target

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Causes is a set of what a request may be sent again after.
type Causes uint8

// The causes, by their names in an environment file.
const (
	// CauseConnect: no connection came about, or nothing of the request was sent on it.
	CauseConnect Causes = 1 << iota
	// CauseTimeout: the target did not answer in time.
	CauseTimeout
	// CauseReset: the target ended the connection before there was an answer.
	CauseReset
	// CauseStatus502, 503 and 504: the target answered with that status.
	CauseStatus502
	CauseStatus503
	CauseStatus504
)

var causeNames = map[string]Causes{
	spec.RetryConnectError: CauseConnect, spec.RetryTimeout: CauseTimeout, spec.RetryReset: CauseReset,
	spec.RetryHTTP502: CauseStatus502, spec.RetryHTTP503: CauseStatus503, spec.RetryHTTP504: CauseStatus504,
}

// StatusCause is the cause that an answer of that status is; 0 for none.
func StatusCause(status int) Causes {
	switch status {
	case 502:
		return CauseStatus502
	case 503:
		return CauseStatus503
	case 504:
		return CauseStatus504
	}
	return 0
}

// Retries says when a request is sent to another target.
type Retries struct {
	// Attempts is how many other targets are tried at the most.
	Attempts int
	On       Causes
	// share is the most that retries may add to the group's requests, as a fraction.
	share float64
}

func compileRetries(r *spec.Retries) *Retries {
	if r.Attempts == 0 {
		return nil
	}
	compiled := &Retries{Attempts: r.Attempts, share: r.Budget.Fraction()}
	for _, name := range r.On {
		compiled.On |= causeNames[name]
	}
	return compiled
}

const (
	// budgetSeconds is how long the past is that the share of retries is measured in.
	budgetSeconds = 10
	// budgetMinimum is how many retries are allowed in that time whatever the share says, so
	// that a group with little traffic has some.
	budgetMinimum = 10
)

// budget bounds the retries of a group to a share of its requests in the last seconds, so
// that targets which fail under load do not get more of it.
type budget struct {
	// retried and refused count the retries made, and those there was no budget for.
	retried, refused atomic.Uint64

	// seconds has the requests of each of the last seconds.
	seconds [budgetSeconds]second
	// mu guards what follows, and turning a second over.
	mu      sync.Mutex
	retries [budgetSeconds]int
}

// second counts the requests of the second at, since the epoch.
type second struct {
	at       atomic.Int64
	requests atomic.Int64
}

// request counts a request.
func (b *budget) request(now time.Time) {
	at := now.Unix()
	s := &b.seconds[at%budgetSeconds]
	if s.at.Load() != at {
		b.mu.Lock()
		b.turn(at)
		b.mu.Unlock()
	}
	s.requests.Add(1)
}

// turn begins the second at, unless it has begun. mu is held.
func (b *budget) turn(at int64) {
	s := &b.seconds[at%budgetSeconds]
	if s.at.Load() < at {
		s.requests.Store(0)
		b.retries[at%budgetSeconds] = 0
		s.at.Store(at)
	}
}

// spend takes a retry out of the budget; false when there is none left.
func (b *budget) spend(now time.Time, share float64) bool {
	at := now.Unix()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(at)
	requests, retries := int64(0), 0
	for i := range b.seconds {
		if s := &b.seconds[i]; s.at.Load() > at-budgetSeconds {
			requests += s.requests.Load()
			retries += b.retries[i]
		}
	}
	if retries >= max(budgetMinimum, int(share*float64(requests))) {
		b.refused.Add(1)
		return false
	}
	b.retries[at%budgetSeconds]++
	b.retried.Add(1)
	return true
}

// CountForRetries counts a request of the client's towards what retries may add.
func (g *Group) CountForRetries(now time.Time) { g.budget.request(now) }

// SpendRetry takes a retry out of the group's budget; false when there is none left.
func (g *Group) SpendRetry(now time.Time, r *Retries) bool { return g.budget.spend(now, r.share) }

// Load is what a group has to do beyond sending requests to targets.
type Load struct {
	// Queued is how many requests wait for room at a target.
	Queued int64
	// QueueTimeouts counts those that waited in vain, QueueRejected those for which there was
	// neither room nor a place to wait.
	QueueTimeouts, QueueRejected uint64
	// Retried counts the requests that were sent again, RetriesRefused those that were not for
	// want of budget.
	Retried, RetriesRefused uint64
}

// Load tells what the group has to do.
func (g *Group) Load() Load {
	return Load{
		Queued: g.queue.waits(), QueueTimeouts: g.queue.timeouts.Load(), QueueRejected: g.queue.rejected.Load(),
		Retried: g.budget.retried.Load(), RetriesRefused: g.budget.refused.Load(),
	}
}
