package sticky_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		cookie, name, want string
		found              bool
	}{
		{"AWSALB=abc", "AWSALB", "abc", true},
		{"a=1; AWSALB=abc; b=2", "AWSALB", "abc", true},
		{"a=1;AWSALB=abc;b=2", "AWSALB", "abc", true},
		{"a=1; \t AWSALB \t= abc \t; b=2", "AWSALB", "abc", true},
		{"AWSALBCORS=cors; AWSALB=abc", "AWSALB", "abc", true},
		{"AWSALB=abc; AWSALBCORS=cors", "AWSALBCORS", "cors", true},
		{"AWSALB=first; AWSALB=second", "AWSALB", "first", true},
		{"AWSALB=ab+/c==", "AWSALB", "ab+/c==", true},
		{`AWSALB="abc"`, "AWSALB", `"abc"`, true},
		{"AWSALB=", "AWSALB", "", true},
		{"AWSALB=; AWSALB=abc", "AWSALB", "", true},
		{"AWSALB", "AWSALB", "", false},
		{"AWSALB; AWSALB=abc", "AWSALB", "abc", true},
		{"awsalb=abc", "AWSALB", "", false},
		{"XAWSALB=abc", "AWSALB", "", false},
		{"a=AWSALB=abc", "AWSALB", "", false},
		{`a="x; AWSALB=abc"`, "AWSALB", `abc"`, true}, // quotes protect nothing
		{"", "AWSALB", "", false},
		{";;; ;", "AWSALB", "", false},
		{"=abc", "AWSALB", "", false},
	} {
		got, found := sticky.Find([]byte(c.cookie), c.name)
		if string(got) != c.want || found != c.found {
			t.Errorf("%q: got %q, %v, want %q, %v", c.cookie, got, found, c.want, c.found)
		}
	}
}

func TestSets(t *testing.T) {
	for setCookie, want := range map[string]bool{
		"SESSION=abc":                   true,
		"SESSION=abc; Path=/; HttpOnly": true,
		" SESSION = abc ;Path=/":        true,
		"SESSION=; Max-Age=0":           true,
		"SESSION=a=b":                   true,
		"session=abc":                   false,
		"SESSION2=abc":                  false,
		"XSESSION=abc":                  false,
		"SESSION":                       false,
		"SESSION; Path=/":               false,
		"a=1; SESSION=abc":              false,
		"a=SESSION=abc":                 false,
		"":                              false,
		"=SESSION":                      false,
		"Path=/; SESSION=abc; Expires=Mon, 01 Jan 2026 GMT": false,
	} {
		if got := sticky.Sets([]byte(setCookie), "SESSION"); got != want {
			t.Errorf("%q: %v, want %v", setCookie, got, want)
		}
	}
}

func TestAppendCookie(t *testing.T) {
	elsewhere := time.FixedZone("", -7*60*60)
	now := time.Date(2026, 2, 27, 23, 30, 5, 999, elsewhere)
	for _, c := range []struct {
		name              string
		crossSite, secure bool
		want              string
	}{
		{sticky.NameLB, false, false, "AWSALB=dGV4dA==; Expires=Sat, 07 Mar 2026 06:30:05 GMT; Path=/"},
		{sticky.NameLB, false, true, "AWSALB=dGV4dA==; Expires=Sat, 07 Mar 2026 06:30:05 GMT; Path=/"},
		{sticky.NameLBCORS, true, false, "AWSALBCORS=dGV4dA==; Expires=Sat, 07 Mar 2026 06:30:05 GMT; Path=/; SameSite=None"},
		{sticky.NameTGCORS, true, true, "AWSALBTGCORS=dGV4dA==; Expires=Sat, 07 Mar 2026 06:30:05 GMT; Path=/; SameSite=None; Secure"},
	} {
		got := sticky.AppendCookie([]byte("before "), c.name, []byte("dGV4dA=="), now, c.crossSite, c.secure)
		if string(got) != "before "+c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestCookiesComeBack takes a cookie the way through a browser: net/http's client side.
func TestCookiesComeBack(t *testing.T) {
	s := sealer(t)
	text := s.Append(nil, sticky.AppCookie, scope, address, start)
	field := string(sticky.AppendCookie(nil, sticky.NameApp, text, start, true, true))
	if !sticky.Sets([]byte(field), sticky.NameApp) {
		t.Errorf("%q sets another cookie", field)
	}
	parsed, err := http.ParseSetCookie(field)
	if err != nil {
		t.Fatal(err)
	}
	if want := start.Truncate(time.Second).Add(7 * day); !parsed.Expires.Equal(want) || !parsed.Secure || parsed.SameSite != http.SameSiteNoneMode {
		t.Errorf("got %+v", parsed)
	}
	request := http.Request{Header: http.Header{}}
	request.AddCookie(&http.Cookie{Name: "a", Value: "1"})
	request.AddCookie(&http.Cookie{Name: parsed.Name, Value: parsed.Value})
	back, ok := sticky.Find([]byte(request.Header.Get("Cookie")), sticky.NameApp)
	if !ok {
		t.Fatalf("%q has no such cookie", request.Header)
	}
	if got, err := s.Open(nil, sticky.AppCookie, scope, back, start, day); err != nil || string(got) != address {
		t.Errorf("got %q, %v", got, err)
	}
}

// manyCookies is what a browser sends to a site with some history.
var manyCookies = []byte(strings.Repeat("_ga_0123456789=GS1.1.1700000000.12.1.1700000000.0.0.0; ", 12) + "AWSALB=abc")

func TestCookiesAllocateNothing(t *testing.T) {
	setCookie, text := []byte("SESSION=abc; Path=/"), bytes.Repeat([]byte("A"), 128)
	dst := make([]byte, 0, 256)
	for name, f := range map[string]func(){
		"Find":         func() { sticky.Find(manyCookies, sticky.NameLB) },
		"Sets":         func() { sticky.Sets(setCookie, "SESSION") },
		"AppendCookie": func() { sticky.AppendCookie(dst, sticky.NameLBCORS, text, start, true, true) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
