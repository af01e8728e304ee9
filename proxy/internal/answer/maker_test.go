package answer_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/answer"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

var (
	date  = []byte("Tue, 24 Nov 2026 15:04:05 GMT")
	maker = answer.Maker{ServerName: "awselb/2.0"}
)

const (
	chrome  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
	msie    = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"
)

// exchangeOf is an HTTP/1.1 request with the fields given as name, value pairs. Its
// response is what a target left behind.
func exchangeOf(method string, fields ...string) *exchange.Exchange {
	x := &exchange.Exchange{}
	x.Request.Method = []byte(method)
	x.Request.Version = exchange.HTTP11
	for i := 0; i < len(fields); i += 2 {
		name := []byte(fields[i])
		x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: name, Value: []byte(fields[i+1]), ID: exchange.Identify(name)})
	}
	x.Response = exchange.Response{
		Status: 200, Reason: []byte("Fine"), ContentLength: exchange.Unknown, Chunked: true, Close: true, NoBody: true, HeadBytes: 99,
		Fields: []exchange.Field{{Name: []byte("X-Target"), Value: []byte("secret")}},
	}
	return x
}

// wire is the answer as an HTTP/1 front end sends it: Connection comes last.
func wire(x *exchange.Exchange, body []byte, connection string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", x.Response.Status, x.Response.Reason)
	for _, f := range x.Response.Fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "Connection: %s\r\n\r\n%s", connection, body)
	return b.String()
}

// value returns the value of a response field.
func value(t *testing.T, x *exchange.Exchange, name string) string {
	t.Helper()
	got, n := "", 0
	for _, f := range x.Response.Fields {
		if exchange.EqualFold(f.Name, name) {
			got = string(f.Value)
			n++
		}
		if id := exchange.Identify(f.Name); id != f.ID {
			t.Errorf("field %s has ID %d, want %d", f.Name, f.ID, id)
		}
	}
	if n > 1 {
		t.Errorf("%d fields %s", n, name)
	}
	return got
}

