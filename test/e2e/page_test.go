//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/crypto/bcrypt"
)

// pageFile has groups that look like a site's.
const pageFile = `app: shop
domain: app.test
load_balancer:
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      rules: [{name: api, priority: 1, conditions: [{path_pattern: ["/api/*"]}], action: {forward: [{target_group: api}]}}]
      default_action: {forward: [{target_group: web}]}
target_groups:
  - name: web
    port: 80
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: %WEB%
  - name: api
    port: 80
    algorithm: least_outstanding_requests
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: %API%
  - {name: batch, port: 80, targets: [{id: batch-1, address: 10.9.8.7}]}
proxy:
  bind: {http: "%PLAIN%"}
  admin: {listen: "%ADMIN%", users: {alice: "%HASH%"}}
  access_log: {path: off}
`

// actor is a target that does as it is told.
type actor struct {
	*mirror
	zone  string
	sick  atomic.Bool
	pause time.Duration // before an answer
	fails int64         // one in so many requests; 0 for none
	count atomic.Int64
}

func newActor(t *testing.T, name, zone string, pause time.Duration, fails int64) *actor {
	t.Helper()
	a := &actor{zone: zone, pause: pause, fails: fails}
	a.mirror = &mirror{name: name}
	l := listenAt(t, "127.0.0.1:0")
	s := &http.Server{Handler: a}
	go s.Serve(l)
	t.Cleanup(func() { _ = s.Close() })
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	fmt.Sscan(port, &a.port)
	return a
}

func (a *actor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health/" {
		if a.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	n := a.count.Add(1)
	time.Sleep(a.pause + time.Duration(n%17)*a.pause/8)
	if a.fails > 0 && n%a.fails == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, strings.Repeat("x", 2000))
}

