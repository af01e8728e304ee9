package forward

import (
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// asksForAggregate tells whether the request is for the document of the environment's health,
// which HTTPS listeners serve before all of their rules, as on AWS.
func (l *Listener) asksForAggregate(x *exchange.Exchange) bool {
	return l.https && l.svc.Aggregate != nil && string(x.Request.Path) == spec.AggregatePath
}

// aggregate answers with the document. On AWS the function is a target of that rule.
func (l *Listener) aggregate(x *exchange.Exchange) {
	x.Record.Priority, x.Record.RulesEvaluated = spec.AggregatePriority, 1
	x.Record.Actions |= exchange.ActionForward
	method := string(x.Request.Method)
	if method == http.MethodHead {
		method = http.MethodGet // the maker leaves the body out, and tells its length
	}
	a := l.svc.Aggregate(method)
	l.reply(x, l.maker.Document(x, a.Status, a.Header, a.Body, date(time.Now())))
}
