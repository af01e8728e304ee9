package metrics

import (
	"sync"
	"time"
)

// reloads remembers how loading the environment file went.
type reloads struct {
	mu          sync.Mutex
	good, bad   uint64
	lastGood    bool
	lastSuccess time.Time
}

func (r *reloads) add(at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastGood = err == nil
	if err != nil {
		r.bad++
		return
	}
	r.good++
	r.lastSuccess = at
}
