package forward

import (
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// outcome is what a target's telemetry is told of an exchange with it. status is that of the
// answer which the load balancer has to make for want of one; 0 for none.
func outcome(r *exchange.Record, status int) telemetry.Outcome {
	return telemetry.Outcome{
		Status:       r.TargetStatus,
		ConnectError: r.TargetConnError || r.TargetTLSError,
		// Of these a client that left, or sent what is no request, is the cause.
		ClientGone: status >= 400 && status < 500,
		Opened:     r.NewTargetConn,
		Answered:   !r.Dispatched.IsZero() && !r.Answered.IsZero(),
		Latency:    r.Answered.Sub(r.Dispatched),
		Received:   r.ReceivedBytes,
		Sent:       r.SentBytes,
	}
}

// observe tells the group's algorithm how long the target took until its answer began. A
// target without an answer has failed however long that took, and one that answers with an
// error has as well: it may be fast because it does nothing.
func observe(t *target.Target, r *exchange.Record, o *telemetry.Outcome) {
	now, took := r.Answered, o.Latency
	if !o.Answered {
		now = time.Now()
		took = now.Sub(r.Created)
	}
	t.Observe(now, took, !o.Answered || o.ConnectError || o.Status >= 500)
}
