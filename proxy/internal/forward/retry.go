package forward

import (
	"errors"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
)

// tries is what a session knows of the targets that it was with before.
type tries struct {
	// targets are all that the request was sent to, the present one included.
	targets [spec.MaxRetryAttempts + 1]*target.Target
	count   int
	except  [spec.MaxRetryAttempts + 1]int
	// next is the target that the request goes to now that the present one has failed.
	next *target.Target
	// closeTarget and closeClient are what judging said of the two connections.
	closeTarget, closeClient bool
	// repeated says that a connection which the target had closed was replaced once.
	repeated bool
}

// run has the request answered by the session's target, or by another one when that fails
// and the group's retries allow it. It returns what overHTTP1 returns for the last of them,
// and counts the end at each.
func (s *session) run() int {
	t := &s.tries
	t.targets[0], t.count = s.target, 1
	t.closeTarget, t.closeClient = s.x.CloseTarget, s.x.Request.Close
	for {
		status := s.over()
		for s.repeats() {
			s.again()
			s.fresh = true
			status = s.over()
		}
		if s.cfg.Retries != nil && t.next == nil && s.cause != 0 {
			s.retry(s.cause)
		}
		s.conclude(status)
		if t.next == nil {
			return status
		}
		s.turn()
	}
}

// over has the request answered by the present target.
func (s *session) over() int {
	s.cause, s.fault, s.cut = 0, target.NoFault, telemetry.NotCut
	if s.target.HTTP2 != nil {
		return s.overHTTP2()
	}
	return s.overHTTP1()
}

// conclude counts the end at the present target.
func (s *session) conclude(status int) {
	r := &s.x.Record
	t := s.target
	s.open = false
	s.group.End(t, target.Ending{Status: r.TargetStatus, ConnectError: r.TargetConnError, Fault: s.fault, Dispatched: r.Dispatched})
	told := outcome(r, status)
	told.Cookie, told.Cut = s.sticky.cookie, s.cut
	t.Telemetry.Observe(told)
	if s.cfg.Timed && !told.ClientGone {
		observe(t, r, &told)
	}
}

// retry looks for a target that the request can be sent to after cause, which the session
// then turns to. It returns false when there is none, or the request must not be sent again.
func (s *session) retry(cause target.Causes) bool {
	t := &s.tries
	if !s.mayRepeat(cause) || t.count > s.cfg.Retries.Attempts {
		return false
	}
	now := time.Now()
	f := facts(s.x, s.cfg)
	f.Now, f.Except = now, t.except[:0]
	next := s.group.Another(f, t.targets[:t.count])
	if next == nil {
		return false
	}
	if (next.HTTP2 == nil) != (s.target.HTTP2 == nil) { // the group has got another version: the request was not checked for it
		s.group.End(next, target.Ending{})
		return false
	}
	if !s.group.SpendRetry(now, s.cfg.Retries) {
		s.group.End(next, target.Ending{})
		return false
	}
	t.next = next
	return true
}

// repeats reports whether the request goes to the same target again, over a new connection:
// the target had closed the kept one before the request came, as it may at any time (RFC 9112
// section 9.5). That is no attempt, but it is taken out of the budget.
func (s *session) repeats() bool {
	if s.cause != target.CauseReset || s.cfg.Retries == nil || s.tries.repeated || !s.stale() || !s.mayRepeat(target.CauseReset) {
		return false
	}
	if !s.group.SpendRetry(time.Now(), s.cfg.Retries) {
		return false
	}
	s.tries.repeated = true
	return true
}

// stale reports whether a kept connection ended without a byte of an answer.
func (s *session) stale() bool {
	return s.target.HTTP1 != nil && s.kept && s.x.Record.Answered.IsZero()
}

// mayRepeat reports whether the request may be sent again after cause: nothing of it has
// been sent, or sending it twice is the same as once, and all of it is at hand; and nobody
// has seen anything of an answer.
func (s *session) mayRepeat(cause target.Causes) bool {
	x := s.x
	switch {
	case s.cfg.Retries.On&cause == 0, x.Interim, x.Client.Gone():
		return false
	case cause == target.CauseConnect && x.Record.Dispatched.IsZero():
		return true
	case cause != target.CauseConnect && !idempotent(x.Request.Method):
		return false
	}
	return x.Request.ContentLength == 0 || s.request != nil
}

// idempotent lists the methods of RFC 9110 section 9.2.2.
func idempotent(method []byte) bool {
	switch string(method) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// turn makes the next target the present one.
func (s *session) turn() {
	t := &s.tries
	s.target, t.next = t.next, nil
	s.open = true
	t.targets[t.count] = s.target
	t.count++
	t.repeated, s.fresh = false, false
	s.sticky.moved = true                 // the cookie follows
	s.sticky.cookie = telemetry.NotSticky // has been counted
	s.x.Record.TargetAddress, s.x.Record.TargetZone = s.target.Address, s.target.Zone
	s.again()
}

// again forgets the last attempt: logs and metrics tell of the one that counts, but for the
// errors and connections that there were on the way.
func (s *session) again() {
	r := &s.x.Record
	r.Earlier.Add(r)
	r.Dispatched, r.Answered = time.Time{}, time.Time{}
	r.TargetStatus, r.ByTarget = 0, false
	r.TargetConnError, r.TargetTLSError, r.NewTargetConn = false, false, false
	s.x.CloseTarget, s.x.Request.Close = s.tries.closeTarget, s.tries.closeClient
	s.x.Response = exchange.Response{Fields: s.x.Response.Fields[:0]}
	s.releaseInput()
	s.upload.reset()
	s.piece, s.unsent, s.kept = nil, false, false
}

// discard reports whether the answer of the present target is not passed on, because
// another one is asked. It also notes what the answer says of the target.
func (s *session) discard() bool {
	r := s.cfg.Retries
	if r == nil {
		return false
	}
	cause := target.StatusCause(s.x.Response.Status)
	if r.On&cause == 0 {
		return false
	}
	s.fault = target.FaultStatus
	return s.retry(cause)
}

// errDiscarded: the answer is not passed on, because another target is asked.
var errDiscarded = errors.New("answer is discarded")
