package accesslog

import (
	"bytes"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// maxUserAgent is how much of a User-Agent the log keeps, in bytes.
const maxUserAgent = 8 << 10

// processingTimes returns how long the load balancer, the target and the load balancer
// again took over a request, as the fields request_, target_ and response_processing_time
// define it.
//
//   - Not sent to a target: none of the three is known.
//   - Sent, but the client or the idle timeout ended the wait: none either; an ALB shows
//     -1 for the first, too, when the target does not answer in time.
//   - Sent, and the target broke the connection or the answer (502): the first two.
func processingTimes(r *exchange.Record) (request, target, response time.Duration) {
	request, target, response = absent, absent, absent
	if r.Dispatched.IsZero() {
		return
	}
	answered := r.Answered
	if answered.IsZero() {
		if r.Status != http.StatusBadGateway {
			return
		}
		answered = r.Ended
	}
	request = max(r.Dispatched.Sub(r.Created), 0)
	target = max(answered.Sub(r.Dispatched), 0)
	switch {
	case r.TargetStatus == 0:
	case r.TargetStatus == http.StatusSwitchingProtocols:
		response = 0 // what follows is the tunnel's time, not the answer's
	default:
		response = max(r.Ended.Sub(answered), 0)
	}
	return
}

// actions holds the actions_executed field of every set of actions.
var actions = func() (t [1 << 7]string) {
	names := []string{"waf", "waf-failed", "authenticate", "fixed-response", "forward", "redirect", "rewrite"}
	for set := range t {
		var executed []string
		for i, name := range names {
			if set&(1<<i) != 0 {
				executed = append(executed, name)
			}
		}
		t[set] = strings.Join(executed, ",")
	}
	return t
}()

func actionsExecuted(a exchange.Actions) string { return actions[int(a)&(len(actions)-1)] }

// receivedBytes is 0 for a request that could not be read, as on an ALB.
func receivedBytes(r *exchange.Record) int64 {
	if r.MalformedRequest {
		return 0
	}
	return r.ReceivedBytes
}

func userAgent(x *exchange.Exchange) []byte {
	if x.Record.MalformedRequest {
		return nil
	}
	v, _ := x.Request.Lookup(exchange.FieldUserAgent)
	return v[:min(len(v), maxUserAgent)]
}

// escape is appendEscaped or appendJSONText.
type escape func(b, s []byte) []byte

// appendRequestLine appends METHOD scheme://host:port/uri VERSION with the URL as the
// client sent it. What the client did not say is the listener's port and the load
// balancer's name, and a dash for all else.
func (l *Logger) appendRequestLine(b []byte, x *exchange.Exchange, escape escape) []byte {
	r := &x.Request
	var method, uri, version []byte
	var host []byte
	if !x.Record.MalformedRequest {
		method, version = r.Method, r.RawVersion
		host, uri = splitTarget(r)
	}
	b = appendOrDash(b, method, escape)
	b = append(b, ' ')
	b = append(b, scheme(x.Record.Type)...)
	b = append(b, "://"...)
	hasPort := false
	if len(host) > 0 {
		b = escape(b, host)
		hasPort = endsInPort(host)
	} else if name := l.names.Load().dnsName; name != "" {
		b = append(b, name...)
	} else {
		b = append(b, '-')
	}
	if !hasPort {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(x.Conn.ListenerPort), 10)
	}
	b = appendOrDash(b, uri, escape)
	b = append(b, ' ')
	if len(version) == 0 && len(method) > 0 {
		return append(b, versionText(r.Version)...)
	}
	return appendOrDash(b, version, escape)
}

func appendOrDash(b, s []byte, escape escape) []byte {
	if len(s) == 0 {
		return append(b, '-')
	}
	return escape(b, s)
}

// splitTarget returns the host, with its port if one was sent, and the path and query of
// a request, neither of them normalised.
func splitTarget(r *exchange.Request) (host, uri []byte) {
	uri = r.Target
	if i := schemeLength(uri); i > 0 {
		host = uri[i:]
		uri = nil
		if end := bytes.IndexAny(host, "/?#"); end >= 0 {
			host, uri = host[:end], host[end:]
		}
		return host, uri
	}
	if host = r.Authority; len(host) == 0 {
		host, _ = r.Lookup(exchange.FieldHost)
	}
	if bytes.Equal(host, uri) { // the authority-form of CONNECT
		uri = nil
	}
	return host, uri
}

// schemeLength returns the length of scheme:// at the start of an absolute-form target.
func schemeLength(target []byte) int {
	i := bytes.Index(target, schemeEnd)
	if i <= 0 {
		return 0
	}
	for _, c := range target[:i] {
		if c = exchange.Lower(c); c < 'a' || c > 'z' {
			return 0
		}
	}
	return i + len(schemeEnd)
}

var schemeEnd = []byte("://")

// endsInPort reports whether an authority names a port.
func endsInPort(host []byte) bool {
	i := len(host)
	for i > 0 && host[i-1] >= '0' && host[i-1] <= '9' {
		i--
	}
	return i < len(host) && i > 0 && host[i-1] == ':' &&
		(host[0] == '[') == (i > 1 && host[i-2] == ']')
}

// scheme of the URL by the type of the request.
func scheme(kind string) string {
	switch kind {
	case "http", "ws":
		return "http"
	}
	return "https"
}

func versionText(v exchange.Version) string {
	switch v {
	case exchange.HTTP09:
		return "HTTP/0.9"
	case exchange.HTTP10:
		return "HTTP/1.0"
	case exchange.HTTP11:
		return "HTTP/1.1"
	case exchange.HTTP2:
		return "HTTP/2.0"
	}
	return "-"
}

// appendAddrPort appends ip:port, with brackets around IPv6; `-` when there is none.
func appendAddrPort(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).AppendTo(b)
}

// appendAddr appends an address; `-` when there is none.
func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.Unmap().WithZone("").AppendTo(b)
}
