package http2

import (
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

var (
	hostName    = []byte("host")
	cookieName  = []byte("cookie")
	trailerName = []byte("trailer")
	schemeHTTPS = []byte("https")
)

// checkPseudo judges the pseudo-header fields, which become an HTTP/1.1 request line: a
// space in one of them would be a second request line.
func checkPseudo(method, path, authority []byte) (status int, reason string) {
	switch {
	case !httpguts.ValidHeaderFieldName(string(method)):
		return http.StatusBadRequest, ":method is no token"
	case string(method) == http.MethodConnect:
		return http.StatusMethodNotAllowed, "CONNECT is not supported"
	case len(path) > MaxLine:
		return http.StatusRequestURITooLong, ":path over 16 KiB"
	case len(path) == 0 || path[0] != '/' && (string(path) != "*" || string(method) != http.MethodOptions):
		return http.StatusBadRequest, ":path does not begin with a slash"
	case !visible(path):
		return http.StatusBadRequest, ":path has a space or control character"
	case !visible(authority):
		return http.StatusBadRequest, ":authority has a space or control character"
	}
	return 0, ""
}

// visible reports whether b has no space, control character or DEL.
func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// checkField judges one field whose name and value are well formed.
func checkField(f exchange.Field) (status int, reason string) {
	switch f.ID {
	case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection,
		exchange.FieldTransferEncoding, exchange.FieldUpgrade, exchange.FieldHTTP2Settings:
		return http.StatusBadRequest, "field of the connection in an HTTP/2 request"
	case exchange.FieldTE:
		if len(f.Value) > 0 && !exchange.EqualFold(f.Value, "trailers") {
			return http.StatusBadRequest, "te other than trailers"
		}
	}
	if len(f.Name)+len(f.Value) > MaxLine {
		return http.StatusBadRequest, "field over 16 KiB"
	}
	return 0, ""
}

// isGRPC reports whether a content type is gRPC's; gRPC-Web is not.
func isGRPC(contentType []byte) bool {
	const prefix = "application/grpc"
	if len(contentType) < len(prefix) || !exchange.EqualFold(contentType[:len(prefix)], prefix) {
		return false
	}
	rest := contentType[len(prefix):]
	return len(rest) == 0 || rest[0] == '+' || rest[0] == ';'
}

// headerKey is net/http's form of a field's name.
func headerKey(f exchange.Field) string {
	if f.ID != exchange.FieldOther {
		return http.CanonicalHeaderKey(f.ID.String())
	}
	return http.CanonicalHeaderKey(string(f.Name))
}
