package admin

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// pagePolicy lets the page load its own script and style and talk to this listener; nothing
// that is written into the page runs.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

//go:embed page
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"rate":    func(f float64) string { return fmt.Sprintf("%.1f", f) },
	"percent": formatShare,
	"latency": formatLatency,
	"instant": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"window":  func(r telemetry.Report) telemetry.Window { return r.Windows[1] },
	"healthy": healthyTargets,
	"sign":    func(level string) string { return signs[level] },
	"symbol":  func(s targethealth.State) string { return symbols[s] },
}).ParseFS(pageFiles, "page/*.html"))

// symbols tell states apart without colour.
var symbols = map[targethealth.State]string{
	targethealth.Healthy: "●", targethealth.Unhealthy: "▲", targethealth.Initial: "○",
	targethealth.Draining: "◐", targethealth.Unavailable: "■", targethealth.Unused: "–",
}

var signs = map[string]string{LevelBad: "▲", LevelWarning: "◆", LevelNote: "○"}

// pageData is what the templates show.
type pageData struct {
	Stats Stats
	// User is who is signed in, or who tried to.
	User string
	// CSRF is empty for who can change nothing.
	CSRF string
	// Guarded says that there are users.
	Guarded bool
	// Problem is why a sign-in was refused.
	Problem string
}

// page shows the stats as they are; its script keeps them up to date.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	who, ok := s.visit(w, r)
	if !ok {
		return
	}
	data := pageData{User: who.user, Guarded: s.options.Door.Guarded()}
	if data.Guarded && who.user == "" {
		http.Redirect(w, r, signInPath, http.StatusSeeOther)
		return
	}
	if who.session != nil {
		data.CSRF = who.session.CSRF
	}
	data.Stats = statsOf(s.options.Source)
	s.render(w, http.StatusOK, "stats.html", data)
}

func (s *Server) render(w http.ResponseWriter, status int, name string, data pageData) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		s.options.Logger.Error("page cannot be made", slog.Any("error", err))
		plain(w, http.StatusInternalServerError, "page cannot be made")
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a client that left needs no answer
}

// asset answers with one of the page's own files. They are no secret.
func (s *Server) asset(name, kind string) http.HandlerFunc {
	content, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is in the program or is not
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		_, _ = w.Write(content) // a client that left needs no answer
	}
}

// healthyTargets counts the targets of a group that are healthy.
func healthyTargets(g GroupStats) int {
	n := 0
	for i := range g.Targets {
		if g.Targets[i].State == targethealth.Healthy {
			n++
		}
	}
	return n
}

// formatLatency writes milliseconds with as many digits as say something.
func formatLatency(ms float64) string {
	switch {
	case ms == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", ms/1000), "0") + " s"
}
