package demo

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSlow bounds how long /slow waits, in seconds.
	maxSlow = 300
	// maxEvents bounds how many events one /sse stream has.
	maxEvents = 600
	// maxUpload bounds what /upload reads: 1 GiB.
	maxUpload = 1 << 30
)

//go:embed page.html
var pageText string

//go:embed websocket.html
var websocketPage string

var page = template.Must(template.New("page").Parse(pageText))

// Handler returns the application.
func (t *Target) Handler() http.Handler {
	mux := http.NewServeMux()
	// What the rules of local.yaml lead to says who answers, too.
	for _, path := range []string{"/{$}", "/sticky", "/sticky/", "/canary", "/canary/", "/new/"} {
		mux.HandleFunc("GET "+path, t.index)
	}
	mux.HandleFunc("GET /health/{$}", t.health)
	mux.HandleFunc("GET /slow", t.slow)
	mux.HandleFunc("GET /sse", t.events)
	mux.HandleFunc("GET /ws", t.echo)
	mux.HandleFunc("GET /ws.html", t.echoPage)
	mux.HandleFunc("POST /upload", t.upload)
	mux.HandleFunc("PUT /upload", t.upload)
	mux.HandleFunc("/status/{code}", t.status)
	mux.HandleFunc("GET /hangup", t.hangUp)
	mux.HandleFunc("POST /break", t.setBroken(true))
	mux.HandleFunc("POST /mend", t.setBroken(false))
	mux.HandleFunc("POST /stop", t.stop)
	// The control endpoints are within reach of any page that the same browser shows.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health/" {
			t.requests.Add(1)
		}
		w.Header().Set("X-Demo-Target", t.Name)
		guarded.ServeHTTP(w, r)
	})
}

// view is what page.html shows.
type view struct {
	Target   string
	Address  string
	Requests int64
	Method   string
	URI      string
	Protocol string
	Peer     string
	Hue      int
	Broken   bool
	Fields   []field
}

type field struct {
	Name   string
	Values []string
}

// index tells browsers by a page, and everyone else by a line, which target answered.
func (t *Target) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "no-store")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		fmt.Fprintf(w, "%s answers, request %d\n", t.Name, t.requests.Load())
		return
	}
	v := view{
		Target: t.Name, Address: t.Addr.String(), Requests: t.requests.Load(),
		Method: r.Method, URI: r.URL.RequestURI(), Protocol: r.Proto, Peer: r.RemoteAddr,
		Hue: hue(t.Name), Broken: t.broken.Load(),
		Fields: []field{{"Host", []string{r.Host}}},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		v.Fields = append(v.Fields, field{name, r.Header[name]})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, v) // a client that left needs no page
}

// hue gives every target a colour of its own. The golden angle keeps neighbours apart.
func hue(name string) int {
	n := 0
	for _, c := range name {
		n += int(c)
	}
	return n * 137 % 360
}

// Health is the answer of /health/, the contract between applications and whoever watches
// them: what the application depends on, and in which version it runs.
type Health struct {
	// Status is healthy or unhealthy.
	Status   string `json:"status"`
	Database string `json:"database"`
	Cache    string `json:"cache"`
	// Celery is told only to those who ask with ?check_celery=true, because asking the
	// workers takes time that a load balancer's check does not have.
	Celery  string `json:"celery,omitempty"`
	Version string `json:"version"`
	Target  string `json:"target"`
}

func (t *Target) health(w http.ResponseWriter, r *http.Request) {
	h := Health{Status: "healthy", Database: "ok", Cache: "ok", Version: t.version, Target: t.Name}
	if r.URL.Query().Get("check_celery") == "true" {
		h.Celery = "ok"
	}
	code := http.StatusOK
	if t.broken.Load() {
		h.Status, h.Database, code = "unhealthy", "broken by POST /break", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(h) // a client that left needs no answer
}

// slow answers after ?s= seconds.
func (t *Target) slow(w http.ResponseWriter, r *http.Request) {
	seconds, ok := number(w, r, "s", 3, maxSlow)
	if !ok {
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(time.Duration(seconds) * time.Second):
		fmt.Fprintf(w, "%s answers after %d s\n", t.Name, seconds)
	}
}

// events streams one server-sent event a second, ?n= of them.
func (t *Target) events(w http.ResponseWriter, r *http.Request) {
	n, ok := number(w, r, "n", 10, maxEvents)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range n {
		fmt.Fprintf(w, "id: %d\ndata: %s at %s\n\n", i+1, t.Name, time.Now().Format(time.TimeOnly))
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// upload tells the length and the digest of what it was sent.
func (t *Target) upload(w http.ResponseWriter, r *http.Request) {
	digest := sha256.New()
	n, err := io.Copy(digest, http.MaxBytesReader(w, r.Body, maxUpload))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s took %d bytes, sha256 %s\n", t.Name, n, hex.EncodeToString(digest.Sum(nil)))
}

// status answers with the status of its path.
func (t *Target) status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "a status is a number from 200 to 599", http.StatusBadRequest)
		return
	}
	w.WriteHeader(code)
	if code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintf(w, "%s answers %d %s\n", t.Name, code, http.StatusText(code))
	}
}

// hangUp closes the connection without an answer, which a load balancer turns into 502.
func (t *Target) hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// setBroken makes health checks fail, or succeed again; the target serves all the same.
func (t *Target) setBroken(broken bool) http.HandlerFunc {
	said := map[bool]string{true: "fails its health checks until POST /mend", false: "passes its health checks"}[broken]
	return func(w http.ResponseWriter, _ *http.Request) {
		t.broken.Store(broken)
		fmt.Fprintf(w, "%s %s\n", t.Name, said)
	}
}

// stop takes the target away for ?s= seconds.
func (t *Target) stop(w http.ResponseWriter, r *http.Request) {
	seconds, ok := number(w, r, "s", 60, int(maxAbsence/time.Second))
	if !ok {
		return
	}
	w.Header().Set("Connection", "close")
	fmt.Fprintf(w, "%s is gone for %d s\n", t.Name, seconds)
	_ = http.NewResponseController(w).Flush() // who left does not read it
	go t.Leave(time.Duration(seconds) * time.Second)
}

// number reads a query parameter from 0 to most; it answers 400 itself.
func number(w http.ResponseWriter, r *http.Request, key string, otherwise, most int) (int, bool) {
	text := r.URL.Query().Get(key)
	if text == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		http.Error(w, fmt.Sprintf("%s is a number from 0 to %d", key, most), http.StatusBadRequest)
		return 0, false
	}
	return n, true
}