func listOf(actors ...*actor) string {
	list := make([]string, len(actors))
	for i, a := range actors {
		list[i] = fmt.Sprintf("{id: %s, address: 127.0.0.1, port: %d, availability_zone: %s}", a.name, a.port, a.zone)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// browser shows the operator's page in a browser.
type browser struct {
	t   *testing.T
	ctx context.Context
	b   *balancer
	// problems are what the browser's console complained of.
	mu       sync.Mutex
	problems []string
}

func openBrowser(t *testing.T, b *balancer) *browser {
	t.Helper()
	// The profile is chromedp's, empty and gone at the end. Nothing may call home.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(tool(t, "chromium", "chromium")), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1440, 1000))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	// What it complains of are events of a younger browser than it knows.
	ctx, end := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(end)
	p := &browser{t: t, ctx: ctx, b: b}
	chromedp.ListenTarget(ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.problems = append(p.problems, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	if err := chromedp.Run(ctx, log.Enable(), runtime.Enable()); err != nil { // a deadline would end the browser with it
		t.Fatal(err)
	}
	return p
}

// do runs actions that have to work.
func (p *browser) do(what string, actions ...chromedp.Action) {
	p.t.Helper()
	ctx, late := context.WithTimeout(p.ctx, patience)
	defer late()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.picture("failed")
		p.t.Fatalf("%s: %v\n%s", what, err, p.b.Output())
	}
}

// holds waits until a script's value is true.
func (p *browser) holds(what, script string) {
	p.t.Helper()
	p.do(what, chromedp.Poll(script, nil, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// row is a script's expression for the text of a target's row.
func row(target string) string {
	return `[...document.querySelectorAll("tr.row")].filter(r => r.querySelector("strong").textContent === "` + target + `").map(r => r.innerText).join()`
}

// picture keeps what the page looks like in out/, for people to look at.
func (p *browser) picture(name string) {
	p.t.Helper()
	var image []byte
	if err := chromedp.Run(p.ctx, chromedp.FullScreenshot(&image, 100)); err != nil {
		p.t.Logf("picture %s: %v", name, err)
		return
	}
	if err := os.MkdirAll("out", 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("out", "page-"+name+".png"), image, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// looks sets the size of the window and the preferred colours.
func (p *browser) looks(width, height int64, scheme string) {
	p.t.Helper()
	p.do("look", chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// attackPage is of another site that knows the load balancer, open in the operator's browser.
const attackPage = `<!doctype html><title>kittens</title>
<form method="post" action="http://%ADMIN%/stats/target"><input name="target_group" value="web"><input name="target" value="web-1"><input name="action" value="maintenance"></form>
<script>
const body = new URLSearchParams(new FormData(document.forms[0]));
onload = async () => {
  for (const path of ["/stats/target", "/stats/sign-out", "/reload"]) await fetch("http://%ADMIN%" + path, { method: "POST", mode: "no-cors", credentials: "include", body }).catch(() => 0);
  const read = await fetch("http://%ADMIN%/stats;json", { credentials: "include" }).then(() => "read", () => "refused");
  document.title = "sent, " + read;
};
</script>`

// attack looks at another site's page while signed in. That site has another port, so that the
// session's cookie goes along: browsers do not tell ports of a host apart.
func (p *browser) attack() {
	p.t.Helper()
	page := strings.ReplaceAll(attackPage, "%ADMIN%", p.b.site.admin)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
	defer site.Close()
	p.do("another site", chromedp.Navigate(site.URL))
	p.holds("it has done what it can", `document.title === "sent, refused"`)
	ctx, late := context.WithTimeout(p.ctx, patience)
	defer late()
	if answer, err := chromedp.RunResponse(ctx, chromedp.Submit("form")); err != nil || answer.Status != http.StatusForbidden {
		p.t.Errorf("the other site's form is answered with %+v, %v", answer, err)
	}
	p.do("the page again", chromedp.Navigate("http://"+p.b.site.admin+"/stats"), chromedp.WaitVisible(".row"))
	p.holds("web-1 serves, and alice is signed in", row("web-1")+`.includes("healthy") && !`+row("web-1")+`.includes("maintenance") && document.querySelector(".who") !== null`)
	if strings.Contains(p.b.Output(), `"action":"maintenance"`) || strings.Contains(p.b.Output(), "reloaded on request") {
		p.t.Errorf("another site's page changed something:\n%s", p.b.Output())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = nil // they are of that page
}

// TestPageInABrowser signs in, sees a target turn unhealthy, and drains one with the keyboard.
func TestPageInABrowser(t *testing.T) {
	web := []*actor{newActor(t, "web-1", "a", 4*time.Millisecond, 0), newActor(t, "web-2", "b", 5*time.Millisecond, 40), newActor(t, "web-3", "c", 30*time.Millisecond, 0)}
	api := []*actor{newActor(t, "api-1", "a", 2*time.Millisecond, 0), newActor(t, "api-2", "b", 3*time.Millisecond, 0)}
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	b := newSite(t, strings.NewReplacer("%WEB%", listOf(web...), "%API%", listOf(api...), "%HASH%", string(hash)).Replace(pageFile)).serve()
	b.healthy(5)
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	t.Cleanup(func() { stop(); clients.Wait() })
	for i := range 6 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				path := "/shop"
				if (n+i)%3 == 0 {
					path = "/api/cart"
				}
				r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+b.site.plain+path, nil)
				if answer, err := http.DefaultClient.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
				time.Sleep(time.Duration(5+n%40) * time.Millisecond)
			}
		})
	}

	p := openBrowser(t, b)
	p.looks(1440, 900, "light")
	p.do("open", chromedp.Navigate("http://"+b.site.admin+"/stats"), chromedp.WaitVisible(`input[name="user"]`))
	p.picture("door")
	p.do("wrong password", chromedp.SendKeys(`input[name="user"]`, "alice"), chromedp.SendKeys(`input[name="password"]`, "wrong\r"), chromedp.WaitVisible("#problem"))
	p.do("sign in", chromedp.SendKeys(`input[name="password"]`, "correct horse\r"), chromedp.WaitVisible(".row"))
	p.holds("the page is live", `document.getElementById("live").dataset.state === "on"`)
	p.holds("rates come in", row("web-1")+`.match(/[\d.]+ \/ [\d.]+ \/ [\d.]+.ms/) !== null`)

	// A target turns unhealthy before the operator's eyes.
	web[2].sick.Store(true)
	p.holds("web-3 turns unhealthy", row("web-3")+`.includes("unhealthy") && `+row("web-3")+`.includes("[503]")`)
	p.holds("whoever listens hears of it", `document.getElementById("news").textContent.includes("web-3 of web is unhealthy")`)

	p.holds("it is said first, and why", `document.getElementById("attention-list").innerText.match(/web-3 of web\s+unhealthy: .*\[503\]/) !== null && document.title.startsWith("▲")`)
	p.do("go there", chromedp.Evaluate(`[...document.querySelectorAll("#attention-list .bad .link")].find(l => l.textContent === "web-3").click()`, nil))
	p.holds("its details are open", `document.activeElement.textContent.includes("web-3") && document.querySelector(".story").innerText.includes("[503]")`)
	p.do("close them", chromedp.KeyEvent(kb.Enter))

	// By the keyboard alone: filter, go there, drain, confirm.
	p.do("find web-2", chromedp.KeyEvent("/"), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("web-2"), chromedp.KeyEvent(kb.ArrowDown))
	p.holds("others are hidden", `document.querySelectorAll("tr.row:not([hidden])").length === 1`)
	p.do("ask to drain", chromedp.KeyEvent("d"), chromedp.WaitVisible("#manage"))
	p.picture("manage")
	p.do("confirm", chromedp.KeyEvent(kb.Enter))
	p.holds("web-2 is drained", row("web-2")+`.includes("drain") && !document.getElementById("manage").open && document.activeElement.textContent.includes("web-2")`)
	if !strings.Contains(b.Output(), `"user":"alice"`) || !strings.Contains(b.Output(), `"before":"ready","after":"drain"`) {
		t.Errorf("there is no line of it for the audit:\n%s", b.Output())
	}
	before := web[1].count.Load()
	until := api[0].count.Load() + 20
	b.Until("other requests", func() bool { return api[0].count.Load() > until })
	if n := web[1].count.Load() - before; n > 2 { // what was in flight
		t.Errorf("a drained target was sent %d requests", n)
	}
	p.do("set a weight", chromedp.KeyEvent("w"), chromedp.WaitVisible("#manage"), chromedp.KeyEvent("5"), chromedp.KeyEvent(kb.Enter))
	p.holds("its weight is 5", row("web-2")+`.includes("weight 5")`)

	p.do("details", chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".story"), chromedp.Evaluate(`document.getElementById("filter").value = ""; document.getElementById("filter").dispatchEvent(new Event("input"))`, nil))
	p.holds("the timeline has it", `document.querySelector(".story").innerText.includes("by alice")`)
	p.picture("wide")
	p.looks(1440, 900, "dark")
	p.picture("dark")
	p.looks(375, 812, "light")
	var wide []string
	p.do("look for what is cut off on a narrow screen", chromedp.Evaluate(`[...document.querySelectorAll("html, body *:not(.skip, .sr, .sr *)")].filter(e => e.getBoundingClientRect().right > 375.5 || e.scrollWidth > 376).map(e => e.outerHTML.slice(0, 200))`, &wide))
	if len(wide) > 0 {
		t.Errorf("cut off on a narrow screen: %q", wide)
	}
	p.picture("narrow")
	p.looks(1440, 900, "light")

	p.attack()

	// The process goes and comes back: the page finds it, and asks to sign in again.
	b.Signal(os.Interrupt)
	p.holds("the page notices", `document.getElementById("live").dataset.state === "lost"`)
	b.Wait()
	p.problems = nil // that nobody answered is no fault of the page
	b.site.serve()
	p.do("the door", chromedp.WaitVisible(`input[name="user"]`))

	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		if !strings.Contains(problem, "ERR_") && !strings.Contains(problem, "401") {
			t.Errorf("the browser's console: %s", problem)
		}
	}
}
