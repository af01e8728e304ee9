package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/signin"
	"github.com/evenkeel/evenkeel/targethealth"
)

const password = "correct horse"

// desk is a page with the user alice, and a browser before it.
type desk struct {
	t       *testing.T
	process *process
	door    *signin.Door
	handler http.Handler
	server  *httptest.Server
	browser *http.Client
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, process: &process{stats: sampleStats()}, door: signin.New()}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.door.SetUsers(map[string][]byte{"alice": hash}); err != nil {
		t.Fatal(err)
	}
	d.handler = admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: d.process, Door: d.door}).Handler()
	d.server = httptest.NewServer(d.handler)
	t.Cleanup(d.server.Close)
	jar, _ := cookiejar.New(nil)
	d.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return d
}

// answer is what came, with its body read.
type answer struct {
	*http.Response
	body string
}

// send makes a request as the browser does. form is nil for a GET; fields are names and values.
func (d *desk) send(path string, form url.Values, fields ...string) answer {
	d.t.Helper()
	method, body := "GET", ""
	if form != nil {
		method, body = "POST", form.Encode()
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			r.Host = fields[i+1]
		}
		r.Header.Set(fields[i], fields[i+1])
	}
	got, err := d.browser.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer got.Body.Close()
	var text strings.Builder
	if _, err := bufio.NewReader(got.Body).WriteTo(&text); err != nil {
		d.t.Fatal(err)
	}
	return answer{got, text.String()}
}

func (d *desk) signIn() answer {
	d.t.Helper()
	got := d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {password}})
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/stats" {
		d.t.Fatalf("sign-in: %d %s", got.StatusCode, got.body)
	}
	return got
}

var csrfShape = regexp.MustCompile(`data-csrf="([^"]+)"`)

// token is what the page has for its script.
func (d *desk) token() string {
	d.t.Helper()
	found := csrfShape.FindStringSubmatch(d.send("/stats", nil).body)
	if found == nil {
		d.t.Fatal("the page has no token")
	}
	return found[1]
}

// order is the form of an order.
func order(action string) url.Values {
	return url.Values{"target_group": {"web"}, "target": {"10.0.1.1:80"}, "action": {action}}
}

