package forward

import (
	"errors"
	"net/http"

	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// Statuses that only an ALB has.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
const (
	// statusClientGone is logged when the client closed before the target answered.
	statusClientGone = 460
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
}

// failures is searched in order. What is not listed is a 502: the target closed, reset or
// spoke gibberish.
var failures = []failure{
	{err: errClientGone, status: statusClientGone},
	{err: targetconn.ErrConnectTimeout, status: http.StatusGatewayTimeout, connect: true},
	{err: targetconn.ErrTLSTimeout, status: http.StatusGatewayTimeout, tls: true},
	{err: targetconn.ErrConnect, status: http.StatusBadGateway, connect: true},
	{err: targetconn.ErrTLS, status: http.StatusBadGateway, tls: true},
	{err: http2.ErrConnectTimeout, status: http.StatusGatewayTimeout, connect: true},
	{err: http2.ErrTLSTimeout, status: http.StatusGatewayTimeout, tls: true},
	{err: http2.ErrConnect, status: http.StatusBadGateway, connect: true},
	{err: http2.ErrTLS, status: http.StatusBadGateway, tls: true},
	{err: http2.ErrTimeout, status: http.StatusGatewayTimeout},
}

// fail records an error of the target's side and returns the status of the answer.
func (s *session) fail(err error) int {
	for i := range failures {
		if f := &failures[i]; errors.Is(err, f.err) {
			s.x.Record.TargetConnError = f.connect
			s.x.Record.TargetTLSError = f.tls
			return f.status
		}
	}
	if wire.Timeout(err) {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}
