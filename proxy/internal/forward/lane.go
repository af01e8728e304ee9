package forward

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lane has those take a step who have something to do, one after the other: what many streams have
// to move at once takes one goroutine and not one each, nor their stacks' memory.
type lane struct {
	mu      sync.Mutex
	running bool
	// waiting have something to do; done is the room of those before them.
	waiting, done []stepper
}

// stepper is a stream.
type stepper interface {
	// step does a part of what is to be done and waits for nothing.
	step()
}

// lanes are as many as there are processors.
var lanes = sync.OnceValue(func() []*lane {
	all := make([]*lane, runtime.GOMAXPROCS(0))
	for i := range all {
		all[i] = &lane{}
	}
	return all
})

var lastLane atomic.Uint32

func nextLane() *lane { return lanes()[int(lastLane.Add(1))%len(lanes())] }

// do has s.step called soon.
func (l *lane) do(s stepper) {
	l.mu.Lock()
	l.waiting = append(l.waiting, s)
	begin := !l.running
	l.running = true
	l.mu.Unlock()
	if begin {
		go l.run()
	}
}

// laneSteps is after how many steps other goroutines have their turn.
const laneSteps = 16

func (l *lane) run() {
	for steps := 0; ; {
		l.mu.Lock()
		now := l.waiting
		l.waiting, l.done = l.done[:0], nil
		l.running = len(now) > 0
		l.mu.Unlock()
		if len(now) == 0 {
			return
		}
		for i, s := range now {
			now[i] = nil
			s.step()
			if steps++; steps%laneSteps == 0 {
				runtime.Gosched() // streams that always have something must not be all that runs
			}
		}
		l.mu.Lock()
		l.done = now[:0]
		l.mu.Unlock()
	}
}
