// Package admin serves the operator: a page, metrics, health, status and reload, on a listener
// of its own.
//
// The page wants a sign-in when there are users, and changes nothing when there are none.
// Metrics, health, status and reload have no passwords, so the listener is meant for the
// loopback interface or a management network; what a browser on such a network could be tricked
// into is refused: requests for a foreign host name (DNS rebinding) and POSTs that another
// site's page sent.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/proxy/internal/signin"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout leaves room for reloadTimeout and the answer.
	writeTimeout = 30 * time.Second
	idleTimeout  = 60 * time.Second
	// reloadTimeout bounds a reload; who asked may have left, it is finished all the same.
	reloadTimeout = 20 * time.Second

	maxHeaderBytes = 16 << 10
	// maxBodyBytes bounds request bodies, which are small forms if anything.
	maxBodyBytes = 4 << 10
	// maxConnections bounds the memory that clients of the admin listener can take up.
	maxConnections = 128
)

// Source is what the admin listener reports on. Its methods may be called at once from
// several goroutines.
type Source interface {
	Status() Status
	// Stats is asked once a second while a page is open.
	Stats() Stats
	// Order carries out what a user asks for and returns what applied before and does now.
	Order(o Order) (Change, error)
	// SignedIn is told of sign-ins that were tried.
	SignedIn(ok bool)
	// Ready reports whether at least one target group is able to serve and the process is
	// not shutting down.
	Ready() bool
	// Aggregate answers a request for the document of all targets' health.
	Aggregate(method string) *aggregate.Answer
	NginxStatus() NginxStatus
	// Reload reads the environment file again. An error lists what is wrong with it, and
	// nothing has changed then.
	Reload(ctx context.Context) error
	// Purge drops what edge.cache keeps for a path, or with an asterisk at its end for all that
	// begin so, and returns how many answers that were. An error says what is wrong with the path.
	Purge(path string) (int, error)
}

// Options of New.
type Options struct {
	// Listen is host:port. Its host, when it is a name, is one that requests may be for,
	// beside localhost and every IP address.
	Listen string
	Source Source
	// NginxStatusAllow tells which addresses GET /nginx_status answers; nil for none.
	NginxStatusAllow func(netip.Addr) bool
	// Door has the users of the page. The default has none: the page changes nothing then.
	Door *signin.Door
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Logger is told of reloads and of broken requests. The default discards.
	Logger *slog.Logger
}

// Server is the admin listener.
type Server struct {
	options Options
	http    *http.Server
	hub     *hub
}

// New returns a server that does not listen yet.
func New(options Options) *Server {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Door == nil {
		options.Door = signin.New()
	}
	s := &Server{options: options, hub: newHub(options.Source, options.Logger)}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(s.hub.close)
	return s
}

// Serve answers requests on ln until Shutdown, and returns nil then.
func (s *Server) Serve(ln net.Listener) error {
	err := s.http.Serve(netutil.LimitListener(ln, maxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("admin listener: %w", err)
}

// Shutdown stops listening and waits for the requests in progress, or for ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// Handler returns what the server answers with, guards included.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /stats;json", s.insiders(s.stats))
	mux.HandleFunc("GET /stats;csv", s.insiders(s.statsCSV))
	mux.HandleFunc("GET /nginx_status", s.nginxStatus)
	mux.HandleFunc("GET "+pagePath, s.page)
	mux.HandleFunc("GET /stats/page.css", s.asset("page.css", "text/css"))
	for _, script := range []string{"page.js", "attention.js", "elements.js", "numbers.js", "pictures.js"} {
		mux.HandleFunc("GET /stats/"+script, s.asset(script, "text/javascript"))
	}
	mux.HandleFunc("GET /stats/events", s.insiders(s.events))
	mux.HandleFunc("POST /stats/target", s.changers(s.order))
	mux.HandleFunc("POST "+purgePath, s.changers(s.purge))
	mux.HandleFunc("GET "+signInPath, s.signInForm)
	mux.HandleFunc("POST "+signInPath, s.signIn)
	mux.HandleFunc("POST /stats/sign-out", s.changers(s.signOut))
	mux.HandleFunc("POST /reload", s.reload)
	mux.HandleFunc(spec.AggregatePath, s.aggregate)
	if s.options.Metrics != nil {
		mux.Handle("GET /metrics", s.options.Metrics)
	}
	guarded := http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, maxBodyBytes))
	return withSecurityHeaders(onlyOwnHost(hostOf(s.options.Listen), guarded))
}

// indexPage names the endpoints. It holds nothing that comes from anywhere else.
const indexPage = `<!doctype html>
<html lang="en">
<title>evenkeel admin</title>
<h1>evenkeel</h1>
<ul>
<li><a href="/stats">/stats</a>: the page: live states, rates and latencies of all targets
<li><a href="/status">/status</a>: listeners, target groups and targets as JSON
<li><a href="/stats;json">/stats;json</a>: the same with rates, latencies and the past of each target
<li><a href="/stats;csv">/stats;csv</a>: what HAProxy's monitors read
<li><a href="/nginx_status">/nginx_status</a>: what nginx's monitors read
<li><a href="/metrics">/metrics</a>: metrics for Prometheus
<li><a href="/health/aggregate">/health/aggregate</a>: the health of all target groups; 200, or 503 when the service is down
<li><a href="/healthz">/healthz</a>: 200 while the process lives
<li><a href="/readyz">/readyz</a>: 200 while a target group can serve, else 503
<li>POST /reload: read the environment file again; 204, or 422 and what is wrong with it
</ul>
</html>
`

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, indexPage) // a client that left needs no answer
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.options.Source.Ready() {
		plain(w, http.StatusServiceUnavailable, "not ready: no target group is able to serve, or the process is shutting down")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func (s *Server) aggregate(w http.ResponseWriter, r *http.Request) {
	answer := s.options.Source.Aggregate(r.Method)
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.Status)
	if _, err := w.Write(answer.Body); err != nil {
		s.options.Logger.Debug("admin answer", slog.Any("error", err))
	}
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	status := s.options.Source.Status()
	// Readers of JSON want a list where there is none, not null.
	status.Listeners = append([]Listener{}, status.Listeners...)
	status.TargetGroups = append([]TargetGroup{}, status.TargetGroups...)
	s.json(w, status)
}

func (s *Server) stats(w http.ResponseWriter, _ *http.Request, _ visitor) {
	stats := statsOf(s.options.Source)
	stats.Listeners = append([]Listener{}, stats.Listeners...)
	stats.TargetGroups = append([]GroupStats{}, stats.TargetGroups...)
	s.json(w, stats)
}

// statsOf asks for the stats and looks at them.
func statsOf(source Source) Stats {
	stats := source.Stats()
	stats.Problems = problemsOf(&stats)
	return stats
}

// json answers with a document.
func (s *Server) json(w http.ResponseWriter, document any) {
	body, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		s.options.Logger.Error("answer cannot be encoded", "error", err)
		plain(w, http.StatusInternalServerError, "answer cannot be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reloadTimeout)
	defer cancel()
	if err := s.options.Source.Reload(ctx); err != nil {
		s.options.Logger.Warn("reload was refused", "client", r.RemoteAddr, "error", err)
		plain(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	s.options.Logger.Info("reloaded on request", "client", r.RemoteAddr)
	w.WriteHeader(http.StatusNoContent)
}

// plain answers with one text and a newline.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that left needs no answer
}
