package asgsim

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Handler is a function's.
type Handler func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// Limits of the function.
const (
	// Concurrency is how many copies of the function run at once.
	Concurrency = 5
	// FunctionTimeout is how long one may run.
	FunctionTimeout = 30 * time.Second
)

// pool runs a function as Lambda does for a queue.
type pool struct {
	world *World
	clock *Virtual
	start func() Handler
	idle  []Handler
	busy  int

	invocations, crashes int
}

// Run has the world's queue read by a function, of which start makes a copy. Only a world with
// a virtual clock runs functions itself. Within an invocation time passes with calls of the
// world's APIs, which is when other invocations run.
func (w *World) Run(start func() Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pool = &pool{world: w, clock: w.Clock.(*Virtual), start: start}
	w.wake(0)
}

// Invocations are how often the function was called, and how often it did not come to its end.
func (w *World) Invocations() (all, crashed int) { return w.pool.invocations, w.pool.crashes }

// wake has the queue looked at after a delay.
func (w *World) wake(delay time.Duration) {
	if w.pool != nil {
		w.after(delay+w.between(0, 100*time.Millisecond), w.pool.poll)
	}
}

// poll invokes the function with what can be read.
func (p *pool) poll() {
	for p.busy < Concurrency {
		messages := p.world.queue.receive(1+p.world.random.IntN(BatchSize), VisibilityTimeout)
		if len(messages) == 0 {
			return
		}
		p.invoke(messages)
	}
}

// take is a copy of the function that is not at work.
func (p *pool) take() Handler {
	n := len(p.idle)
	if n == 0 {
		return p.start()
	}
	at := p.world.random.IntN(n)
	h := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	if p.world.chance(p.world.Faults.Recycle) {
		return p.start()
	}
	return h
}

// invocation is one call of the function, in a goroutine that runs only while the clock waits
// for it.
type invocation struct {
	world   *World
	end     time.Time
	resume  chan struct{}
	parked  chan struct{}
	crashed bool
}

func (p *pool) invoke(messages []*message) {
	p.busy++
	p.invocations++
	i := &invocation{world: p.world, end: p.clock.Now().Add(FunctionTimeout), resume: make(chan struct{}), parked: make(chan struct{})}
	handler := p.take()
	var batch events.SQSEvent
	receipts := map[string]string{}
	for _, m := range messages {
		batch.Records = append(batch.Records, m.record())
		receipts[m.id] = m.receipt
	}
	go func() {
		defer func() { i.parked <- struct{}{} }()
		defer func() {
			// Also when the goroutine ends before its time, which is no panic.
			p.world.mu.Lock()
			defer p.world.mu.Unlock()
			p.busy--
			if i.crashed {
				p.crashes++
			} else {
				p.idle = append(p.idle, handler)
			}
			p.world.wake(0)
		}()
		<-i.resume
		response, err := handler(deadline{context.WithValue(context.Background(), running{}, i), i.end}, batch)
		i.pause(time.Millisecond)
		if err != nil {
			return
		}
		for _, failure := range response.BatchItemFailures {
			delete(receipts, failure.ItemIdentifier)
		}
		p.world.mu.Lock()
		defer p.world.mu.Unlock()
		for _, m := range messages {
			if receipt, ok := receipts[m.id]; ok {
				p.world.queue.delete(receipt)
			}
		}
	}()
	p.clock.After(0, i.run)
}

// run lets the invocation go on until it waits or ends.
func (i *invocation) run() {
	i.resume <- struct{}{}
	<-i.parked
}

// pause lets time pass in an invocation, and may be its end.
func (i *invocation) pause(d time.Duration) {
	w := i.world
	w.Clock.After(d, i.run)
	i.parked <- struct{}{}
	<-i.resume
	if w.chance(w.Faults.Crash) || w.Clock.Now().After(i.end) {
		i.crashed = true
		runtime.Goexit()
	}
}

type running struct{}

// deadline is a context that tells of an end in virtual time, at which nothing wakes.
type deadline struct {
	context.Context
	end time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.end, true }
