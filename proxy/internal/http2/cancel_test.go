package http2

import (
	"context"
	"testing"
)

// TestCancelledAndNext has streams given up right before the next takes their place: what
// was to run after the one must find its cause, and not touch the other.
func TestCancelledAndNext(t *testing.T) {
	var c *cancellation
	for range 2000 {
		c = c.next()
		if c.Err() != nil {
			t.Fatal("a new stream is cancelled")
		}
		ran := make(chan struct{})
		derived, cancel := context.WithCancel(c)
		context.AfterFunc(derived, func() { close(ran) })
		c.cancel()
		c = c.next()
		<-ran
		if derived.Err() == nil || c.Err() != nil {
			t.Fatalf("after the first was given up it says %v and the next %v", derived.Err(), c.Err())
		}
		cancel()
	}
	kept := c.next()
	if kept != c {
		t.Error("one that was not cancelled is not used again")
	}
}
