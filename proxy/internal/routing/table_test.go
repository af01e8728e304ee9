package routing_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

var peer = netip.MustParseAddr("192.0.2.7")

func forwardTo(group string) []spec.WeightedTargetGroup {
	return []spec.WeightedTargetGroup{{TargetGroup: group, Weight: 1}}
}

func compile(t testing.TB, l *spec.Listener) *routing.Table {
	t.Helper()
	table, err := routing.Compile(l)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func mustCanonicalize(t testing.TB, r *exchange.Request) *exchange.Request {
	t.Helper()
	var a exchange.Arena
	if err := routing.Canonicalize(r, &a); err != nil {
		t.Fatalf("%s: %v", r.Target, err)
	}
	return r
}

// only is a listener with one rule of these conditions.
func only(conditions ...spec.Condition) *spec.Listener {
	return &spec.Listener{
		Rules:         []spec.Rule{{Name: "rule", Priority: 10, Conditions: conditions, Action: spec.Action{Forward: forwardTo("a")}}},
		DefaultAction: spec.Action{Forward: forwardTo("b")},
	}
}

func values(v ...string) spec.Patterns  { return spec.Patterns{Values: v} }
func regexes(v ...string) spec.Patterns { return spec.Patterns{RegexValues: v} }

func host(p spec.Patterns) spec.Condition { return spec.Condition{HostHeader: p} }
func path(p spec.Patterns) spec.Condition { return spec.Condition{PathPattern: p} }

func header(name string, p spec.Patterns) spec.Condition {
	return spec.Condition{HTTPHeader: spec.HTTPHeader{Name: name, Values: p.Values, RegexValues: p.RegexValues}}
}

func query(keyValue ...string) spec.Condition {
	var c spec.Condition
	for i := 0; i < len(keyValue); i += 2 {
		c.QueryString = append(c.QueryString, spec.QueryStringKey{Key: keyValue[i], Value: keyValue[i+1]})
	}
	return c
}

// get is a GET of a URL without scheme: host and target.
func get(url string, fields ...string) *exchange.Request {
	host, target := url, "/"
	if i := strings.IndexAny(url, "/?"); i >= 0 {
		host, target = url[:i], url[i:]
	}
	if host == "" {
		host = "example.com"
	}
	return request("GET", target, append([]string{"Host", host}, fields...)...)
}

func TestConditions(t *testing.T) {
	method := func(methods ...string) spec.Condition { return spec.Condition{HTTPRequestMethod: methods} }
	source := func(blocks ...string) spec.Condition { return spec.Condition{SourceIP: blocks} }
	with := func(method string) *exchange.Request { return request(method, "/", "Host", "example.com") }

	for _, tt := range []struct {
		name      string
		condition spec.Condition
		yes, no   []*exchange.Request
	}{
		{
			"host", host(values("*.example.com")),
			[]*exchange.Request{get("TEST.example.com/"), get("a.b.example.com:8080/"), get("a.example.com./")},
			[]*exchange.Request{get("example.com/"), get("a.example.com.evil.org/"), get("aexample.com/")},
		},
		{"host in another case", host(values("WWW.Example.COM")), []*exchange.Request{get("www.example.com/")}, nil},
		{"host with port in the value", host(values("example.com:80")), nil, []*exchange.Request{get("example.com:80/")}},
		{
			"host regex", host(regexes(`^(.*)\.EXAMPLE\.com$`)),
			[]*exchange.Request{get("a.example.com/"), get("A.Example.Com:1/")},
			[]*exchange.Request{get("example.com/")},
		},
		{"host regex is searched for", host(regexes("exam")), []*exchange.Request{get("www.example.com/")}, []*exchange.Request{get("test.com/")}},
		{"host regex with alternatives", host(regexes("^a$|^b$")), []*exchange.Request{get("A/"), get("b/")}, []*exchange.Request{get("ab/")}},
		{
			"path", path(values("/img/*")),
			[]*exchange.Request{get("/img/"), get("/img/a/b.png"), get("/%69mg/a"), get("/x/../img/a"), get("/img/?a")},
			[]*exchange.Request{get("/img"), get("/IMG/a"), get("/img/../a"), get("/img/%2e%2e/a"), get("/a?/img/")},
		},
		{"path without query", path(values("/p")), []*exchange.Request{get("/p?x=1"), get("/p?"), get("/p")}, []*exchange.Request{get("/p/")}},
		{"path of gRPC", path(values("/pkg.Svc/*")), []*exchange.Request{get("/pkg.Svc/Method")}, []*exchange.Request{get("/pkg.Other/Method")}},
		{"any of several paths", path(values("/a", "/b")), []*exchange.Request{get("/a"), get("/b")}, []*exchange.Request{get("/c")}},
		{"path regex", path(regexes("^/[a-z]+/[0-9]+$")), []*exchange.Request{get("/a/1"), get("/a/1?b")}, []*exchange.Request{get("/A/1"), get("/a/x")}},
		{"path above ASCII", path(values("/a/*")), []*exchange.Request{get("/a/\xff"), get("/a/\x01")}, nil},
		{
			"header", header("User-Agent", values("*chrome*", "*SAFARI*")),
			[]*exchange.Request{get("/", "user-agent", "x Chrome/1"), get("/", "USER-AGENT", "Safari")},
			[]*exchange.Request{get("/"), get("/", "User-Agent", "curl"), get("/", "X-User-Agent", "Chrome")},
		},
		{
			"header that is not a known one", header("X-Env", values("test")),
			[]*exchange.Request{get("/", "x-env", "TEST"), get("/", "X-Other", "test", "X-ENV", "test")},
			[]*exchange.Request{get("/", "X-Other", "test"), get("/", "X-Env", "tester")},
		},
		{"header repeated", header("X-Env", values("b")), []*exchange.Request{get("/", "X-Env", "a", "X-Env", "b")}, []*exchange.Request{get("/", "X-Env", "a, b")}},
		{"header present", header("X-Env", regexes(".+")), []*exchange.Request{get("/", "X-Env", "a")}, []*exchange.Request{get("/", "X-Env", ""), get("/")}},
		{"header regex in any case", header("X-Env", regexes("^Te.t$")), []*exchange.Request{get("/", "X-Env", "tEsT")}, []*exchange.Request{get("/", "X-Env", "tests")}},
		{
			"header with control characters", header("X-Env", values("*")),
			[]*exchange.Request{get("/", "X-Env", "a b"), get("/", "X-Env", "é")},
			[]*exchange.Request{get("/", "X-Env", "a\tb"), get("/", "X-Env", "a\x7f")},
		},
		{
			"method", method("GET", "X-PURGE"),
			[]*exchange.Request{with("GET"), with("X-PURGE")},
			[]*exchange.Request{with("HEAD"), with("get"), with("GETS"), with("x-purge")},
		},
		{
			"query pair", query("version", "v1"),
			[]*exchange.Request{get("/?version=v1"), get("/?VERSION=V1"), get("/?a=b&version=v1&c")},
			[]*exchange.Request{get("/"), get("/?"), get("/?version"), get("/?version=v1x"), get("/?xversion=v1"), get("/version=v1"), get("/?a=version=v1")},
		},
		{
			"query value of any key", query("", "*Example*"),
			[]*exchange.Request{get("/?a=example"), get("/?a=1&b=an-EXAMPLE-x"), get("/?example"), get("/?a=b=example")},
			[]*exchange.Request{get("/?example=a"), get("/?a=b")},
		},
		{
			"one of several query pairs", query("version", "v1", "", "*example*"),
			[]*exchange.Request{get("/?version=v1"), get("/?a=example")},
			[]*exchange.Request{get("/?version=v2")},
		},
		{"query escapes", query("a", `\*\?`, `b\*`, "?"), []*exchange.Request{get("/?a=*?"), get("/?b*=x")}, []*exchange.Request{get("/?a=xy"), get("/?bx=x")}},
		{"query wildcard in the key", query("v*", "1"), []*exchange.Request{get("/?v=1"), get("/?version=1")}, []*exchange.Request{get("/?x=1")}},
		{"query key without value", query("a", ""), []*exchange.Request{get("/?a"), get("/?a=")}, []*exchange.Request{get("/?a=b")}},
		{"query without pairs", query("", "*"), []*exchange.Request{get("/?a"), get("/?=")}, []*exchange.Request{get("/"), get("/?"), get("/?&&")}},
		{"query is compared as sent", query("a", "b c"), nil, []*exchange.Request{get("/?a=b%20c"), get("/?a=b+c"), get("/?%61=b c")}},
		{"query is compared as sent, escaped", query("a", "b%20c"), []*exchange.Request{get("/?a=b%20c"), get("/?a=b c")}, []*exchange.Request{get("/?a=b+c")}},
		{"source", source("192.0.2.0/28"), []*exchange.Request{get("/")}, nil},
		{"source of another block", source("198.51.100.0/24", "::/0"), nil, []*exchange.Request{get("/", "X-Forwarded-For", "198.51.100.1")}},
		{"one of several sources", source("198.51.100.0/24", "192.0.2.7/32"), []*exchange.Request{get("/")}, nil},
		{"source with host bits", source("192.0.2.99/24"), []*exchange.Request{get("/")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := compile(t, only(tt.condition))
			for want, requests := range map[string][]*exchange.Request{"rule": tt.yes, "default": tt.no} {
				for _, r := range requests {
					mustCanonicalize(t, r)
					if rule, evaluated := table.Match(r, peer); rule.Name != want || evaluated != 1 {
						t.Errorf("%s %s%s: %s after %d, want %s", r.Method, r.Host, r.Target, rule.Name, evaluated, want)
					}
				}
			}
		})
	}
}

func TestSourceIPForms(t *testing.T) {
	for _, tt := range []struct {
		block, peer string
		want        bool
	}{
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::1", false},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"fe80::/10", "fe80::1%eth0", true},
		{"192.0.2.7/32", "192.0.2.8", false},
	} {
		table := compile(t, only(spec.Condition{SourceIP: []string{tt.block}}))
		rule, _ := table.Match(mustCanonicalize(t, get("/")), netip.MustParseAddr(tt.peer))
		if got := rule.Name == "rule"; got != tt.want {
			t.Errorf("%s in %s: %v", tt.peer, tt.block, got)
		}
	}
	var none netip.Addr
	if rule, _ := compile(t, only(spec.Condition{SourceIP: []string{"0.0.0.0/0", "::/0"}})).Match(mustCanonicalize(t, get("/")), none); rule.Name != "default" {
		t.Error("no address is in a block")
	}
}

func TestAllConditionsMustHold(t *testing.T) {
	table := compile(t, only(host(values("example.com")), path(values("/a*")), header("X-A", values("1")), header("X-B", values("2"))))
	for _, tt := range []struct {
		request *exchange.Request
		want    string
	}{
		{get("example.com/a", "X-A", "1", "X-B", "2"), "rule"},
		{get("example.org/a", "X-A", "1", "X-B", "2"), "default"},
		{get("example.com/b", "X-A", "1", "X-B", "2"), "default"},
		{get("example.com/a", "X-A", "1", "X-B", "1"), "default"},
		{get("example.com/a", "X-B", "2"), "default"},
	} {
		if rule, _ := table.Match(mustCanonicalize(t, tt.request), peer); rule.Name != tt.want {
			t.Errorf("%s%s: %s, want %s", tt.request.Host, tt.request.Target, rule.Name, tt.want)
		}
	}
}

func TestPriorities(t *testing.T) {
	rule := func(name string, priority int, pattern string) spec.Rule {
		return spec.Rule{Name: name, Priority: priority, Conditions: []spec.Condition{path(values(pattern))}, Action: spec.Action{Forward: forwardTo(name)}}
	}
	table := compile(t, &spec.Listener{
		Rules:         []spec.Rule{rule("last", 50000, "/*"), rule("first", 1, "/a"), rule("second", 7, "/a*")},
		DefaultAction: spec.Action{FixedResponse: &spec.FixedResponse{StatusCode: 404}},
	})
	for _, tt := range []struct {
		path, want          string
		priority, evaluated int
	}{
		{"/a", "first", 1, 1},
		{"/ab", "second", 7, 2},
		{"/b", "last", 50000, 3},
	} {
		rule, evaluated := table.Match(mustCanonicalize(t, get(tt.path)), peer)
		if rule.Name != tt.want || rule.Priority != tt.priority || evaluated != tt.evaluated || rule.Action.Forward.Groups[0].Name != tt.want {
			t.Errorf("%s: %s, priority %d, after %d", tt.path, rule.Name, rule.Priority, evaluated)
		}
	}
	options := request("OPTIONS", "*", "Host", "example.com")
	rule0, evaluated := table.Match(mustCanonicalize(t, options), peer)
	if rule0.Priority != 0 || evaluated != 3 || rule0.Action.Kind != routing.KindFixedResponse {
		t.Errorf("default: %+v after %d", rule0, evaluated)
	}
	empty := compile(t, &spec.Listener{DefaultAction: spec.Action{Forward: forwardTo("a")}})
	if rule, evaluated := empty.Match(options, peer); rule.Name != "default" || evaluated != 0 {
		t.Errorf("no rules: %s after %d", rule.Name, evaluated)
	}
}

// TestCompileTellsAll breaks everything at once: each fault is in the error.
func TestCompileTellsAll(t *testing.T) {
	forward := spec.Action{Forward: forwardTo("a")}
	bad := func(name string, priority int, action spec.Action, conditions ...spec.Condition) spec.Rule {
		return spec.Rule{Name: name, Priority: priority, Action: action, Conditions: conditions}
	}
	redirect := func(r spec.Redirect) spec.Action { return spec.Action{Redirect: &r} }
	fixed := func(f spec.FixedResponse) spec.Action { return spec.Action{FixedResponse: &f} }
	rewrite := bad("rewrites", 30, forward)
	rewrite.Transforms = spec.Transforms{
		HostHeaderRewrite: spec.Rewrite{Regex: "(", Replace: "a"},
		URLRewrite:        spec.Rewrite{Regex: "(a)", Replace: "$2"},
	}
	replace := bad("replaces", 31, forward)
	replace.Transforms = spec.Transforms{
		HostHeaderRewrite: spec.Rewrite{Replace: "a"},
		URLRewrite:        spec.Rewrite{Regex: "a", Replace: "${name}"},
	}
	l := &spec.Listener{Rules: []spec.Rule{
		bad("one", 1, forward, host(regexes("(")), path(regexes("a**")), header("X", regexes(`(?=a)`))),
		bad("two", 1, forward, spec.Condition{}, spec.Condition{PathPattern: values("/"), HostHeader: values("a")}),
		bad("three", 3, forward, path(spec.Patterns{Values: []string{"a"}, RegexValues: []string{"b"}}), path(values("")), path(values("\x00"))),
		bad("four", 4, forward, header("", values("a")), header("Host", values("a")), header("X", spec.Patterns{})),
		bad("five", 5, forward, spec.Condition{SourceIP: []string{"10.0.0.1", "10.0.0.0/33"}}, spec.Condition{HTTPRequestMethod: []string{""}}, query("", "")),
		bad("six", 6, spec.Action{}),
		bad("seven", 7, spec.Action{Forward: forwardTo("a"), FixedResponse: &spec.FixedResponse{}}),
		bad("eight", 8, redirect(spec.Redirect{StatusCode: "HTTP_307", Protocol: "FTP", Port: "0", Path: "a", Query: "#{nothing}"})),
		bad("nine", 9, redirect(spec.Redirect{StatusCode: "HTTP_301", Host: "#{path}", Path: "/a b", Query: "#{host"})),
		bad("ten", 10, fixed(spec.FixedResponse{StatusCode: 302})),
		bad("eleven", 11, fixed(spec.FixedResponse{StatusCode: 200, ContentType: "image/png"})),
		rewrite, replace,
	}}
	_, err := routing.Compile(l)
	if err == nil {
		t.Fatal("compiles")
	}
	for _, want := range []string{
		"rule one: conditions[0]: host_header: error parsing regexp", "conditions[1]: path_pattern: error parsing", "conditions[2]: http_header: error parsing",
		"rules one and two: both have priority 1",
		"rule two: conditions[0]: condition is empty", "conditions[1]: condition has several fields",
		"rule three: conditions[0]: path_pattern: values and regex_values exclude each other", "conditions[1]: path_pattern: value is empty", "conditions[2]: path_pattern: pattern has a NUL",
		"rule four: conditions[0]: http_header: name is missing", "conditions[1]: http_header: host is matched by host_header", "conditions[2]: http_header: value is empty",
		"rule five: conditions[0]: source_ip: netip.ParsePrefix(\"10.0.0.1\")", "ParsePrefix(\"10.0.0.0/33\")", "conditions[1]: http_request_method: value is empty", "conditions[2]: query_string: [0]: value is empty",
		"rule six: action: one of forward, redirect and fixed_response is needed",
		"rule seven: action: forward, redirect and fixed_response exclude each other",
		"rule eight: action: redirect: status_code is not HTTP_301 or HTTP_302 (got \"HTTP_307\")", "protocol is not HTTP, HTTPS", "port is not 1-65535", "path does not begin with /", "query: placeholder #{nothing} cannot stand here",
		"rule nine: action: redirect: host: placeholder #{path} cannot stand here", "path: character ' ' cannot stand in a URL", "query: placeholder #{host} cannot stand here",
		"rule ten: action: fixed_response: status_code is not 2xx, 4xx or 5xx (got 302)",
		"rule eleven: action: fixed_response: content_type is not one of",
		"rule rewrites: transforms.host_header_rewrite: error parsing", "transforms.url_rewrite: replace names group 2, regex has 1",
		"rule replaces: transforms.host_header_rewrite: regex is missing", "transforms.url_rewrite: replace has ${ without",
		"default_action: one of forward",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestCompileFixedResponse(t *testing.T) {
	for _, tt := range []struct{ contentType, want string }{
		{"", "text/plain; charset=utf-8"},
		{"text/plain", "text/plain; charset=utf-8"},
		{"text/html", "text/html; charset=utf-8"},
		{"application/json", "application/json; charset=utf-8"},
	} {
		table := compile(t, &spec.Listener{DefaultAction: spec.Action{
			FixedResponse: &spec.FixedResponse{StatusCode: 503, ContentType: tt.contentType, MessageBody: "down"},
		}})
		rule, _ := table.Match(mustCanonicalize(t, get("/")), peer)
		if f := rule.Action.Fixed; f.Status != 503 || f.ContentType != tt.want || string(f.Body) != "down" {
			t.Errorf("%q: %+v", tt.contentType, f)
		}
	}
}
