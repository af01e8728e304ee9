package forward

import (
	"errors"
	"net/http"
	"os"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// Statuses that only an ALB has.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
const (
	// statusTooManyForwardedFor answers an X-Forwarded-For of more than 30 addresses.
	statusTooManyForwardedFor = 463
	// statusVersionMismatch answers a protocol version that the target group cannot serve.
	statusVersionMismatch = 464
)

// errClientGone: the client closed while the target was working.
var errClientGone = errors.New("client closed the connection")

// failure is what an error on the way to a target and back means.
type failure struct {
	err    error
	status int
	// connect says that no connection came about, which counts as TargetConnectionErrorCount.
	connect bool
	// tls counts as TargetTLSNegotiationErrorCount.
	tls bool
	// cause is what the request may be sent again after; fault, what the target did; cut, the
	// timeout that it was.
	cause target.Causes
	fault target.Fault
	cut   telemetry.Cut
}

// failures is searched in order. What is not listed is a 502: the target closed or reset the
// connection.
var failures = []failure{
	{err: errClientGone, status: exchange.StatusClientGone},
	{err: errTooLarge, status: http.StatusRequestEntityTooLarge},
	{err: targetconn.ErrConnectTimeout, status: http.StatusGatewayTimeout, connect: true, cause: target.CauseConnect, fault: target.FaultConnect, cut: telemetry.CutConnect},
	{err: targetconn.ErrTLSTimeout, status: http.StatusGatewayTimeout, tls: true, cause: target.CauseConnect, fault: target.FaultConnect, cut: telemetry.CutTLS},
	{err: targetconn.ErrConnect, status: http.StatusBadGateway, connect: true, cause: target.CauseConnect, fault: target.FaultConnect},
	{err: targetconn.ErrTLS, status: http.StatusBadGateway, tls: true, cause: target.CauseConnect, fault: target.FaultConnect},
	{err: targetconn.ErrClosed, status: http.StatusBadGateway, cause: target.CauseConnect},
	{err: http2.ErrConnectTimeout, status: http.StatusGatewayTimeout, connect: true, cause: target.CauseConnect, fault: target.FaultConnect, cut: telemetry.CutConnect},
	{err: http2.ErrTLSTimeout, status: http.StatusGatewayTimeout, tls: true, cause: target.CauseConnect, fault: target.FaultConnect, cut: telemetry.CutTLS},
	{err: http2.ErrConnect, status: http.StatusBadGateway, connect: true, cause: target.CauseConnect, fault: target.FaultConnect},
	{err: http2.ErrTLS, status: http.StatusBadGateway, tls: true, cause: target.CauseConnect, fault: target.FaultConnect},
	{err: http2.ErrTimeout, status: http.StatusGatewayTimeout, cause: target.CauseTimeout, fault: target.FaultTimeout, cut: telemetry.CutAnswer},
	{err: http2.ErrMalformed, status: http.StatusBadGateway, fault: target.FaultInvalid},
	{err: os.ErrDeadlineExceeded, status: http.StatusGatewayTimeout, cause: target.CauseTimeout, fault: target.FaultTimeout, cut: telemetry.CutAnswer},
	{err: errInterim, status: http.StatusBadGateway, fault: target.FaultInvalid},
}

// fail records an error of the target's side and returns the status of the answer.
func (s *session) fail(err error) int {
	for i := range failures {
		if f := &failures[i]; errors.Is(err, f.err) {
			s.x.Record.TargetConnError = f.connect
			s.x.Record.TargetTLSError = f.tls
			s.cause, s.fault, s.cut = f.cause, f.fault, f.cut
			return f.status
		}
	}
	switch _, invalid := errors.AsType[*http1.Error](err); {
	case invalid:
		s.fault = target.FaultInvalid
	case s.unsent:
		s.cause = target.CauseConnect
	default:
		s.cause = target.CauseReset
		if !s.stale() {
			s.fault = target.FaultReset
		}
	}
	if s.cause != 0 && s.stale() {
		s.cut = telemetry.CutKept
	}
	return http.StatusBadGateway
}