func TestErrorToTheByte(t *testing.T) {
	x := exchangeOf("GET")
	got := wire(x, maker.Error(x, 502, date), "keep-alive")
	want := "HTTP/1.1 502 Bad Gateway\r\n" +
		"Server: awselb/2.0\r\n" +
		"Date: Tue, 24 Nov 2026 15:04:05 GMT\r\n" +
		"Content-Type: text/html\r\n" +
		"Content-Length: 122\r\n" +
		"Connection: keep-alive\r\n" +
		"\r\n" +
		"<html>\r\n" +
		"<head><title>502 Bad Gateway</title></head>\r\n" +
		"<body>\r\n" +
		"<center><h1>502 Bad Gateway</h1></center>\r\n" +
		"</body>\r\n" +
		"</html>\r\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestSizes has the sizes that access logs of ALBs show.
func TestSizes(t *testing.T) {
	const padding = 402
	for _, tt := range []struct {
		status, keepAlive, closed int
	}{
		{502, 277, 272}, {503, 337, 332}, {504, 292, 287}, {403, 271, 266}, {400, 277, 272},
	} {
		for agent, more := range map[string]int{"": 0, "curl/8.0": 0, firefox: 0, chrome: padding, msie: padding} {
			for connection, want := range map[string]int{"keep-alive": tt.keepAlive + more, "close": tt.closed + more} {
				x := exchangeOf("GET", "User-Agent", agent)
				if got := len(wire(x, maker.Error(x, tt.status, date), connection)); got != want {
					t.Errorf("%d, %s, %q: %d bytes, want %d", tt.status, connection, agent, got, want)
				}
			}
		}
	}

	x := exchangeOf("HEAD")
	if got := len(wire(x, maker.Error(x, 502, date), "keep-alive")); got != 155 {
		t.Errorf("502 of HEAD: %d bytes", got)
	}
	for agent, want := range map[string]int{"": 370, firefox: 370, chrome: 772} {
		x := exchangeOf("GET", "User-Agent", agent)
		if got := len(wire(x, maker.PlainHTTP(x, date), "close")); got != want || x.Response.Status != 400 {
			t.Errorf("plain HTTP, %q: %d bytes of a %d, want %d", agent, got, x.Response.Status, want)
		}
	}
	x = exchangeOf("GET", "User-Agent", chrome)
	if got := len(wire(x, maker.Redirect(x, 301, []byte("https://test.jp:443/"), date), "keep-alive")); got != 327 {
		t.Errorf("redirect: %d bytes", got)
	}
	x = exchangeOf("GET")
	x.Request.Version = exchange.HTTP10
	fixed := &routing.FixedResponse{Status: 404, ContentType: "text/plain; charset=utf-8"}
	if got := len(wire(x, maker.Fixed(x, fixed, date), "close")); got != 162 {
		t.Errorf("fixed response: %d bytes", got)
	}
}

func TestErrorPages(t *testing.T) {
	for _, tt := range []struct {
		status       int
		reason, page string
		length       int
	}{
		{400, "Bad Request", "Bad Request", 122},
		{401, "Unauthorized", "Authorization Required", 144},
		{403, "Forbidden", "Forbidden", 118},
		{405, "Not Allowed", "Not Allowed", 122},
		{408, "Request Time-out", "Request Time-out", 132},
		{413, "Request Entity Too Large", "Request Entity Too Large", 148},
		{414, "Request-URI Too Large", "Request-URI Too Large", 142},
		{429, "Too Many Requests", "Too Many Requests", 134},
		{460, "", "", 0},
		{463, "", "", 0},
		{464, "", "", 0},
		{500, "Internal Server Error", "Internal Server Error", 142},
		{501, "Not Implemented", "Not Implemented", 130},
		{502, "Bad Gateway", "Bad Gateway", 122},
		{503, "Service Temporarily Unavailable", "Service Temporarily Unavailable", 162},
		{504, "Gateway Time-out", "Gateway Time-out", 132},
		{505, "HTTP Version Not Supported", "HTTP Version Not Supported", 152},
		{507, "Insufficient Storage", "Insufficient Storage", 140},
		{561, "", "", 0},
		{562, "", "", 0},
		{600, "", "", 0},
		{-1, "", "", 0},
	} {
		for _, agent := range []string{"curl", chrome} {
			x := exchangeOf("GET", "User-Agent", agent)
			body := string(maker.Error(x, tt.status, date))
			padded := agent == chrome && tt.page != ""
			if page, padding, found := strings.Cut(body, "<!--"); found != padded || found && len(padding) != 398 {
				t.Errorf("%d, %q: %q", tt.status, agent, body)
			} else if len(page) != tt.length || strings.Count(page, fmt.Sprintf("%d %s<", tt.status, tt.page)) != min(2, tt.length) {
				t.Errorf("%d: %d bytes: %s", tt.status, len(page), page)
			}
			r := &x.Response
			if r.Status != tt.status || string(r.Reason) != tt.reason || r.ContentLength != int64(len(body)) || r.Chunked || r.Close || r.NoBody || r.HeadBytes != 0 {
				t.Errorf("%d: response %+v", tt.status, *r)
			}
			if got := value(t, x, "Content-Length"); got != strconv.Itoa(len(body)) {
				t.Errorf("%d: Content-Length %s of %d", tt.status, got, len(body))
			}
			if got := value(t, x, "Content-Type"); (got == "text/html") != (tt.page != "") {
				t.Errorf("%d: Content-Type %q", tt.status, got)
			}
			if value(t, x, "X-Target") != "" {
				t.Errorf("%d: the target's fields are still there", tt.status)
			}
		}
	}
}

func TestPadding(t *testing.T) {
	for _, tt := range []struct {
		agent   string
		version exchange.Version
		want    bool
	}{
		{chrome, exchange.HTTP11, true},
		{chrome, exchange.HTTP10, true},
		{chrome, exchange.HTTP2, true},
		{chrome, exchange.HTTP09, false},
		{msie, exchange.HTTP11, true},
		{"MSIE 7.0", exchange.HTTP11, true},
		{"MSIE 7.", exchange.HTTP11, false},
		{"MSIE ", exchange.HTTP11, false},
		{"MSIE7.0", exchange.HTTP11, false},
		{"msie 7.0", exchange.HTTP11, false},
		{"MSIE 7.0 Opera 9", exchange.HTTP11, false},
		{"MSIE 7.0 Gecko/1", exchange.HTTP11, true},
		{"Opera Chrome/1", exchange.HTTP11, false},
		{"Gecko/1 Chrome/1", exchange.HTTP11, false},
		{"Chrome", exchange.HTTP11, false},
		{"chrome/1", exchange.HTTP11, false},
		{firefox, exchange.HTTP11, false},
		{"", exchange.HTTP11, false},
	} {
		x := exchangeOf("GET", "User-Agent", tt.agent)
		x.Request.Version = tt.version
		if got := len(maker.Error(x, 502, date)) == 122+402; got != tt.want {
			t.Errorf("%q over %d: padded %v", tt.agent, tt.version, got)
		}
	}
	x := exchangeOf("GET", "User-Agent", "curl", "User-Agent", chrome)
	if len(maker.Error(x, 502, date)) != 122 {
		t.Error("the first User-Agent counts")
	}
}

func TestServerName(t *testing.T) {
	for _, name := range []string{"", "evenkeel"} {
		m := answer.Maker{ServerName: name}
		for kind, answer := range map[string]func(x *exchange.Exchange){
			"error":    func(x *exchange.Exchange) { m.Error(x, 502, date) },
			"plain":    func(x *exchange.Exchange) { m.PlainHTTP(x, date) },
			"redirect": func(x *exchange.Exchange) { m.Redirect(x, 302, []byte("/"), date) },
			"fixed":    func(x *exchange.Exchange) { m.Fixed(x, &routing.FixedResponse{Status: 200}, date) },
		} {
			x := exchangeOf("GET")
			answer(x)
			first := string(x.Response.Fields[0].Name)
			if value(t, x, "Server") != name || (first == "Server") != (name != "") || value(t, x, "Date") != string(date) {
				t.Errorf("%s by %q: %q", kind, name, x.Response.Fields)
			}
		}
	}
}

func TestRedirect(t *testing.T) {
	for _, tt := range []struct {
		method, agent string
		status        int
		reason, page  string
		length        int
	}{
		{"GET", "", 301, "Moved Permanently", "301 Moved Permanently", 134},
		{"GET", "", 302, "Moved Temporarily", "302 Found", 110},
		{"POST", chrome, 301, "Moved Permanently", "301 Moved Permanently", 134},
		{"HEAD", "", 302, "Moved Temporarily", "", 110},
	} {
		x := exchangeOf(tt.method, "User-Agent", tt.agent)
		body := maker.Redirect(x, tt.status, []byte("https://a.com:443/b"), date)
		r := &x.Response
		if r.Status != tt.status || string(r.Reason) != tt.reason || r.ContentLength != int64(tt.length) || r.NoBody != (tt.method == "HEAD") {
			t.Errorf("%+v: %+v", tt, *r)
		}
		if tt.page == "" {
			if body != nil {
				t.Errorf("HEAD: body %q", body)
			}
		} else if len(body) != tt.length || strings.Count(string(body), tt.page) != 2 {
			t.Errorf("%+v: %q", tt, body)
		}
		if value(t, x, "Location") != "https://a.com:443/b" || value(t, x, "Content-Length") != strconv.Itoa(tt.length) || value(t, x, "Content-Type") != "text/html" {
			t.Errorf("%+v: %q", tt, r.Fields)
		}
	}
}

func TestFixed(t *testing.T) {
	for _, tt := range []struct {
		method, agent string
		fixed         routing.FixedResponse
		reason, body  string
		length        string
	}{
		{"GET", "", routing.FixedResponse{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}, "OK", "ok", "2"},
		{"GET", chrome, routing.FixedResponse{Status: 503, ContentType: "text/html; charset=utf-8", Body: []byte("down")}, "Service Temporarily Unavailable", "down", "4"},
		{"HEAD", "", routing.FixedResponse{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}, "OK", "", "2"},
		{"GET", "", routing.FixedResponse{Status: 404, ContentType: "text/plain; charset=utf-8"}, "Not Found", "", "0"},
		{"GET", "", routing.FixedResponse{Status: 418, ContentType: "application/json; charset=utf-8"}, "", "", "0"},
		{"GET", "", routing.FixedResponse{Status: 422, ContentType: "application/json; charset=utf-8"}, "Unprocessable Content", "", "0"},
		{"GET", "", routing.FixedResponse{Status: 204, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}, "No Content", "", ""},
	} {
		x := exchangeOf(tt.method, "User-Agent", tt.agent)
		body := maker.Fixed(x, &tt.fixed, date)
		r := &x.Response
		if r.Status != tt.fixed.Status || string(r.Reason) != tt.reason || string(body) != tt.body {
			t.Errorf("%s %d: %+v %q", tt.method, tt.fixed.Status, *r, body)
		}
		contentType := tt.fixed.ContentType
		if tt.length == "" {
			contentType = ""
		}
		if value(t, x, "Content-Length") != tt.length || value(t, x, "Content-Type") != contentType {
			t.Errorf("%s %d: %q", tt.method, tt.fixed.Status, r.Fields)
		}
		if r.NoBody != (tt.method == "HEAD" || tt.fixed.Status == 204) {
			t.Errorf("%s %d: NoBody is %v", tt.method, tt.fixed.Status, r.NoBody)
		}
	}
}

func TestClosesConnection(t *testing.T) {
	for status, want := range map[int]bool{
		400: true, 408: true, 413: true, 414: true, 500: true, 501: true, 505: true,
		401: false, 403: false, 405: false, 429: false, 463: false, 464: false, 502: false, 503: false, 504: false, 507: false, 561: false,
		200: false, 301: false,
	} {
		if answer.ClosesConnection(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
}

func TestBlocked(t *testing.T) {
	x := exchangeOf("GET")
	got := wire(x, maker.Blocked(x, 429, []byte("300"), date), "keep-alive")
	want := "HTTP/1.1 429 Too Many Requests\r\nServer: awselb/2.0\r\nDate: " + string(date) +
		"\r\nContent-Length: 0\r\nRetry-After: 300\r\nConnection: keep-alive\r\n\r\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	x = exchangeOf("GET")
	if body := maker.Blocked(x, 403, nil, date); len(body) != 118 || value(t, x, "Content-Length") != "118" {
		t.Errorf("%d bytes: %q", len(body), body)
	}
}
