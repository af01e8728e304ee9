package server

import (
	"sync"
	"time"
)

// crew are the goroutines that serve connections which have something to be served. Who has
// served one may serve the next: a new goroutine would grow its stack anew, which is a tenth of
// what a connection of one request costs.
type crew struct {
	mu sync.Mutex
	// idle wait for work; the newest, whose stacks are warm, are last and go first. least is
	// how many there have been at least since the last look: those are too many.
	idle    []chan func()
	least   int
	watched bool // reap is on its way
}

// crew is the one that serves connections of this shard.
func (s *Server) crew(shard uint32) *crew { return &s.crews[shard%uint32(len(s.crews))] }

// crewPatience is how long a goroutine waits for its next connection, and at most twice that.
const crewPatience = time.Second

// do has somebody call f.
func (c *crew) do(f func()) {
	c.mu.Lock()
	n := len(c.idle)
	if n == 0 {
		c.mu.Unlock()
		go c.work(f)
		return
	}
	ch := c.idle[n-1]
	c.idle = c.idle[:n-1]
	c.least = min(c.least, n-1)
	c.mu.Unlock()
	ch <- f
}

func (c *crew) work(f func()) {
	ch := make(chan func(), 1)
	for ; f != nil; f = <-ch { // none once ch is closed
		f()
		c.mu.Lock()
		c.idle = append(c.idle, ch)
		if !c.watched {
			c.watched = true
			time.AfterFunc(crewPatience, c.reap)
		}
		c.mu.Unlock()
	}
}

// reap sends those home who had nothing to do since the last time.
func (c *crew) reap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.idle[:c.least] {
		close(ch)
	}
	c.idle = c.idle[:copy(c.idle, c.idle[c.least:])]
	c.least = len(c.idle)
	if c.watched = c.least > 0; c.watched {
		time.AfterFunc(crewPatience, c.reap)
	}
}