func TestPageWantsASignIn(t *testing.T) {
	d := newDesk(t)
	if got := d.send("/stats", nil); got.StatusCode != 303 || got.Header.Get("Location") != "/stats/sign-in" || strings.Contains(got.body, "web-1") {
		t.Errorf("the page: %d %v", got.StatusCode, got.Header)
	}
	for _, path := range []string{"/stats;json", "/stats;csv", "/stats/events"} {
		got := d.send(path, nil)
		if got.StatusCode != 401 || strings.Contains(got.body, "web-1") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
		// Browsers ask for a password when told to, and send it with everything from then on.
		if got.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s makes browsers ask for a password", path)
		}
	}
	if got := d.send("/stats/target", order("drain")); got.StatusCode != 401 || len(d.process.orders) != 0 {
		t.Errorf("an order: %d", got.StatusCode)
	}
	if got := d.send("/stats/purge", url.Values{"path": {"/a/*"}}); got.StatusCode != 401 || len(d.process.purged) != 0 {
		t.Errorf("a purge: %d", got.StatusCode)
	}
	for _, path := range []string{"/status", "/healthz", "/stats/page.css", "/stats/page.js", "/stats/sign-in"} {
		if got := d.send(path, nil); got.StatusCode != 200 {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	d.signIn()
	if got := d.send("/stats", nil); got.StatusCode != 200 || !strings.Contains(got.body, "web-1") {
		t.Errorf("the page when signed in: %d", got.StatusCode)
	}
	if got := d.send("/stats/sign-in", nil); got.StatusCode != 303 {
		t.Errorf("the door when signed in: %d", got.StatusCode)
	}
	if got := d.send("/stats/sign-out", url.Values{"csrf": {d.token()}}); got.StatusCode != 303 || got.Header.Get("Location") != "/stats/sign-in" {
		t.Errorf("signing out: %d", got.StatusCode)
	}
	if got := d.send("/stats", nil); got.StatusCode != 303 {
		t.Errorf("signed out: %d", got.StatusCode)
	}
	if len(d.process.signIns) != 1 || !d.process.signIns[0] {
		t.Errorf("sign-ins %v", d.process.signIns)
	}
}

func TestPageWithoutUsersOnlyShows(t *testing.T) {
	p := &process{stats: sampleStats()}
	h := handler(p)
	page := ask(t, h, "GET", "/stats")
	if page.Code != 200 || !strings.Contains(page.Body.String(), "read only") || !strings.Contains(page.Body.String(), `data-csrf=""`) {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	if got := ask(t, h, "POST", "/stats/target"); got.Code != 403 || len(p.orders) != 0 {
		t.Errorf("an order: %d", got.Code)
	}
	if got := ask(t, h, "POST", "/stats/purge"); got.Code != 403 || len(p.purged) != 0 {
		t.Errorf("a purge: %d", got.Code)
	}
	if got := ask(t, h, "GET", "/stats/sign-in"); got.Code != 303 || got.Header().Get("Location") != "/stats" {
		t.Errorf("the door: %d", got.Code)
	}
	if got := ask(t, h, "GET", "/stats;json"); got.Code != 200 {
		t.Errorf("JSON: %d", got.Code)
	}
	const signed = "Basic YWxpY2U6c2VjcmV0" // alice:secret
	if got := ask(t, h, "GET", "/stats;json", "Authorization", signed); got.Code != 200 {
		t.Errorf("JSON for a script that signs in all the same: %d", got.Code)
	}
	if got := ask(t, h, "POST", "/stats/target", "Authorization", signed); got.Code != 403 || len(p.orders) != 0 {
		t.Errorf("an order of such a script: %d", got.Code)
	}
}

func TestOrders(t *testing.T) {
	d := newDesk(t)
	d.signIn()
	token := d.token()
	got := d.send("/stats/target", order("drain"), "X-CSRF-Token", token)
	if got.StatusCode != 200 || !strings.Contains(got.body, `"before": "ready"`) || !strings.Contains(got.body, `"after": "drain"`) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	weight := order("weight")
	weight.Set("weight", "7")
	weight.Set("csrf", token)
	d.send("/stats/target", weight)
	want := []admin.Order{
		{TargetGroup: "web", Target: "10.0.1.1:80", Action: "drain", By: "alice"},
		{TargetGroup: "web", Target: "10.0.1.1:80", Action: "weight", Weight: 7, By: "alice"},
	}
	if fmt.Sprint(d.process.orders) != fmt.Sprint(want) {
		t.Errorf("got %v", d.process.orders)
	}
	weight.Set("weight", "7e3")
	if got := d.send("/stats/target", weight); got.StatusCode != 422 || len(d.process.orders) != 2 {
		t.Errorf("no number: %d", got.StatusCode)
	}
	for err, status := range map[error]int{fmt.Errorf("%w: target", admin.ErrNotFound): 404, http.ErrBodyNotAllowed: 422} {
		d.process.orderError = err
		if got := d.send("/stats/target", order("drain"), "X-CSRF-Token", token); got.StatusCode != status || got.body != err.Error()+"\n" {
			t.Errorf("%v: %d %s", err, got.StatusCode, got.body)
		}
	}
}

// TestCrossSitePost plays another site in the browser of who is signed in.
func TestCrossSitePost(t *testing.T) {
	d := newDesk(t)
	d.signIn()
	token := d.token()
	other := newDesk(t)
	other.signIn()
	for name, c := range map[string]struct {
		token  string
		fields []string
	}{
		"without a token":                    {"", nil},
		"with a made up token":               {strings.Repeat("a", 43), nil},
		"with another session's token":       {other.token(), nil},
		"with the token, from another site":  {token, []string{"Sec-Fetch-Site", "cross-site"}},
		"from a subdomain":                   {token, []string{"Sec-Fetch-Site", "same-site"}},
		"from another origin":                {token, []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}},
		"from another port":                  {token, []string{"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:1"}},
		"as text/plain, which needs no CORS": {"", []string{"Content-Type", "text/plain"}},
		"from an old browser without origin": {"", []string{"Sec-Fetch-Site", ""}},
	} {
		fields := append([]string{}, c.fields...)
		if c.token != "" {
			fields = append(fields, "X-CSRF-Token", c.token)
		}
		for _, path := range []string{"/stats/target", "/stats/purge", "/stats/sign-out"} {
			if got := d.send(path, order("drain"), fields...); got.StatusCode != 403 {
				t.Errorf("%s %s: %d", path, name, got.StatusCode)
			}
		}
	}
	if len(d.process.orders) != 0 || len(d.process.purged) != 0 {
		t.Errorf("orders %v, purges %v", d.process.orders, d.process.purged)
	}
	// Nor can it sign the operator in as somebody else.
	if got := d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {password}}, "Sec-Fetch-Site", "cross-site"); got.StatusCode != 403 {
		t.Errorf("a foreign sign-in: %d", got.StatusCode)
	}
	if got := d.send("/stats", nil); got.StatusCode != 200 {
		t.Errorf("the session is gone: %d", got.StatusCode)
	}
}

