package admin

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

const (
	// pulseInterval is how often an open page is told what has changed; it is told something
	// each time, so that both ends notice when the other is gone.
	pulseInterval = time.Second
	// maxStreams bounds the pages that are open at once.
	maxStreams = 32
	// streamBuffer is how many events may wait for a reader; one that is further behind is
	// cut off, and comes back for the whole.
	streamBuffer = 4
	// streamWriteTimeout bounds one event on its way.
	streamWriteTimeout = 10 * time.Second
)

// hub makes events while somebody listens, once for all of them.
type hub struct {
	source Source
	logger *slog.Logger

	mu      sync.Mutex
	streams map[*stream]struct{}
	running bool
	// ended is closed with the hub.
	ended chan struct{}
}

func newHub(source Source, logger *slog.Logger) *hub {
	return &hub{source: source, logger: logger, streams: map[*stream]struct{}{}, ended: make(chan struct{})}
}

// closed reports whether there will be no more events.
func (h *hub) closed() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

// stream is one open page.
type stream struct {
	events chan []byte
	// whole says that it has been sent the whole of the stats.
	whole bool
}

// join returns a new stream, or nil when there are too many.
func (h *hub) join() *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed() || len(h.streams) >= maxStreams {
		return nil
	}
	st := &stream{events: make(chan []byte, streamBuffer)}
	h.streams[st] = struct{}{}
	if !h.running {
		h.running = true
		go h.run()
	}
	return st
}

func (h *hub) leave(st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(st)
}

// drop ends a stream. h.mu is held.
func (h *hub) drop(st *stream) {
	if _, there := h.streams[st]; there {
		delete(h.streams, st)
		close(st.events)
	}
}

// close ends all streams, for good.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed() {
		close(h.ended)
	}
	for st := range h.streams {
		h.drop(st)
	}
}

// run sends events until nobody listens any more.
func (h *hub) run() {
	tick := time.NewTicker(pulseInterval)
	defer tick.Stop()
	var p pulses
	for h.send(&p) {
		select {
		case <-tick.C:
		case <-h.ended:
			return
		}
	}
}

