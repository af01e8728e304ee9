package http2

import (
	"context"
	"sync"
	"time"
)

// cancellation is the context of one stream: done when the client gives the request up or
// the connection ends. It is context.Context at the price of a mutex, for most streams
// never have it asked of them. What asks for it has to end with the stream's handler.
type cancellation struct {
	mu    sync.Mutex
	err   error
	done  chan struct{}
	after []*func()
}

var _ context.Context = (*cancellation)(nil)

// Deadline, Done, Err and Value implement context.Context.
func (c *cancellation) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value has none.
func (c *cancellation) Value(any) any { return nil }

// Err is context.Canceled once it is done.
func (c *cancellation) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done makes its channel when it is first asked for.
func (c *cancellation) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// AfterFunc is what context.AfterFunc looks for: it spares a goroutine and a channel.
func (c *cancellation) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	entry := &f
	c.after = append(c.after, entry)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, e := range c.after {
			if e == entry {
				c.after[i] = c.after[len(c.after)-1]
				c.after = c.after[:len(c.after)-1]
				return true
			}
		}
		return false
	}
}

func (c *cancellation) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = context.Canceled
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.after {
		go (*f)()
	}
	c.after = c.after[:0]
}

// next returns the one for the stream that follows: itself, unless it was cancelled. What
// context made of a cancelled one asks it for Err later, in goroutines of its own, and
// panics if there is none.
func (c *cancellation) next() *cancellation {
	if c == nil || c.Err() != nil {
		return new(cancellation)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.after = nil, c.after[:0]
	return c
}
