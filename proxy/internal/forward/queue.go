package forward

import (
	"context"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
)

// watcher is a client that can be watched for leaving.
type watcher interface {
	// Watch returns a channel that is closed when the client has left, until stop is called.
	// Nothing else may be done with the client meanwhile.
	Watch() (gone <-chan struct{}, stop func())
}

// watch is Watch of whatever client it is.
func watch(c exchange.Client) (gone <-chan struct{}, stop func()) {
	c = exchange.Innermost(c)
	if c, ok := c.(interface{ Context() context.Context }); ok {
		if gone := c.Context().Done(); gone != nil {
			return gone, func() {}
		}
	}
	if c, ok := c.(watcher); ok {
		return c.Watch()
	}
	return nil, func() {}
}

// await waits in the group's queue until there is room at a target, for timeout at the most. A
// client that leaves gives its place up at once. It returns the target at which the request
// has begun, or the status of the refusal.
func await(x *exchange.Exchange, group *target.Group, place *target.Ticket, timeout time.Duration) (*target.Target, int) {
	gone, stop := watch(x.Client)
	defer stop()
	late := time.NewTimer(timeout)
	defer late.Stop()
	status := 0
	select {
	case <-place.Ready():
	case <-late.C:
		if group.Abandon(place, true) {
			return nil, http.StatusServiceUnavailable
		}
	case <-gone:
		if group.Abandon(place, false) {
			return nil, exchange.StatusClientGone
		}
		status = exchange.StatusClientGone
	}
	t := place.Target()
	switch {
	case t == nil:
		return nil, http.StatusServiceUnavailable // the last target has gone
	case status != 0:
		group.End(t, target.Ending{})
		return nil, status
	}
	return t, 0
}