// TestRebinding: a page whose name points here has the browser's cookies for that name only, and
// gets nothing with any.
func TestRebinding(t *testing.T) {
	d := newDesk(t)
	d.signIn()
	token := d.token()
	for _, path := range []string{"/stats", "/stats;json", "/stats/events", "/stats/sign-in", "/stats/page.js"} {
		if got := d.send(path, nil, "Host", "evil.example"); got.StatusCode != 421 || strings.Contains(got.body, "web-1") {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/stats/target", "/stats/sign-in"} {
		if got := d.send(path, order("drain"), "Host", "evil.example", "X-CSRF-Token", token); got.StatusCode != 421 || len(d.process.orders) != 0 {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
}

// TestStoredScript has markup in everything that the page shows.
func TestStoredScript(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}</style>'&` + "\u2028"
	stats := sampleStats()
	stats.Environment, stats.Version, stats.Reloads.LastError = hostile, hostile, hostile
	g := &stats.TargetGroups[0]
	g.Name, g.Algorithm, g.Protocol = hostile, hostile, hostile
	for i := range g.Targets {
		one := &g.Targets[i]
		one.ID, one.Address, one.Zone, one.Administrative = hostile, hostile, hostile, hostile
		one.State, one.Reason, one.Description = targethealth.State(hostile), targethealth.Reason(hostile), hostile
	}
	h := handler(&process{stats: stats})
	page := ask(t, h, "GET", "/stats").Body.String()
	for _, bad := range []string{"<script>alert", "<img", "</style>'"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("the page has %d scripts", n)
	}
	// What is not HTML is not taken for it either.
	for path, want := range map[string]string{"/stats;json": "application/json", "/stats/page.js": "text/javascript; charset=utf-8", "/stats/page.css": "text/css; charset=utf-8"} {
		if got := ask(t, h, "GET", path); got.Header().Get("Content-Type") != want || got.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, got.Header())
		}
	}
	// The user that a form names comes back in it.
	d := newDesk(t)
	got := d.send("/stats/sign-in", url.Values{"user": {hostile}, "password": {"x"}})
	if got.StatusCode != 401 || strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// TestScriptBuildsNoMarkup holds the script to text nodes, and the pages to files of their own.
func TestScriptBuildsNoMarkup(t *testing.T) {
	h := handler(&process{stats: sampleStats()})
	script := ""
	files := regexp.MustCompile(`from '\./([a-z]+\.js)'`)
	for names, seen := []string{"page.js"}, map[string]bool{}; len(names) > 0; names = names[1:] {
		if seen[names[0]] {
			continue
		}
		seen[names[0]] = true
		got := ask(t, h, "GET", "/stats/"+names[0])
		if got.Code != 200 {
			t.Fatalf("%s: %d", names[0], got.Code)
		}
		for _, found := range files.FindAllStringSubmatch(got.Body.String(), -1) {
			names = append(names, found[1])
		}
		script += got.Body.String()
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "createContextualFragment", "http://", "https://"} {
		if strings.Contains(strings.ReplaceAll(script, "http://www.w3.org/2000/svg", ""), bad) {
			t.Errorf("the script has %s", bad)
		}
	}
	inline := regexp.MustCompile(`(?i)<style|<script>|\son[a-z]+=|\sstyle=|javascript:|(src|href)="(https?:)?//`)
	for _, path := range []string{"/stats", "/stats/page.css"} {
		if found := inline.FindString(ask(t, h, "GET", path).Body.String()); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
	if found := inline.FindString(newDesk(t).send("/stats/sign-in", nil).body); found != "" {
		t.Errorf("the door has %q", found)
	}
}

// TestPagesCannotBeFramed and may do nothing but what they have to.
func TestPagesCannotBeFramed(t *testing.T) {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	d := newDesk(t)
	door := d.send("/stats/sign-in", nil)
	d.signIn()
	for name, got := range map[string]answer{"page": d.send("/stats", nil), "door": door} {
		for field, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got.Header.Get(field) != want {
				t.Errorf("%s: %s is %q", name, field, got.Header.Get(field))
			}
		}
	}
}

func TestSessionCookie(t *testing.T) {
	d := newDesk(t)
	cookie := d.signIn().Header.Get("Set-Cookie")
	for _, part := range []string{"evenkeel_session=", "; Path=/stats", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%q is without %s", cookie, part)
		}
	}
	if strings.Contains(cookie, "Secure") || strings.Contains(cookie, "Domain") {
		t.Errorf("over plain HTTP, for this host: %q", cookie)
	}
	secure := httptest.NewTLSServer(d.handler)
	defer secure.Close()
	client := secure.Client()
	client.CheckRedirect = d.browser.CheckRedirect
	got, err := client.PostForm(secure.URL+"/stats/sign-in", url.Values{"user": {"alice"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if !strings.Contains(got.Header.Get("Set-Cookie"), "; Secure") {
		t.Errorf("over TLS: %q", got.Header.Get("Set-Cookie"))
	}
}

// TestPlantedCookie: whoever can set a cookie for this host, another port for one, gains nothing.
func TestPlantedCookie(t *testing.T) {
	d := newDesk(t)
	mallory, _, err := d.door.SignIn("alice", password, clientOf("198.51.100.1"), "")
	if err != nil {
		t.Fatal(err)
	}
	got := d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {password}}, "Cookie", "evenkeel_session="+mallory)
	if got.StatusCode != 303 || strings.Contains(got.Header.Get("Set-Cookie"), mallory) || d.door.Session(mallory) != nil {
		t.Errorf("the planted session lives on: %v", got.Header)
	}
	id, _, err := d.door.SignIn("alice", password, clientOf("198.51.100.1"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, d.handler, "GET", "/stats;json", "Cookie", "evenkeel_session=x; evenkeel_session="+id); got.Code != 401 {
		t.Errorf("two cookies: %d", got.Code)
	}
}

func TestBruteForceIsSlowedDown(t *testing.T) {
	d := newDesk(t)
	var last answer
	for i := range 8 {
		last = d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {fmt.Sprint("guess", i)}})
	}
	if last.StatusCode != 429 || last.Header.Get("Retry-After") == "" || !strings.Contains(last.body, "too many failed sign-ins") {
		t.Errorf("%d %v", last.StatusCode, last.Header)
	}
	// The same address has no more luck with the right one, or as a script.
	if got := d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {password}}); got.StatusCode != 429 {
		t.Errorf("%d", got.StatusCode)
	}
	if got := ask(t, d.handler, "GET", "/stats;json", "Authorization", "Basic YWxpY2U6Z3Vlc3M="); got.Code != 401 {
		t.Errorf("another address: %d", got.Code)
	}
	for _, ok := range d.process.signIns {
		if ok {
			t.Error("a guess was right")
		}
	}
}

