package waf

import "errors"

// Outcome is what becomes of a request.
type Outcome uint8

// Outcomes of Judge.
const (
	// Allowed requests go on to the listener's rules.
	Allowed Outcome = iota
	// Blocked requests are answered with the verdict's status.
	Blocked
	// Failed requests could not be judged: the load balancer's waf_fail_open decides.
	Failed
	// Unread requests are those whose client did not send the body that was to be inspected.
	Unread
)

// Verdict is the firewall's decision about a request.
type Verdict struct {
	Outcome Outcome
	// Status is what a blocked or unread request is answered with.
	Status int
	// RetryAfter is the value of Retry-After, in seconds; empty for no such field.
	RetryAfter []byte
	// Reason is why a request could not be judged, in the words of the access log's
	// error_reason.
	Reason string
}

// statusForbidden is what AWS WAF blocks with by itself.
const statusForbidden = 403

// reasonUnhandled is the access log's word for an error inside of the firewall.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#error-reason-codes
const reasonUnhandled = "WAFUnhandledException"

// fault is an error inside of the firewall with the access log's word for it.
type fault struct {
	reason string
	cause  string
}

func (f *fault) Error() string { return f.cause }

// failed is the verdict on a request that could not be judged.
func failed(err error) Verdict {
	if u, ok := errors.AsType[*unread](err); ok {
		return Verdict{Outcome: Unread, Status: u.status}
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return Verdict{Outcome: Failed, Reason: f.reason}
	}
	return Verdict{Outcome: Failed, Reason: reasonUnhandled}
}
