package aggregate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
)

// well is the report of an application that is.
const well = `{"status": "ok", "database": true, "cache": true, "celery": true, "version": "1"}`

// pipes connects to targets that live in the test's bubble. The port of an address says how
// one behaves: 80 answers, 81 takes the request and hangs, 82 lets nobody connect.
func pipes(open, most *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if port == "82" {
			<-ctx.Done()
			open.Add(-1)
			return nil, ctx.Err()
		}
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			request, err := http.ReadRequest(bufio.NewReader(far))
			if err != nil {
				return
			}
			if port == "81" {
				_, _ = io.Copy(io.Discard, far) // until the other side gives up
				return
			}
			time.Sleep(20 * time.Millisecond)
			answer := &http.Response{
				StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: request,
				ContentLength: int64(len(well)), Body: io.NopCloser(strings.NewReader(well)),
			}
			_ = answer.Write(far)
		}()
		return &pipe{Conn: near, open: open}, nil
	}
}

// pipe is counted until it is closed.
type pipe struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (p *pipe) Close() error {
	p.once.Do(func() { p.open.Add(-1) })
	return p.Conn.Close()
}

// crowd makes n endpoints, of which some hang and some cannot be reached.
func crowd(n, hang, unreachable int) []aggregate.Endpoint {
	list := make([]aggregate.Endpoint, n)
	for i := range list {
		port := 80
		// Spread, so that they meet every worker.
		switch {
		case hang > 0 && i%(n/hang) == 0:
			port = 81
		case unreachable > 0 && i%(n/unreachable) == 1:
			port = 82
		}
		list[i] = aggregate.Endpoint{Address: fmt.Sprintf("10.0.%d.%d:%d", i/250, i%250, port)}
	}
	return list
}

func outcomes(results []aggregate.Result) map[aggregate.Outcome]int {
	n := map[aggregate.Outcome]int{}
	for _, r := range results {
		n[r.Outcome]++
	}
	return n
}

// TestRoundEndsInTime is by the fake clock: however many hang, a round takes no longer than
// CheckRound, and twice CheckParallel targets are all done by then.
func TestRoundEndsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		endpoints []aggregate.Endpoint
		want      map[aggregate.Outcome]int
		most      time.Duration
	}{
		"1,000 of which 100 hang":              {crowd(1000, 100, 0), map[aggregate.Outcome]int{"passed": 900, "timed_out": 100}, aggregate.CheckRound / 2},
		"100 hang and 100 cannot be reached":   {crowd(1000, 100, 100), map[aggregate.Outcome]int{"passed": 800, "timed_out": 100, "no_answer": 100}, aggregate.CheckRound / 2},
		"1,000 that all hang":                  {crowd(1000, 1000, 0), map[aggregate.Outcome]int{"timed_out": 1000}, aggregate.CheckRound},
		"more than there is time for":          {crowd(1500, 1500, 0), map[aggregate.Outcome]int{"timed_out": 1024, "not_asked": 476}, aggregate.CheckRound},
		"none":                                 {nil, map[aggregate.Outcome]int{}, 0},
		"one, which takes no longer than that": {crowd(1, 0, 0), map[aggregate.Outcome]int{"passed": 1}, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open, most atomic.Int64
				checker := aggregate.NewChecker("/health/?check_celery=true", pipes(&open, &most))
				begun := time.Now()
				results := checker.Check(t.Context(), c.endpoints)
				if took := time.Since(begun); took > c.most {
					t.Errorf("took %v, want at most %v", took, c.most)
				}
				if diff := cmp.Diff(c.want, outcomes(results)); diff != "" {
					t.Error(diff)
				}
				if n := most.Load(); n > aggregate.CheckParallel {
					t.Errorf("%d connections at once, at most %d", n, aggregate.CheckParallel)
				}
				synctest.Wait()
				if n := open.Load(); n != 0 {
					t.Errorf("%d connections are left", n)
				}
			})
		})
	}
}

// TestRoundEndsWithItsInvocation: what the deadline of another leaves is not blamed on targets.
func TestRoundEndsWithItsInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, most atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		results := aggregate.NewChecker("/", pipes(&open, &most)).Check(ctx, crowd(10, 5, 0))
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
		if diff := cmp.Diff(map[aggregate.Outcome]int{"passed": 5, "not_asked": 5}, outcomes(results)); diff != "" {
			t.Error(diff)
		}
		synctest.Wait()
	})
}

