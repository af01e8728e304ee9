package answer

import "github.com/evenkeel/evenkeel/proxy/internal/exchange"

var nameRetryAfter = []byte("Retry-After")

// Blocked answers what the firewall blocks. 403 has the page of that error, as AWS WAF
// leaves it to the load balancer; any other status is a custom response without a body.
// retryAfter, unless empty, is the value of Retry-After. A gRPC call gets its status as with
// Error.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-for-blocked-requests.html
func (m *Maker) Blocked(x *exchange.Exchange, status int, retryAfter, date []byte) (body []byte) {
	if status == 403 || x.Request.GRPC() {
		body = m.Error(x, status, date)
	} else {
		m.begin(x, status, date)
		x.Response.Fields = append(x.Response.Fields,
			exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: zero})
	}
	if len(retryAfter) > 0 {
		x.Response.Fields = append(x.Response.Fields, exchange.Field{Name: nameRetryAfter, Value: retryAfter})
	}
	return body
}
