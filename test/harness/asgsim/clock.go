package asgsim

import (
	"container/heap"
	"time"
)

// Clock is when things happen: Virtual, or Real.
type Clock interface {
	Now() time.Time
	// After has f called once d has passed.
	After(d time.Duration, f func())
}

// Real is this machine's clock.
type Real struct{}

// Now is the time.
func (Real) Now() time.Time { return time.Now() }

// After has f called in a goroutine of its own.
func (Real) After(d time.Duration, f func()) { time.AfterFunc(d, f) }

// Virtual is a clock that jumps from one thing that happens to the next. What is to happen
// at the same time happens in the order in which it was asked for.
type Virtual struct {
	now   time.Time
	queue appointments
	count int
}

// NewVirtual makes a clock that starts at a time.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now is the time of what happens.
func (v *Virtual) Now() time.Time { return v.now }

// After has f called by Run.
func (v *Virtual) After(d time.Duration, f func()) {
	v.count++
	heap.Push(&v.queue, appointment{v.now.Add(max(d, 0)), v.count, f})
}

// Run lets time pass until an end, or until done, which is asked after each thing that
// happens.
func (v *Virtual) Run(end time.Time, done func() bool) {
	for len(v.queue) > 0 && !v.queue[0].at.After(end) && !done() {
		next := heap.Pop(&v.queue).(appointment)
		v.now = next.at
		next.f()
	}
}

type appointment struct {
	at    time.Time
	order int
	f     func()
}

// appointments are a heap.
type appointments []appointment

func (a appointments) Len() int { return len(a) }
func (a appointments) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].order < a[j].order
	}
	return a[i].at.Before(a[j].at)
}
func (a appointments) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *appointments) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *appointments) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = appointment{}
	*a = (*a)[:last]
	return x
}
