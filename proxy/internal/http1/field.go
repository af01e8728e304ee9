package http1

import "github.com/evenkeel/evenkeel/proxy/internal/exchange"

// HopByHop reports whether a field concerns only the connection it came on and is not
// forwarded, whether Connection names it or not (RFC 9110, 7.6.1). The fields of proxy
// authentication pass: they may be for a proxy further on (RFC 9110, 11.7).
func HopByHop(id exchange.FieldID) bool {
	switch id {
	case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection, exchange.FieldTE,
		exchange.FieldTrailer, exchange.FieldUpgrade, exchange.FieldHTTP2Settings:
		return true
	}
	return false
}

// Protected reports whether a field stays although Connection names it: one that says who
// the client is, what it may do, or where the message ends. A client could otherwise have
// the load balancer remove what a target relies on.
func Protected(f *exchange.Field) bool {
	switch f.ID {
	case exchange.FieldHost, exchange.FieldContentLength, exchange.FieldTransferEncoding, exchange.FieldContentType,
		exchange.FieldCookie, exchange.FieldSetCookie, exchange.FieldExpect,
		exchange.FieldProxyAuthenticate, exchange.FieldProxyAuthorization,
		exchange.FieldXForwardedFor, exchange.FieldXForwardedProto, exchange.FieldXForwardedPort,
		exchange.FieldXAmznTraceID, exchange.FieldXAmznTLSVersion, exchange.FieldXAmznTLSCipherSuite:
		return true
	case exchange.FieldOther:
		for _, name := range [...]string{"Authorization", "Forwarded", "X-Real-Ip", "WWW-Authenticate"} {
			if exchange.EqualFold(f.Name, name) {
				return true
			}
		}
		for _, prefix := range [...]string{"X-Forwarded-", "X-Amzn-"} {
			if len(f.Name) > len(prefix) && exchange.EqualFold(f.Name[:len(prefix)], prefix) {
				return true
			}
		}
	}
	return false
}

// ValidFieldName reports whether an ALB calls a header name valid: [-A-Za-z0-9]+, which is
// less than RFC 9110 allows.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
func ValidFieldName(name []byte) bool { return len(name) > 0 && all(name, octetName) }

// guarded are the fields that a target takes from the load balancer or that frame and route
// a message, under the letters of their names.
var guarded = [...]struct {
	letters string
	id      exchange.FieldID
}{
	{"xforwardedfor", exchange.FieldXForwardedFor},
	{"xforwardedproto", exchange.FieldXForwardedProto},
	{"xforwardedport", exchange.FieldXForwardedPort},
	{"xamzntraceid", exchange.FieldXAmznTraceID},
	{"xamzntlsversion", exchange.FieldXAmznTLSVersion},
	{"xamzntlsciphersuite", exchange.FieldXAmznTLSCipherSuite},
	{"host", exchange.FieldHost},
	{"contentlength", exchange.FieldContentLength},
	{"transferencoding", exchange.FieldTransferEncoding},
	{"connection", exchange.FieldConnection},
	{"proxyconnection", exchange.FieldProxyConnection},
	{"keepalive", exchange.FieldKeepAlive},
	{"upgrade", exchange.FieldUpgrade},
	{"http2settings", exchange.FieldHTTP2Settings},
	{"expect", exchange.FieldExpect},
	{"trailer", exchange.FieldTrailer},
}

// AliasOf returns the guarded field that some target takes name for, and FieldOther for
// none: X_Forwarded_For and X.Forwarded.For become X-Forwarded-For on their way through
// CGI's variables, and other separators, control characters among them, fare no better.
// It is for names that are not valid; a valid one is an alias of nothing.
func AliasOf(name []byte) exchange.FieldID {
	if ValidFieldName(name) {
		return exchange.FieldOther
	}
	for i := range guarded {
		if exchange.SameLetters(name, guarded[i].letters) {
			return guarded[i].id
		}
	}
	return exchange.FieldOther
}
