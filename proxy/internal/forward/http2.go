package forward

import (
	"context"
	"errors"
	"net/http"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
	"github.com/evenkeel/evenkeel/spec"
)

var (
	nameTE        = []byte("te")
	valueTrailers = []byte("trailers")
)

// mismatch reports whether a target group of this protocol version cannot serve the
// request.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func mismatch(version string, x *exchange.Exchange) bool {
	h2 := x.Request.Version == exchange.HTTP2
	switch version {
	case spec.ProtocolVersionGRPC:
		return !h2 || string(x.Request.Method) != "POST"
	case spec.ProtocolVersionHTTP2:
		return !h2
	}
	return x.Record.GRPC
}

// overHTTP2 is overHTTP1 for a target that speaks HTTP/2.
func (s *session) overHTTP2() int {
	x := s.x
	s.prepareRequest()
	if x.Record.GRPC {
		s.fields = append(s.fields, exchange.Field{ID: exchange.FieldTE, Name: nameTE, Value: valueTrailers})
	}
	answered := false
	err := s.target.HTTP2.Do(context.Background(), x, s.fields, http2.Timeouts{Send: s.sendTimeout(), Read: s.readTimeout()}, func(r *exchange.Response) error {
		x.Record.TargetStatus, x.Record.ByTarget = r.Status, true
		if s.discard() {
			return errDiscarded
		}
		answered = true
		s.prepareAnswer()
		x.Record.Status = r.Status
		return nil
	})
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDiscarded):
		return x.Record.TargetStatus
	case answered:
		if errors.Is(err, http2.ErrTimeout) {
			s.cut = telemetry.CutBody
		}
		x.Client.Abort()
		return 0
	case x.Client.Gone():
		return exchange.StatusClientGone
	case errors.Is(err, http2.ErrClient) && wire.Timeout(err):
		s.cut = telemetry.CutClient
		return http.StatusRequestTimeout
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, http2.ErrClient):
		return http.StatusBadRequest
	}
	return s.fail(err)
}
