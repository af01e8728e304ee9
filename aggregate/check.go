package aggregate

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is how a target's deep check ended.
type Outcome string

// Outcomes.
const (
	// Passed: the target answered 2xx, and nothing in its report is amiss.
	Passed Outcome = "passed"
	// Impaired: it answered 2xx, and its report says that something is amiss.
	Impaired Outcome = "impaired"
	// Failing: its report says that it does not work, or came with another status than 2xx.
	Failing Outcome = "failing"
	// BadStatus: it answered another status than 2xx, and no report.
	BadStatus Outcome = "bad_status"
	// NoReport: it answered 2xx, and what it sent is no report.
	NoReport Outcome = "no_report"
	// TimedOut: its answer did not come in time.
	TimedOut Outcome = "timed_out"
	// NoAnswer: there was no connection, or no HTTP on it.
	NoAnswer Outcome = "no_answer"
	// NotAsked: the round was over before the target was asked or had had its time. It says
	// nothing of the target.
	NotAsked Outcome = "not_asked"
)

// Result is what a deep check of one target gave.
type Result struct {
	Outcome Outcome
	// Report is what the target said; nil if it said nothing that is one.
	Report *Report
	// Status of the answer; 0 for none.
	Status int
	// Duration of the check.
	Duration time.Duration
}

const (
	// CheckTimeout bounds one deep check. An application that asks its workers waits a second
	// or two for their answers.
	CheckTimeout = 4 * time.Second
	// CheckParallel bounds how many targets are asked at once; each takes a socket, of which a
	// function has 1,024.
	CheckParallel = 512
	// CheckRound bounds all checks of a round. Twice CheckParallel targets that all hang are
	// done before it.
	CheckRound = 10 * time.Second

	// connectTimeout bounds the wait for a connection. A network that lets nothing through is
	// told from an application that hangs by it, so it is well below CheckTimeout.
	connectTimeout = 2 * time.Second
	// maxHead bounds the head of an answer.
	maxHead = 16 << 10
	// checkAgent is the User-Agent of deep checks.
	checkAgent = "evenkeel-health/1"
)

// Endpoint is where one target is asked.
type Endpoint struct {
	// Address is host:port.
	Address string
	// TLS is for target groups of protocol HTTPS. Certificates are not verified, as by any ALB.
	TLS bool
	// HTTP2 is for target groups of protocol version HTTP2.
	HTTP2 bool
}

// Checker makes deep checks. Create with NewChecker.
type Checker struct {
	path         string
	http1, http2 http.RoundTripper
}

// NewChecker makes a checker that asks for path, which may have a query. dial makes its
// connections; nil is for the network's.
func NewChecker(path string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Checker {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	sockets := make(chan struct{}, CheckParallel)
	connect := func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case sockets <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		release := func() { <-sockets }
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		nc, err := dial(ctx, network, address)
		if err != nil {
			release()
			return nil, &unreachableError{err}
		}
		return &countedConn{Conn: nc, release: release}, nil
	}
	transport := func(protocols ...func(*http.Protocols, bool)) *http.Transport {
		t := &http.Transport{
			DialContext:            connect,
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: true},
			Protocols:              &http.Protocols{},
			DisableKeepAlives:      true, // the next round is a minute away
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHead,
		}
		for _, use := range protocols {
			use(t.Protocols, true)
		}
		return t
	}
	return &Checker{
		path:  path,
		http1: transport((*http.Protocols).SetHTTP1),
		http2: transport((*http.Protocols).SetHTTP2, (*http.Protocols).SetUnencryptedHTTP2),
	}
}

// Check asks all endpoints and returns their results in the same order. It takes no longer
// than CheckRound.
func (c *Checker) Check(ctx context.Context, endpoints []Endpoint) []Result {
	ctx, cancel := context.WithTimeout(ctx, CheckRound)
	defer cancel()
	results := make([]Result, len(endpoints))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(CheckParallel, len(endpoints)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(endpoints) {
					return
				}
				results[i] = c.ask(ctx, endpoints[i])
			}
		})
	}
	workers.Wait()
	return results
}

// ask makes one check.
func (c *Checker) ask(round context.Context, e Endpoint) Result {
	if round.Err() != nil {
		return Result{Outcome: NotAsked}
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(round, CheckTimeout)
	defer cancel()
	status, body, err := c.get(ctx, e)
	r := Result{Status: status, Duration: time.Since(begun)}
	switch {
	case err == nil:
		r.judge(body)
	case round.Err() != nil:
		r.Outcome = NotAsked
	case isUnreachable(err):
		r.Outcome = NoAnswer
	case ctx.Err() != nil || isTimeout(err):
		r.Outcome = TimedOut
	default:
		r.Outcome = NoAnswer
	}
	return r
}

// countedConn is a connection whose place another takes once it is closed: a check that timed
// out is over a moment before its connection is.
type countedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.once.Do(c.release)
	return c.Conn.Close()
}

// unreachableError is that of a connection that did not come about.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }

func (e *unreachableError) Unwrap() error { return e.err }

func isUnreachable(err error) bool {
	_, ok := errors.AsType[*unreachableError](err)
	return ok
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// get returns the status and as much of the body as tells whether it is too long.
func (c *Checker) get(ctx context.Context, e Endpoint) (status int, body []byte, err error) {
	scheme, transport := "http://", c.http1
	if e.TLS {
		scheme = "https://"
	}
	if e.HTTP2 {
		transport = c.http2
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+e.Address+c.path, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("User-Agent", checkAgent)
	request.Header.Set("Accept", "application/json")
	// Not a client: a redirect is an answer, and not the one that was asked for.
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, MaxReport+1))
	return answer.StatusCode, body, err
}

// judge makes an outcome of an answer.
func (r *Result) judge(body []byte) {
	report, err := ParseReport(body)
	ok := r.Status >= 200 && r.Status < 300
	switch {
	case err != nil && ok:
		r.Outcome = NoReport
		return
	case err != nil:
		r.Outcome = BadStatus
		return
	}
	r.Report = report
	r.Outcome = Passed
	if report.Status == Degraded {
		r.Outcome = Impaired
	}
	for _, v := range report.Dependencies {
		if v == Down || v == Degraded {
			r.Outcome = Impaired
		}
	}
	if !ok || report.Status == Down {
		r.Outcome = Failing
	}
}
