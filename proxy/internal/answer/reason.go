package answer

// reasons are the phrases of status lines: nginx's own words where it has any, else those of
// the IANA registry. A status without one has an empty phrase, as 464 has on an ALB.
//
// https://www.iana.org/assignments/http-status-codes/http-status-codes.xhtml
var reasons = [600][]byte{
	200: []byte("OK"),
	201: []byte("Created"),
	202: []byte("Accepted"),
	203: []byte("Non-Authoritative Information"),
	204: []byte("No Content"),
	205: []byte("Reset Content"),
	206: []byte("Partial Content"),
	207: []byte("Multi-Status"),
	208: []byte("Already Reported"),
	226: []byte("IM Used"),

	301: []byte("Moved Permanently"),
	302: []byte("Moved Temporarily"),

	400: []byte("Bad Request"),
	401: []byte("Unauthorized"),
	402: []byte("Payment Required"),
	403: []byte("Forbidden"),
	404: []byte("Not Found"),
	405: []byte("Not Allowed"),
	406: []byte("Not Acceptable"),
	407: []byte("Proxy Authentication Required"),
	408: []byte("Request Time-out"),
	409: []byte("Conflict"),
	410: []byte("Gone"),
	411: []byte("Length Required"),
	412: []byte("Precondition Failed"),
	413: []byte("Request Entity Too Large"),
	414: []byte("Request-URI Too Large"),
	415: []byte("Unsupported Media Type"),
	416: []byte("Requested Range Not Satisfiable"),
	417: []byte("Expectation Failed"),
	421: []byte("Misdirected Request"),
	422: []byte("Unprocessable Content"),
	423: []byte("Locked"),
	424: []byte("Failed Dependency"),
	425: []byte("Too Early"),
	426: []byte("Upgrade Required"),
	428: []byte("Precondition Required"),
	429: []byte("Too Many Requests"),
	431: []byte("Request Header Fields Too Large"),
	451: []byte("Unavailable For Legal Reasons"),

	500: []byte("Internal Server Error"),
	501: []byte("Not Implemented"),
	502: []byte("Bad Gateway"),
	503: []byte("Service Temporarily Unavailable"),
	504: []byte("Gateway Time-out"),
	505: []byte("HTTP Version Not Supported"),
	506: []byte("Variant Also Negotiates"),
	507: []byte("Insufficient Storage"),
	508: []byte("Loop Detected"),
	511: []byte("Network Authentication Required"),
}

func reasonOf(status int) []byte {
	if status < 0 || status >= len(reasons) {
		return nil
	}
	return reasons[status]
}