func TestOversizedForms(t *testing.T) {
	d := newDesk(t)
	huge := strings.Repeat("x", 5000)
	if got := d.send("/stats/sign-in", url.Values{"user": {"alice"}, "password": {huge}}); got.StatusCode != 400 || len(d.process.signIns) != 0 {
		t.Errorf("sign-in: %d", got.StatusCode)
	}
	d.signIn()
	o := order("drain")
	o.Set("padding", huge)
	if got := d.send("/stats/target", o, "X-CSRF-Token", d.token()); got.StatusCode != 400 || len(d.process.orders) != 0 {
		t.Errorf("order: %d", got.StatusCode)
	}
}

// TestMethods: nothing is changed by a GET, whatever it has in its query.
func TestMethods(t *testing.T) {
	d := newDesk(t)
	d.signIn()
	query := "?" + order("drain").Encode() + "&csrf=" + d.token()
	for _, path := range []string{"/stats/target", "/stats/sign-out"} {
		if got := d.send(path+query, nil); got.StatusCode != 405 {
			t.Errorf("GET %s: %d", path, got.StatusCode)
		}
	}
	// A token in the query is none, nor is an order there: it would be in logs and histories.
	if got := d.send("/stats/target"+query, url.Values{}); got.StatusCode != 403 || len(d.process.orders) != 0 {
		t.Errorf("POST with a query: %d", got.StatusCode)
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		if got := ask(t, d.handler, method, "/stats/target"); got.Code == 200 || len(d.process.orders) != 0 {
			t.Errorf("%s: %d", method, got.Code)
		}
	}
}

// TestScriptsSignInWithEachRequest by basic authentication, which no browser is asked for.
func TestScriptsSignInWithEachRequest(t *testing.T) {
	d := newDesk(t)
	c := admin.Client{Addr: strings.TrimPrefix(d.server.URL, "http://"), User: "alice", Password: password}
	if _, err := c.Stats(context.Background()); err != nil {
		t.Error(err)
	}
	change, err := c.Order(context.Background(), admin.Order{TargetGroup: "web", Target: "web-1", Action: "weight", Weight: 9})
	if err != nil || change.After != "weight" || len(d.process.orders) != 1 || d.process.orders[0].By != "alice" || d.process.orders[0].Weight != 9 {
		t.Errorf("%v, %v, %v", change, err, d.process.orders)
	}
	c.Password = "wrong"
	if _, err := c.Order(context.Background(), admin.Order{}); err == nil || !strings.Contains(err.Error(), "401") || len(d.process.orders) != 1 {
		t.Errorf("%v", err)
	}
}

func clientOf(address string) netip.Addr { return netip.MustParseAddr(address) }
