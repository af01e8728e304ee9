package accesslog_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

var config = accesslog.Config{
	LoadBalancer: "app/my-loadbalancer/50dc6c495c0c9188",
	DNSName:      "my-loadbalancer-1234567890.us-east-2.elb.amazonaws.com",
}

const groupARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func fields(pairs ...string) []exchange.Field {
	var list []exchange.Field
	for i := 0; i < len(pairs); i += 2 {
		name := []byte(pairs[i])
		list = append(list, exchange.Field{Name: name, Value: []byte(pairs[i+1]), ID: exchange.Identify(name)})
	}
	return list
}

// served is the HTTP entry of AWS's examples, with a node address behind it and a creation
// time that agrees with the processing times.
func served() *exchange.Exchange {
	created := at("2018-07-02T22:23:00.185641Z")
	return &exchange.Exchange{
		Conn: &exchange.Connection{
			Peer:         netip.MustParseAddrPort("192.168.131.39:2817"),
			Local:        netip.MustParseAddrPort("10.0.0.9:80"),
			TraceID:      "TID_1234abcd5678ef90",
			ListenerPort: 80,
		},
		Request: exchange.Request{
			Method:     []byte("GET"),
			Target:     []byte("/"),
			Version:    exchange.HTTP11,
			RawVersion: []byte("HTTP/1.1"),
			Fields:     fields("Host", "www.example.com", "User-Agent", "curl/7.46.0"),
		},
		Record: exchange.Record{
			Type:           "http",
			Created:        created,
			Dispatched:     created,
			Answered:       created.Add(time.Millisecond),
			Ended:          created.Add(time.Millisecond),
			Status:         200,
			TargetStatus:   200,
			ByTarget:       true,
			ReceivedBytes:  34,
			SentBytes:      366,
			TargetAddress:  "10.0.0.1:80",
			TargetGroup:    "my-targets",
			TargetGroupARN: groupARN,
			TraceID:        []byte("Root=1-58337262-36d228ad5d99923122bbe354"),
			Actions:        exchange.ActionForward,
		},
	}
}

// unserved is served without target, rule or answer of a target.
func unserved(status int, sent int64) *exchange.Exchange {
	x := served()
	r := &x.Record
	r.Dispatched, r.Answered = time.Time{}, time.Time{}
	r.Status, r.TargetStatus, r.ByTarget = status, 0, false
	r.SentBytes = sent
	r.TargetAddress, r.TargetGroup, r.TargetGroupARN = "", "", ""
	r.Priority, r.Actions = exchange.NoRule, 0
	return x
}

