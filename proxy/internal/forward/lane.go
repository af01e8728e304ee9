package forward

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lane moves bytes of streams that have something to move, one after the other: what many of
// them have to do at once takes one goroutine and not one each, nor their stacks' memory.
type lane struct {
	mu      sync.Mutex
	running bool
	// waiting have something to do; done is the room of those before them.
	waiting, done []*stream
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
func (l *lane) do(s *stream) {
	l.mu.Lock()
	l.waiting = append(l.waiting, s)
	begin := !l.running
	l.running = true
	l.mu.Unlock()
	if begin {
		go l.run()
	}
}

// laneTurns is after how many turns of streams other goroutines have theirs.
const laneTurns = 16

func (l *lane) run() {
	for turns := 1; ; {
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
			if turns++; turns%laneTurns == 0 {
				runtime.Gosched() // streams that always have something must not be all that runs
			}
		}
		l.mu.Lock()
		l.done = now[:0]
		l.mu.Unlock()
	}
}
