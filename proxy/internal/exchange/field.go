package exchange

// FieldID tells the header fields that the proxy itself acts on from all others, so
// that the hot path switches on a byte instead of comparing names.
type FieldID uint8

// The fields the proxy acts on. FieldOther is every other name.
const (
	FieldOther FieldID = iota
	FieldAcceptEncoding
	FieldConnection
	FieldContentLength
	FieldContentType
	FieldCookie
	FieldDate
	FieldExpect
	FieldHost
	FieldKeepAlive
	FieldProxyAuthenticate
	FieldProxyAuthorization
	FieldProxyConnection
	FieldServer
	FieldSetCookie
	FieldTE
	FieldTrailer
	FieldTransferEncoding
	FieldUpgrade
	FieldUserAgent
	FieldHTTP2Settings
	FieldXForwardedFor
	FieldXForwardedProto
	FieldXForwardedPort
	FieldXAmznTraceID
	FieldXAmznTLSVersion
	FieldXAmznTLSCipherSuite
	FieldStrictTransportSecurity
	FieldAccessControlAllowOrigin
	FieldAccessControlAllowMethods
	FieldAccessControlAllowHeaders
	FieldAccessControlAllowCredentials
	FieldAccessControlExposeHeaders
	FieldAccessControlMaxAge
	FieldContentSecurityPolicy
	FieldXContentTypeOptions
	FieldXFrameOptions
	fieldCount
)

// fieldNames are the canonical spellings, by FieldID.
var fieldNames = [fieldCount]string{
	FieldAcceptEncoding:                "Accept-Encoding",
	FieldConnection:                    "Connection",
	FieldContentLength:                 "Content-Length",
	FieldContentType:                   "Content-Type",
	FieldCookie:                        "Cookie",
	FieldDate:                          "Date",
	FieldExpect:                        "Expect",
	FieldHost:                          "Host",
	FieldKeepAlive:                     "Keep-Alive",
	FieldProxyAuthenticate:             "Proxy-Authenticate",
	FieldProxyAuthorization:            "Proxy-Authorization",
	FieldProxyConnection:               "Proxy-Connection",
	FieldServer:                        "Server",
	FieldSetCookie:                     "Set-Cookie",
	FieldTE:                            "TE",
	FieldTrailer:                       "Trailer",
	FieldTransferEncoding:              "Transfer-Encoding",
	FieldUpgrade:                       "Upgrade",
	FieldUserAgent:                     "User-Agent",
	FieldHTTP2Settings:                 "HTTP2-Settings",
	FieldXForwardedFor:                 "X-Forwarded-For",
	FieldXForwardedProto:               "X-Forwarded-Proto",
	FieldXForwardedPort:                "X-Forwarded-Port",
	FieldXAmznTraceID:                  "X-Amzn-Trace-Id",
	FieldXAmznTLSVersion:               "X-Amzn-Tls-Version",
	FieldXAmznTLSCipherSuite:           "X-Amzn-Tls-Cipher-Suite",
	FieldStrictTransportSecurity:       "Strict-Transport-Security",
	FieldAccessControlAllowOrigin:      "Access-Control-Allow-Origin",
	FieldAccessControlAllowMethods:     "Access-Control-Allow-Methods",
	FieldAccessControlAllowHeaders:     "Access-Control-Allow-Headers",
	FieldAccessControlAllowCredentials: "Access-Control-Allow-Credentials",
	FieldAccessControlExposeHeaders:    "Access-Control-Expose-Headers",
	FieldAccessControlMaxAge:           "Access-Control-Max-Age",
	FieldContentSecurityPolicy:         "Content-Security-Policy",
	FieldXContentTypeOptions:           "X-Content-Type-Options",
	FieldXFrameOptions:                 "X-Frame-Options",
}

// String returns the canonical spelling; empty for FieldOther.
func (id FieldID) String() string { return fieldNames[id] }

// maxFieldName bounds the names in fieldsByLength.
const maxFieldName = 32

// fieldsByLength lists the known fields by the length of their name, so that an
// unknown name is usually told apart without comparing a byte.
var fieldsByLength = func() (t [maxFieldName + 1][]FieldID) {
	for id := FieldOther + 1; id < fieldCount; id++ {
		n := len(fieldNames[id])
		t[n] = append(t[n], id)
	}
	return t
}()

// Identify returns the FieldID of a field name, compared without regard to ASCII case.
func Identify(name []byte) FieldID {
	if len(name) > maxFieldName {
		return FieldOther
	}
	for _, id := range fieldsByLength[len(name)] {
		if EqualFold(name, fieldNames[id]) {
			return id
		}
	}
	return FieldOther
}

// EqualFold compares without regard to ASCII case, and only ASCII case: U+017F is not an s.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower[b[i]] != lower[s[i]] {
			return false
		}
	}
	return true
}

// Lower returns the lower case of an ASCII letter and any other byte as it is.
func Lower(c byte) byte { return lower[c] }

var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c] = c + ('a' - 'A')
	}
	return t
}()

// Field is one header field. Name and Value alias the buffer that the head was read
// into, or the exchange's arena; they are valid until the exchange ends.
type Field struct {
	Name  []byte
	Value []byte
	ID    FieldID
}