// TestALBExamples holds the format against the examples of the AWS page
// load-balancer-access-logs and against lines of real load balancers.
func TestALBExamples(t *testing.T) {
	tests := []struct {
		name string
		make func() *exchange.Exchange
		want string
	}{
		{
			"http", served,
			`http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ` + groupARN + ` "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:23:00.185641Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`,
		},
		{"https", func() *exchange.Exchange {
			x := served()
			x.Conn.ListenerPort = 443
			x.Conn.Local = netip.MustParseAddrPort("10.0.0.9:443")
			x.Conn.TLS = &exchange.TLS{
				Version:        "TLSv1.2",
				CipherSuite:    "ECDHE-RSA-AES128-GCM-SHA256",
				ServerName:     "www.example.com",
				CertificateARN: "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012",
			}
			r := &x.Record
			r.Type = "https"
			r.Created = at("2018-07-02T22:23:00.000641Z")
			r.Dispatched = r.Created.Add(86 * time.Millisecond)
			r.Answered = r.Dispatched.Add(48 * time.Millisecond)
			r.Ended = r.Answered.Add(37 * time.Millisecond)
			r.ReceivedBytes, r.SentBytes, r.Priority = 0, 57, 1
			r.Actions = exchange.ActionAuthenticate | exchange.ActionForward
			r.TraceID = []byte("Root=1-58337281-1d84f3d73c47ec4e58577259")
			return x
		}, `https 2018-07-02T22:23:00.171641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 ` + groupARN + ` "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:23:00.000641Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"h2 redirect", func() *exchange.Exchange {
			x := unserved(301, 257)
			x.Conn.Peer = netip.MustParseAddrPort("[2001:db8::1]:48160")
			x.Conn.Local = netip.MustParseAddrPort("[2001:db8::9]:773")
			x.Conn.ListenerPort = 773
			x.Conn.TLS = &exchange.TLS{Version: "TLSv1.2", CipherSuite: "ECDHE-RSA-AES128-GCM-SHA256"}
			x.Request.Version, x.Request.RawVersion = exchange.HTTP2, nil
			x.Request.Authority = []byte("10.0.2.105:773")
			x.Request.Fields = nil
			r := &x.Record
			r.Type, r.ReceivedBytes, r.Priority = "h2", 5, 1
			r.Actions = exchange.ActionRedirect
			r.RedirectURL = []byte("https://example.com:80/")
			r.TraceID = nil
			return x
		}, `h2 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 [2001:db8::1]:48160 - -1 -1 -1 301 - 5 257 "GET https://10.0.2.105:773/ HTTP/2.0" "-" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 - "-" "-" "-" 1 2018-07-02T22:23:00.185641Z "redirect" "https://example.com:80/" "-" "-" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 2001:db8::9`},
		{"ws, logged when it closes", func() *exchange.Exchange {
			x := served()
			x.Request.Fields = fields("Host", "10.0.0.30")
			r := &x.Record
			r.Type, r.Status, r.TargetStatus, r.Priority = "ws", 101, 101, 1
			r.Created = at("2018-07-02T22:22:48.364000Z")
			r.Dispatched = r.Created.Add(time.Millisecond)
			r.Answered = r.Dispatched.Add(3 * time.Millisecond)
			r.Ended = at("2018-07-02T22:23:00.186641Z")
			r.ReceivedBytes, r.SentBytes = 218, 587
			r.TraceID = []byte("Root=1-58337364-23a8c76965a2ef7629b185e3")
			return x
		}, `ws 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.001 0.003 0.000 101 101 218 587 "GET http://10.0.0.30:80/ HTTP/1.1" "-" - - ` + groupARN + ` "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "101" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"malformed request", func() *exchange.Exchange {
			x := unserved(400, 272)
			x.Record.MalformedRequest = true
			x.Record.TraceID = nil
			return x
		}, `http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 400 - 0 272 "- http://my-loadbalancer-1234567890.us-east-2.elb.amazonaws.com:80- -" "-" - - - "-" "-" "-" - 2018-07-02T22:23:00.185641Z "-" "-" "-" "-" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"502 after the target reset", func() *exchange.Exchange {
			x := served()
			r := &x.Record
			r.Dispatched = r.Created.Add(2 * time.Millisecond)
			r.Answered = time.Time{}
			r.Ended = r.Dispatched.Add(4 * time.Millisecond)
			r.Status, r.TargetStatus, r.ByTarget, r.SentBytes = 502, 0, false, 277
			return x
		}, `http 2018-07-02T22:23:00.191641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.002 0.004 -1 502 - 34 277 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ` + groupARN + ` "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:23:00.185641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"504 while connecting", func() *exchange.Exchange {
			x := served()
			r := &x.Record
			r.Dispatched, r.Answered = time.Time{}, time.Time{}
			r.Ended = r.Created.Add(10 * time.Second)
			r.Status, r.TargetStatus, r.ByTarget, r.SentBytes = 504, 0, false, 292
			return x
		}, `http 2018-07-02T22:23:10.185641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 -1 -1 -1 504 - 34 292 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ` + groupARN + ` "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:23:00.185641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"460: the client left while the target worked", func() *exchange.Exchange {
			x := served()
			r := &x.Record
			r.Answered = time.Time{}
			r.Status, r.TargetStatus, r.ByTarget, r.SentBytes = 460, 0, false, 0
			return x
		}, `http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 -1 -1 -1 460 - 34 0 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ` + groupARN + ` "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:23:00.185641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"blocked by the web ACL", func() *exchange.Exchange {
			x := unserved(403, 271)
			x.Record.Priority = 0
			x.Record.Actions = exchange.ActionWAF
			return x
		}, `http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 403 - 34 271 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - - "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:23:00.185641Z "waf" "-" "-" "-" "-" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9`},
		{"rewritten and ambiguous", func() *exchange.Exchange {
			x := served()
			r := &x.Record
			r.Actions |= exchange.ActionRewrite
			r.Priority = -1
			r.ErrorReason = "AWSALBTGCookieInvalid"
			r.Classification, r.ClassReason = "Ambiguous", "BothTeClPresent"
			r.TransformedHost, r.TransformedURI = []byte("internal.example.com"), []byte("/product.php?id=1")
			r.TransformStatus = "TransformSuccess"
			return x
		}, `http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ` + groupARN + ` "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" -1 2018-07-02T22:23:00.185641Z "forward,rewrite" "-" "AWSALBTGCookieInvalid" "10.0.0.1:80" "200" "Ambiguous" "BothTeClPresent" TID_1234abcd5678ef90 "internal.example.com" "/product.php?id=1" "TransformSuccess" 10.0.0.9`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := accesslog.Line(config, tt.make()); got != tt.want+"\n" {
				t.Errorf("line is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestRequestLine is about the URL "as sent by the client".
func TestRequestLine(t *testing.T) {
	tests := []struct {
		name, method, target, authority, host, kind string
		port                                        int
		version                                     exchange.Version
		raw                                         string
		want                                        string
	}{
		{
			"escapes and query are kept", "GET", "/a%2Fb/../c?x=%20&y", "", "EXAMPLE.com", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://EXAMPLE.com:80/a%2Fb/../c?x=%20&y HTTP/1.1`,
		},
		{
			"the port that was sent", "GET", "/", "", "example.com:8080", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://example.com:8080/ HTTP/1.1`,
		},
		{
			"IPv6 without a port", "GET", "/", "", "[2001:db8::1]", "https", 443, exchange.HTTP11, "HTTP/1.1",
			`GET https://[2001:db8::1]:443/ HTTP/1.1`,
		},
		{
			"IPv6 with a port", "GET", "/", "", "[2001:db8::1]:8443", "https", 443, exchange.HTTP11, "HTTP/1.1",
			`GET https://[2001:db8::1]:8443/ HTTP/1.1`,
		},
		{
			"absolute form", "GET", "HTTP://other.example/x?y", "", "example.com", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://other.example:80/x?y HTTP/1.1`,
		},
		{
			"absolute form without a path", "GET", "http://other.example:81?y", "", "example.com", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://other.example:81?y HTTP/1.1`,
		},
		{
			"asterisk form", "OPTIONS", "*", "", "example.com", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`OPTIONS http://example.com:80* HTTP/1.1`,
		},
		{
			"authority form", "CONNECT", "example.com:443", "example.com:443", "example.com:443", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`CONNECT http://example.com:443- HTTP/1.1`,
		},
		{
			"HTTP/1.0 without a host", "GET", "/", "", "", "http", 80, exchange.HTTP10, "HTTP/1.0",
			`GET http://` + config.DNSName + `:80/ HTTP/1.0`,
		},
		{
			"gRPC", "POST", "/pkg.Svc/Method", "example.com", "", "grpcs", 443, exchange.HTTP2, "",
			`POST https://example.com:443/pkg.Svc/Method HTTP/2.0`,
		},
		{
			"wss", "GET", "/ws", "", "example.com", "wss", 443, exchange.HTTP11, "HTTP/1.1",
			`GET https://example.com:443/ws HTTP/1.1`,
		},
		{
			"a URL in the query is no absolute form", "GET", "/r?u=http://x", "", "example.com", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://example.com:80/r?u=http://x HTTP/1.1`,
		},
		{
			"quotes and line ends", "GET", "/\"\r\nhttp \\", "", "a\"b", "http", 80, exchange.HTTP11, "HTTP/1.1",
			`GET http://a\x22b:80/\x22\x0D\x0Ahttp \x5C HTTP/1.1`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := served()
			x.Conn.ListenerPort = tt.port
			x.Record.Type = tt.kind
			r := &x.Request
			r.Method, r.Target, r.Authority = []byte(tt.method), []byte(tt.target), []byte(tt.authority)
			r.Version, r.RawVersion = tt.version, []byte(tt.raw)
			r.Fields = nil
			if tt.host != "" {
				r.Fields = fields("Host", tt.host)
			}
			line := accesslog.Line(config, x)
			if got := strings.Split(line, `"`)[1]; got != tt.want {
				t.Errorf("request_line is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestUserAgentIsCut(t *testing.T) {
	x := served()
	x.Request.Fields = fields("Host", "h", "User-Agent", strings.Repeat("a", 8<<10)+"bbb")
	line := accesslog.Line(config, x)
	if want := `"` + strings.Repeat("a", 8<<10) + `" `; !strings.Contains(line, want) {
		t.Errorf("the user agent is not cut at 8 KB: line has %d bytes", len(line))
	}
}

func TestUserAgentQuotes(t *testing.T) {
	x := served()
	x.Request.Fields = fields("Host", "h", "User-Agent", "a \"b\" \\ \x7f\xff\t")
	if line := accesslog.Line(config, x); !strings.Contains(line, ` "a \x22b\x22 \x5C \x7F\xFF\x09" `) {
		t.Errorf("user agent is not escaped: %s", line)
	}
}
