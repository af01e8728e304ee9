// Package asgsim simulates what a drain on AWS has to do with: Amazon EC2 Auto Scaling with
// lifecycle hooks and its events, target health as Elastic Load Balancing shows it, and a
// queue that a function reads. It does what AWS's documentation allows it to do and not what
// it usually does: events come late, twice, in any order or not at all, calls are refused or
// their answers lost, and the function ends between any two calls.
//
// All chance comes from one seed and time is virtual, so that a run is the same run each time.
// With the real clock the same world is served over HTTP to AWS's SDKs (Handler).
package asgsim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// World is a region with one queue.
type World struct {
	Clock  Clock
	Faults Faults

	mu           sync.Mutex // guards all below, in a world with the real clock
	random       *rand.Rand
	serial       int
	groups       map[string]*Group
	instances    map[string]*Instance
	order        []string // ids of instances, as they were launched
	targetGroups []*TargetGroup
	queue        queue
	endings      []Ending
	pool         *pool
}

// Faults say what goes wrong, each with a probability from 0 to 1.
type Faults struct {
	// LoseEvent, DuplicateEvent and DelayEvent concern each copy of an event by itself: that
	// to the queue, and that by EventBridge. A late one is so by up to Delay.
	LoseEvent, DuplicateEvent, DelayEvent float64
	Delay                                 time.Duration
	// LoseTick concerns a message of the schedule.
	LoseTick float64
	// Throttle refuses a call, LoseAnswer answers none that was done.
	Throttle, LoseAnswer float64
	// Outage refuses all calls from one time to another.
	OutageFrom, OutageTo time.Time
	// Crash ends the function before a call or before it answers.
	Crash float64
	// Stale describes what was Staleness ago.
	Stale     float64
	Staleness time.Duration
	// Redeliver delivers a message of the queue twice.
	Redeliver float64
	// WrongToken puts another token into an event than the action's.
	WrongToken float64
	// Recycle replaces a copy of the function that lives by one that knows nothing.
	Recycle float64
}

// EndedBy says who ended the hold of an instance.
type EndedBy string

// Enders of a hold.
const (
	ByCompletion EndedBy = "completion"
	ByHeartbeat  EndedBy = "heartbeat_timeout"
	ByGlobal     EndedBy = "global_timeout"
	ByEC2        EndedBy = "instance_taken"
)

// Ending is how the hold of an instance ended.
type Ending struct {
	Instance, Group string
	Token           string
	// Hold counts the holds of the instance: one that returned to the warm pool has more.
	Hold           int
	Started, Ended time.Time
	By             EndedBy
	// Caller is who completed: empty for a caller over HTTP.
	Caller string
	Result string
	// Busy tells whether there was work on the instance.
	Busy bool
	// Taken is when EC2 took, or takes, the instance back.
	Taken time.Time
	// Unhealthy tells that its group found the instance so.
	Unhealthy bool
	// Heartbeats are those that were recorded, and Gap the longest time without one.
	Heartbeats int
	Gap        time.Duration
	// LastWork is when the instance was done; zero if it was not.
	LastWork time.Time
}

// New makes a world in which nothing is.
func New(clock Clock, seed uint64) *World {
	w := &World{
		Clock: clock, random: rand.New(rand.NewPCG(seed, 0x5eed)),
		groups: map[string]*Group{}, instances: map[string]*Instance{},
	}
	w.queue.world = w
	return w
}

// Endings are those of all holds that ended.
func (w *World) Endings() []Ending {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Ending{}, w.endings...)
}

// Held are the ids of the instances that are held now.
func (w *World) Held() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, id := range w.order {
		if i := w.instances[id]; i != nil && i.action != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Token is that of an instance's hold; empty when it is not held.
func (w *World) Token(i *Instance) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i.action == nil {
		return ""
	}
	return i.action.token
}

// after has f called, with the world to itself.
func (w *World) after(d time.Duration, f func()) {
	w.Clock.After(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		f()
	})
}

// chance is true with a probability.
func (w *World) chance(p float64) bool { return p > 0 && w.random.Float64() < p }

// between is a time within bounds.
func (w *World) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.random.Int64N(int64(most-least)))
}

// uuid is one that nothing else has.
func (w *World) uuid() string {
	w.serial++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", w.random.Uint32(), w.serial)
}