// send tells everybody what has changed; it returns false when there is nobody.
func (h *hub) send(p *pulses) bool {
	stats := statsOf(h.source)
	pulse, same := p.next(&stats)
	news, err := event("pulse", pulse)
	if err != nil {
		h.logger.Error("event cannot be encoded", slog.Any("error", err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) == 0 {
		h.running = false
		return false
	}
	var whole []byte
	for st := range h.streams {
		next := news
		if !st.whole || !same {
			if whole == nil {
				if whole, err = event("whole", stats); err != nil {
					h.logger.Error("event cannot be encoded", slog.Any("error", err))
				}
			}
			next, st.whole = whole, true
		}
		select {
		case st.events <- next:
		default:
			h.drop(st)
		}
	}
	return true
}

// event is one event as it goes out. JSON has no newlines of its own.
func event(name string, document any) ([]byte, error) {
	body, err := json.Marshal(document)
	return slices.Concat([]byte("event: "+name+"\ndata: "), body, []byte("\n\n")), err
}

// pulse is what has changed since the event before.
type pulse struct {
	Time           time.Time     `json:"time"`
	Draining       bool          `json:"draining"`
	Reloads        Reloads       `json:"reloads"`
	Connections    int64         `json:"connections"`
	MaxConnections int64         `json:"max_connections"`
	TargetGroups   []GroupStats  `json:"target_groups"` // without their targets
	Problems       []Problem     `json:"problems"`
	Targets        []targetPulse `json:"targets"`
}

// targetPulse is a target that is not as it was. It is told by its place in the whole.
type targetPulse struct {
	Group  int             `json:"group"`
	Target int             `json:"target"`
	Now    json.RawMessage `json:"now"`
	// Point is the newest step of the series, when there is one: requests, errors, p95_ms.
	Point []float64 `json:"point,omitempty"`
	// Timeline is there when it has changed.
	Timeline []telemetry.Transition `json:"timeline,omitempty"`
}

// pulses remembers what was said last.
type pulses struct {
	names []string
	last  map[[2]int]*said
}

type said struct {
	now   []byte
	steps int
	turns int
	turn  time.Time
}

// next makes the pulse that tells what has changed, and reports whether the same groups and
// targets are there as before: if not, only the whole will do.
func (p *pulses) next(stats *Stats) (out *pulse, same bool) {
	names := namesOf(stats)
	same = slices.Equal(names, p.names)
	if !same {
		p.names, p.last = names, map[[2]int]*said{}
	}
	out = &pulse{
		Time: stats.Time, Draining: stats.Draining, Reloads: stats.Reloads,
		Connections: stats.Connections, MaxConnections: stats.MaxConnections, Problems: stats.Problems,
		Targets: []targetPulse{},
	}
	for i, g := range stats.TargetGroups {
		for j := range g.Targets {
			if t, changed := p.target([2]int{i, j}, &g.Targets[j]); changed {
				out.Targets = append(out.Targets, t)
			}
		}
		g.Targets = nil
		out.TargetGroups = append(out.TargetGroups, g)
	}
	return out, same
}

func (p *pulses) target(at [2]int, t *TargetStats) (targetPulse, bool) {
	now, _ := json.Marshal(t.TargetNow) // nothing in it can fail that the whole does not report
	was := p.last[at]
	is := &said{now: now, steps: t.Series.Steps, turns: len(t.Timeline)}
	if is.turns > 0 {
		is.turn = t.Timeline[is.turns-1].Time
	}
	p.last[at] = is
	out := targetPulse{Group: at[0], Target: at[1], Now: now}
	if was == nil {
		return out, false // it goes with the whole
	}
	changed := !bytes.Equal(was.now, now)
	if last := len(t.Series.Requests) - 1; is.steps != was.steps && last >= 0 {
		changed = true
		out.Point = []float64{float64(t.Series.Requests[last]), float64(t.Series.Errors[last]), t.Series.P95[last]}
	}
	if is.turns != was.turns || !is.turn.Equal(was.turn) {
		changed = true
		out.Timeline = t.Timeline
	}
	return out, changed
}

// namesOf tells which groups and targets there are, and in which order.
func namesOf(stats *Stats) []string {
	names := []string{}
	for i := range stats.TargetGroups {
		g := &stats.TargetGroups[i]
		names = append(names, "group", g.ARN, g.Name, g.Protocol, g.Algorithm)
		for j := range g.Targets {
			names = append(names, "target", g.Targets[j].Address, g.Targets[j].ID)
		}
	}
	return names
}

// events streams what changes to an open page, as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request, who visitor) {
	if r.Header.Get("Sec-Fetch-Dest") == "document" {
		plain(w, http.StatusNotAcceptable, "this is for the page's script")
		return
	}
	st := s.hub.join()
	if st == nil {
		w.Header().Set("Retry-After", "30")
		plain(w, http.StatusServiceUnavailable, "too many pages are open, or the process is shutting down")
		return
	}
	defer s.hub.leave(st)
	answer := http.NewResponseController(w)
	_ = answer.SetReadDeadline(time.Time{}) // the server's is for requests; this one stays open
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	_ = answer.Flush() // whoever does not get it will not get the first event either
	for {
		select {
		case <-r.Context().Done():
			return
		case event, open := <-st.events:
			if !open || !s.stillIn(r, who) {
				return
			}
			_ = answer.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
			if _, err := w.Write(event); err != nil || answer.Flush() != nil {
				return
			}
		}
	}
}

// stillIn reports whether the stream's session has not ended meanwhile. A script that gave a
// password is in for as long as its connection lives; so is anybody where there are no users.
func (s *Server) stillIn(r *http.Request, who visitor) bool {
	if who.session == nil {
		return (who.user != "") == s.options.Door.Guarded()
	}
	return s.options.Door.Session(sessionID(r)) == who.session
}