// TestOutcomes is by real sockets.
func TestOutcomes(t *testing.T) {
	mux := http.NewServeMux()
	serve := func(path string, status int, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/well")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	serve("/well", 200, well)
	serve("/impaired", 200, `{"status": "ok", "cache": false}`)
	serve("/degraded", 200, `{"status": "degraded"}`)
	serve("/failing", 503, `{"status": "error", "database": "OperationalError", "cache": "ok"}`)
	serve("/says-no", 200, `{"status": "error"}`)
	serve("/contradiction", 500, well)
	serve("/page", 200, `<html>`)
	serve("/error-page", 502, `<html>`)
	serve("/redirect", 302, ``)
	serve("/endless", 200, strings.Repeat(" ", 1<<20)+well)
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, well[:10])
	})
	mux.HandleFunc("/closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/large-head", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Pad", strings.Repeat("x", 64<<10)) })
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.Header.Get("User-Agent") != "evenkeel-health/1" || r.URL.RawQuery != "check_celery=true" || r.Header.Get("Accept") != "application/json" {
			w.WriteHeader(400)
			return
		}
		fmt.Fprint(w, well)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := server.Listener.Addr().String()
	for path, want := range map[string]aggregate.Result{
		"/well": {Outcome: aggregate.Passed, Status: 200}, "/impaired": {Outcome: aggregate.Impaired, Status: 200}, "/degraded": {Outcome: aggregate.Impaired, Status: 200},
		"/failing": {Outcome: aggregate.Failing, Status: 503}, "/says-no": {Outcome: aggregate.Failing, Status: 200}, "/contradiction": {Outcome: aggregate.Failing, Status: 500},
		"/page": {Outcome: aggregate.NoReport, Status: 200}, "/error-page": {Outcome: aggregate.BadStatus, Status: 502}, "/redirect": {Outcome: aggregate.BadStatus, Status: 302},
		"/endless": {Outcome: aggregate.NoReport, Status: 200}, "/cut": {Outcome: aggregate.NoAnswer, Status: 200}, "/closed": {Outcome: aggregate.NoAnswer},
		"/large-head": {Outcome: aggregate.NoAnswer}, "/missing": {Outcome: aggregate.BadStatus, Status: 404}, "/who?check_celery=true": {Outcome: aggregate.Passed, Status: 200},
	} {
		got := aggregate.NewChecker(path, nil).Check(t.Context(), []aggregate.Endpoint{{Address: address}})[0]
		if got.Outcome != want.Outcome || got.Status != want.Status || (got.Report != nil) != (got.Outcome == aggregate.Passed || got.Outcome == aggregate.Impaired || got.Outcome == aggregate.Failing) {
			t.Errorf("%s: %+v, want %s %d", path, got, want.Outcome, want.Status)
		}
	}
	server.Close()
	if got := aggregate.NewChecker("/well", nil).Check(t.Context(), []aggregate.Endpoint{{Address: address}, {Address: "no address"}}); got[0].Outcome != aggregate.NoAnswer || got[1].Outcome != aggregate.NoAnswer {
		t.Errorf("nobody listens: %+v", got)
	}
}

// TestProtocols: certificates are not verified, and HTTP/2 is spoken where the group says so.
func TestProtocols(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"version": %q}`, r.Proto)
	})
	for _, c := range []struct{ tls, http2 bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		server := httptest.NewUnstartedServer(handler)
		server.Config.Protocols = &http.Protocols{}
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[c.http2]
		if c.tls {
			server.Config.Protocols.SetHTTP2(true)
			server.EnableHTTP2 = true
			server.StartTLS()
		} else {
			server.Start()
		}
		e := aggregate.Endpoint{Address: server.Listener.Addr().String(), TLS: c.tls, HTTP2: c.http2}
		got := aggregate.NewChecker("/", nil).Check(t.Context(), []aggregate.Endpoint{e})[0]
		if got.Outcome != aggregate.Passed || got.Report.Version != want {
			t.Errorf("%+v: %+v, want %s", e, got, want)
		}
		server.Close()
	}
}

// TestManyAtOnce is by real sockets, of which some never answer. How long rounds take is
// for the fake clock.
func TestManyAtOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, well) }))
	defer server.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	endpoints := make([]aggregate.Endpoint, 300)
	for i := range endpoints {
		endpoints[i].Address = server.Listener.Addr().String()
		if i%10 == 0 {
			endpoints[i].Address = silent.Addr().String()
		}
	}
	results := aggregate.NewChecker("/", nil).Check(t.Context(), endpoints)
	if diff := cmp.Diff(map[aggregate.Outcome]int{"passed": 270, "timed_out": 30}, outcomes(results)); diff != "" {
		t.Error(diff)
	}
}
