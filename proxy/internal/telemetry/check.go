package telemetry

import "time"

// checksKept is how many health checks of a target are remembered.
const checksKept = 20

// Check is one health check of a target.
type Check struct {
	Time time.Time `json:"time"`
	// Took is how long the answer, or the failure, took in milliseconds.
	Took float64 `json:"took_ms"`
	// Status is the status of the answer, for gRPC the gRPC status; -1 for none.
	Status int `json:"status"`
	// Failure is empty for a check that passed.
	Failure CheckFailure `json:"failure,omitempty"`
}

// CheckFailure is in what way a check failed.
type CheckFailure string

// The ways in which a check fails.
const (
	// CheckTimedOut: no answer within the timeout.
	CheckTimedOut CheckFailure = "timed_out"
	// CheckDisconnected: the target refused, closed or reset the connection.
	CheckDisconnected CheckFailure = "disconnected"
	// CheckMismatch: the matcher does not have the status.
	CheckMismatch CheckFailure = "mismatch"
	// CheckInvalid: the answer is none of the protocol's.
	CheckInvalid CheckFailure = "invalid"
)

// checks is a ring of the last ones that grows to its length.
type checks struct {
	list []Check
	next int // where the next one goes once list is full
}

// Checked records a health check.
func (t *Target) Checked(c Check) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.checks
	if len(l.list) < checksKept {
		l.list = append(l.list, c)
		return
	}
	l.list[l.next] = c
	l.next = (l.next + 1) % checksKept
}

// Checks returns the last health checks, 20 at most, oldest first.
func (t *Target) Checks() []Check {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.checks
	list := make([]Check, 0, len(l.list))
	list = append(list, l.list[l.next:]...)
	return append(list, l.list[:l.next]...)
}
