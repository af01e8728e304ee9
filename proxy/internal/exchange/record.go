package exchange

import "time"

// Record is what one exchange leaves behind for the access log and the metrics. Times
// are zero when the step was not reached.
type Record struct {
	// Type is the log's first field: http, https, h2, grpcs, ws or wss.
	Type string
	// Created is when the first byte of the request came in; Dispatched when it was sent to
	// the target; Answered when the first byte of the target's answer came; Ended when the
	// last byte went to the client.
	Created    time.Time
	Dispatched time.Time
	Answered   time.Time
	Ended      time.Time

	// Status went to the client; TargetStatus came from the target, 0 for none.
	Status       int
	TargetStatus int
	// ByTarget says that the target made the answer, not the load balancer.
	ByTarget bool
	// ReceivedBytes and SentBytes count heads and bodies on the client's side.
	ReceivedBytes  int64
	SentBytes      int64
	TargetAddress  string // host:port; empty when none was chosen
	TargetGroup    string // name of the group; empty when none was chosen
	TargetGroupARN string
	TargetZone     string
	TraceID        []byte // the whole X-Amzn-Trace-Id value
	// Priority of the matched rule: 0 default, -1 error in evaluation, NoRule when none was.
	Priority         int
	RulesEvaluated   int
	Actions          Actions
	RedirectURL      []byte
	ErrorReason      string
	Classification   string // empty for compliant
	ClassReason      string
	TransformedHost  []byte
	TransformedURI   []byte
	TransformStatus  string
	InvalidHeaders   int  // fields dropped, or forwarded, as invalid
	InvalidDropped   bool // whether they were dropped
	FailOpen         bool // routed while the group failed open
	NonSticky        bool // a new target was chosen because the cookie could not hold
	NonStickyApp     bool // the same for an application cookie
	GRPC             bool
	TargetConnError  bool // connecting to the target went wrong
	TargetTLSError   bool
	RedirectTooLong  bool
	NewTargetConn    bool
	Earlier          Earlier // of attempts before the one that all else is about
	TargetBytesIn    int64
	TargetBytesOut   int64
	MalformedRequest bool // the head could not be read: the log line has no request
	// CacheStatus is what X-Cache-Status says; empty where nothing is cached.
	CacheStatus string
}

// Earlier counts what happened in attempts to have a request answered that are not in its
// log line.
type Earlier struct {
	Attempts, ConnErrors, TLSErrors, NewConns int
}

// Add adds the attempt that r has been about so far.
func (e *Earlier) Add(r *Record) {
	e.Attempts++
	e.ConnErrors += number(r.TargetConnError)
	e.TLSErrors += number(r.TargetTLSError)
	e.NewConns += number(r.NewTargetConn)
}

func number(is bool) int {
	if is {
		return 1
	}
	return 0
}

// StatusClientGone is logged when the client closed before it was answered.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
const StatusClientGone = 460

// NoRule is Record.Priority when no rule was evaluated.
const NoRule = -2

// Actions is the set of actions executed, for the log.
type Actions uint8

// Actions in the order in which the log lists them.
const (
	ActionWAF Actions = 1 << iota
	ActionWAFFailed
	ActionAuthenticate
	ActionFixedResponse
	ActionForward
	ActionRedirect
	ActionRewrite
)
