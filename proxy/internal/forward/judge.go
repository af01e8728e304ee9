package forward

import (
	"errors"
	"net/http"

	"github.com/evenkeel/evenkeel/proxy/internal/desync"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// maxForwardedFor is how many addresses X-Forwarded-For may bring; more is a 463.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
const maxForwardedFor = 30

// judge decides whether the request may go on and brings it into the one form that rules
// match and targets receive. It returns 0, or the status of the refusal.
func (l *Listener) judge(x *exchange.Exchange) int {
	if status := l.judgeDesync(x); status != 0 {
		return status
	}
	if x.Request.Version != exchange.HTTP2 {
		if err := http1.Frame(&x.Request); err != nil {
			x.Request.Close = true // nobody knows where the next request starts
			return statusOf(err)
		}
		if _, counted := x.Request.Lookup(exchange.FieldContentLength); counted && x.Request.Chunked {
			x.CloseTarget = true // in mode monitor too: decision 8
		}
	}
	l.judgeFields(x)
	if forwardedFor(&x.Request) > maxForwardedFor {
		return statusTooManyForwardedFor
	}
	if x.Request.Version < exchange.HTTP11 && !hasHost(&x.Request) {
		x.Request.Authority = l.dnsName
	}
	if err := routing.Canonicalize(&x.Request, &x.Arena); err != nil {
		return statusOf(err)
	}
	x.Record.TraceID = traceID(x)
	return 0
}

// judgeDesync classifies the request and refuses what the listener's mode does not let
// through. An ambiguous request that goes on takes both connections with it.
func (l *Listener) judgeDesync(x *exchange.Exchange) int {
	tier, reason := desync.Classify(&x.Request)
	if tier == desync.Compliant {
		return 0
	}
	x.Record.Classification, x.Record.ClassReason = tier.String(), string(reason)
	switch l.attributes.DesyncMitigationMode {
	case spec.DesyncMonitor:
		return 0
	case spec.DesyncStrictest:
		return http.StatusBadRequest
	}
	if tier == desync.Severe {
		return http.StatusBadRequest
	}
	if tier == desync.Ambiguous {
		x.Request.Close = true
		x.CloseTarget = true
	}
	return 0
}

// judgeFields counts header fields with invalid names, and drops them when the load
// balancer is told to. Names that a target could take for a field the load balancer sets
// (X_Forwarded_For) go in any case, and so does a field without a name, at which a target
// may stop reading (CVE-2023-25725).
func (l *Listener) judgeFields(x *exchange.Exchange) {
	kept := x.Request.Fields[:0]
	for _, f := range x.Request.Fields {
		if f.ID == exchange.FieldOther && !http1.ValidFieldName(f.Name) {
			x.Record.InvalidHeaders++
			if l.attributes.DropInvalidHeaderFields || len(f.Name) == 0 || http1.AliasOf(f.Name) != exchange.FieldOther {
				continue
			}
		}
		kept = append(kept, f)
	}
	x.Request.Fields = kept
	x.Record.InvalidDropped = l.attributes.DropInvalidHeaderFields
}

// forwardedFor counts the addresses in X-Forwarded-For.
func forwardedFor(r *exchange.Request) int {
	n := 0
	for i := range r.Fields {
		if r.Fields[i].ID != exchange.FieldXForwardedFor || len(r.Fields[i].Value) == 0 {
			continue
		}
		n++
		for _, c := range r.Fields[i].Value {
			if c == ',' {
				n++
			}
		}
	}
	return n
}

func hasHost(r *exchange.Request) bool {
	_, ok := r.Lookup(exchange.FieldHost)
	return ok || len(r.Authority) > 0
}

// statusOf returns the status that a codec's or the router's refusal asks for.
func statusOf(err error) int {
	if he, ok := errors.AsType[*http1.Error](err); ok {
		return he.Status
	}
	if re, ok := errors.AsType[*routing.Error](err); ok {
		return re.Status
	}
	return http.StatusBadRequest
}
