package forward

import (
	"net/http"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
)

// answered is what a step returns instead of a status when the client has its answer.
const answered = -1

// guard has the firewall judge the request. It returns 0 when the request goes on, the
// status of the answer to make, or answered.
func (l *Listener) guard(x *exchange.Exchange) int {
	v := l.firewall.Judge(x)
	switch v.Outcome {
	case waf.Blocked:
		x.Record.Actions |= exchange.ActionWAF
		l.reply(x, l.maker.Blocked(x, v.Status, v.RetryAfter, date(x.Record.Created)))
		return answered
	case waf.Unread:
		return v.Status
	case waf.Failed:
		x.Record.Actions |= exchange.ActionWAFFailed
		x.Record.ErrorReason = v.Reason
		if !l.attributes.WAFFailOpen {
			return http.StatusInternalServerError
		}
	case waf.Allowed:
		x.Record.Actions |= exchange.ActionWAF
	}
	return 0
}
