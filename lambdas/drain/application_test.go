package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

func TestApplicationAnswers(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(status)
			fmt.Fprint(out, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		active  int
		known   bool
	}{
		"idle":          {answer(200, `{"active": 0}`), 0, true},
		"busy":          {answer(200, `{"version": [1], "active": 7}`), 7, true},
		"no number":     {answer(200, `{"active": "none"}`), 0, false},
		"null":          {answer(200, `{"active": null}`), 0, false},
		"negative":      {answer(200, `{"active": -1}`), 0, false},
		"nothing of it": {answer(200, `{}`), 0, false},
		"two documents": {answer(200, `{"active": 0} {"active": 0}`), 0, false},
		"no JSON":       {answer(200, `idle`), 0, false},
		"empty":         {answer(200, ``), 0, false},
		"another 2xx":   {answer(202, `{"active": 0}`), 0, false},
		"not found":     {answer(404, `{"active": 0}`), 0, false},
		"long":          {answer(200, `{"active": 0}`+strings.Repeat(" ", maxAnswer)), 0, false},
		"redirect": {func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/drain/" {
				http.Redirect(out, r, "/elsewhere", http.StatusFound)
				return
			}
			answer(200, `{"active": 0}`)(out, r)
		}, 0, false},
		"cut short": {func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Length", "100")
			fmt.Fprint(out, `{"active": 0}`)
		}, 0, false},
		"other request": {func(out http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.RequestURI != "/drain/?all=1" {
				t.Errorf("asked %s %s", r.Method, r.RequestURI)
			}
			fmt.Fprint(out, `{"active":1}`)
		}, 1, true},
	} {
		for _, start := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
			server := start(test.handler)
			active, known := newHTTPAsker().Active(t.Context(), server.URL, "/drain/?all=1")
			if active != test.active || known != test.known {
				t.Errorf("%s: active %d, known %v, want %d, %v", name, active, known, test.active, test.known)
			}
			server.Close()
		}
	}
}

func TestApplicationThatHangsIsNotKnown(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	began := time.Now()
	if _, known := newHTTPAsker().Active(t.Context(), server.URL, "/drain/"); known {
		t.Error("an answer that never came is known")
	}
	if took := time.Since(began); took < askTimeout || took > 2*askTimeout {
		t.Errorf("waited for %v, want %v", took, askTimeout)
	}
	server.Close()
	if _, known := newHTTPAsker().Active(t.Context(), server.URL, "/drain/"); known {
		t.Error("the answer of nobody is known")
	}
}

// serve has an instance's application answer, and is the scene and the instance, which is held.
func serve(t *testing.T, handler http.HandlerFunc) (*scene, *asgsim.Instance) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	m := webTerms
	m.Endpoint = "/drain/"
	m.Port, _ = strconv.Atoi(port)
	s := newScene(t, m)
	i := s.held()
	s.addresses = map[string]string{i.ID: host}
	return s, i
}

func TestFailure08ApplicationIsAskedUntilItIsIdle(t *testing.T) {
	var asked atomic.Int32
	s, i := serve(t, func(out http.ResponseWriter, _ *http.Request) {
		// Two answers that tell nothing are not three in a row.
		switch n := asked.Add(1); {
		case n == 2 || n == 3 || n == 5 || n == 6:
			http.Error(out, "restarting", http.StatusServiceUnavailable)
		default:
			fmt.Fprintf(out, `{"active":%d}`, max(0, 8-n))
		}
	})
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
	s.wantMetric(spec.MetricDrainCompleted, 1)
	if n := asked.Load(); n != 8 {
		t.Errorf("asked %d times, want 8, the last of them idle", n)
	}
}

func TestFailure08ApplicationIsAskedWhenItsTargetsAreOut(t *testing.T) {
	var asked atomic.Int32
	s, i := serve(t, func(out http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(out, `{"active":0}`)
	})
	s.elsewhere().Register(i)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 50*time.Second)
	if n := asked.Load(); n != 0 || s.called("DescribeInstances") != 0 {
		t.Errorf("asked %d times while a target drains", n)
	}
	s.wantNoEnd()
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestFailure08SilentApplicationIsAskedThrice(t *testing.T) {
	var asked atomic.Int32
	s, i := serve(t, func(out http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(out, r)
	})
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(s.function(), 10*time.Minute) // what counts is in the message
	s.wantEnd(resultContinue)
	if n := asked.Load(); n != maxUnknown {
		t.Errorf("asked %d times, want %d", n, maxUnknown)
	}
}

func TestFailure08BusyApplicationIsHeldToTheMaximum(t *testing.T) {
	s, i := serve(t, func(out http.ResponseWriter, _ *http.Request) { fmt.Fprint(out, `{"active":1}`) })
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, time.Hour)
	e := s.ending()
	if took := e.Ended.Sub(e.Started); took != 15*time.Minute || e.Heartbeats == 0 {
		t.Errorf("held for %v with %d heartbeats, want 15m and some", took, e.Heartbeats)
	}
	s.wantMetric(spec.MetricDrainAbandoned, 1)
}

func TestApplicationOfWhatDoesNotRunIsNotAsked(t *testing.T) {
	s, i := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	s.addresses = nil
	s.handle(s.function(), s.event(i, s.Token(i)))
	s.wantEnd(resultContinue)
}

// TestAddressesUnseen: an API that does not answer says nothing of the application.
func TestAddressesUnseen(t *testing.T) {
	s, i := serve(t, func(out http.ResponseWriter, _ *http.Request) { fmt.Fprint(out, `{"active":0}`) })
	s.fail["DescribeInstances"] = errThrottled
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 5*time.Minute)
	s.wantNoEnd()
	s.fail["DescribeInstances"] = nil
	s.follow(f, 5*time.Minute)
	s.wantEnd(resultContinue)

	s, i = serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	s.fail["DescribeInstances"] = errDenied
	if failed := s.handle(s.function(), s.event(i, s.Token(i))); len(failed) != 1 {
		t.Errorf("messages %v failed, want the one", failed)
	}
	s.wantNoEnd()
}

func TestTermsWantAPortToAsk(t *testing.T) {
	const times = `"heartbeat":"5m0s","maximum":"15m0s","on_timeout":"continue"`
	for metadata, ok := range map[string]bool{
		`{` + times + `,"endpoint":"/drain/","port":8000,"tls":true}`: true,
		`{` + times + `,"endpoint":"/drain/"}`:                        false,
		`{` + times + `,"endpoint":"/drain/","port":65536}`:           false,
		`{` + times + `,"endpoint":"@evil/","port":8000}`:             false,
	} {
		if _, err := readTerms(metadata); (err == nil) != ok {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}
