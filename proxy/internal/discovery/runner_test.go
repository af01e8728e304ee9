package discovery_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/evenkeel/evenkeel/proxy/internal/discovery"
)

// script is a server that answers at once, without a socket, and a runner that asks it.
type script struct {
	*discovery.Runner
	log bytes.Buffer

	mu    sync.Mutex
	a     discovery.Answer
	err   error
	full  error // what Found says
	asked []time.Time
	found map[string][][]string
}

func newScript(t *testing.T) *script {
	s := &script{found: map[string][][]string{}}
	s.Runner = discovery.NewRunner(discovery.Options{
		Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
		Found: func(group string, targets []discovery.Target) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.full == nil {
				s.found[group] = append(s.found[group], text(targets))
			}
			return s.full
		},
		Ask: func(_ context.Context, _ string, q discovery.Question) (discovery.Answer, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if q.Type != dnsmessage.TypeA {
				if s.err != nil && !errors.Is(s.err, discovery.ErrNone) {
					return discovery.Answer{}, s.err
				}
				return discovery.Answer{}, discovery.ErrNone
			}
			s.asked = append(s.asked, time.Now())
			return s.a, s.err
		},
	})
	t.Cleanup(s.Close)
	return s
}

// apply looks up what is wanted, and waits until it has once.
func (s *script) apply(t *testing.T, wanted map[string]discovery.Query) {
	p := s.Prepare(wanted)
	p.Wait(t.Context())
	p.Commit()
}

// say makes addresses the answer.
func (s *script) say(ttl time.Duration, list ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.a, s.err = discovery.Answer{TTL: ttl}, nil
	for _, a := range list {
		s.a.Addresses = append(s.a.Addresses, netip.MustParseAddr(a))
	}
}

func (s *script) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.a, s.err = discovery.Answer{}, err
}

// told is what was found for a group so far.
func (s *script) told(group string) [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.found[group])
}

// times tells how long after each other it was asked, and forgets.
func (s *script) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []time.Duration
	for i := 1; i < len(s.asked); i++ {
		list = append(list, s.asked[i].Sub(s.asked[i-1]))
	}
	s.asked = nil
	return list
}

var web = map[string]discovery.Query{"web": {Name: "web.test", Port: 80, Resolvers: []string{"192.0.2.1:53"}}}

func TestAnswersLiveAsLongAsTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.say(30*time.Second, "10.0.0.1")
		s.apply(t, web)
		time.Sleep(5 * time.Minute)
		times := s.times()
		if len(times) < 8 || len(times) > 10 {
			t.Errorf("asked %d times in 5 minutes", len(times))
		}
		for _, d := range times {
			if d < 30*time.Second || d > 33*time.Second {
				t.Errorf("asked again after %v", d)
			}
		}
		s.say(2*time.Second, "10.0.0.1")
		time.Sleep(33 * time.Second)
		s.times()
		time.Sleep(22 * time.Second)
		if n := len(s.times()); n < 9 || n > 11 {
			t.Errorf("asked %d times in 22 seconds", n)
		}
		if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}}, s.told("web")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyOtherTargetsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.apply(t, web)
		for _, list := range [][]string{{"10.0.0.1", "10.0.0.2"}, {"10.0.0.2", "10.0.0.1"}, {"10.0.0.2", "10.0.0.1", "10.0.0.2"}, {"10.0.0.2"}, {"10.0.0.2"}} {
			s.say(time.Second, list...)
			time.Sleep(3 * time.Second)
		}
		if diff := cmp.Diff([][]string{{"10.0.0.1:80 1", "10.0.0.2:80 1"}, {"10.0.0.2:80 1"}}, s.told("web")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFailuresKeepWhatIsKnown(t *testing.T) {
	for name, failure := range map[string]error{"nothing there": discovery.ErrNone, "down": errors.New("i/o timeout")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t)
				defer s.Close()
				s.say(time.Second, "10.0.0.1")
				s.apply(t, web)
				time.Sleep(1500 * time.Millisecond)
				answered := time.Now()
				s.fail(failure)
				time.Sleep(time.Hour)
				if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}}, s.told("web")); diff != "" {
					t.Error(diff)
				}
				state, _ := s.State("web")
				if !strings.Contains(state.Error, failure.Error()) || !state.Answered.Before(answered) || state.Name != "web.test" {
					t.Errorf("%+v", state)
				}
				if n := len(s.times()); n < 100 || n > 250 {
					t.Errorf("asked %d times in an hour", n)
				}
				s.say(time.Second, "10.0.0.2")
				time.Sleep(time.Minute)
				if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}, {"10.0.0.2:80 1"}}, s.told("web")); diff != "" {
					t.Error(diff)
				}
				if state, _ := s.State("web"); state.Error != "" || state.Answered.Before(answered) {
					t.Errorf("%+v", state)
				}
				s.Close()
				for _, line := range []string{"discovery fails", "discovery works again"} {
					if n := strings.Count(s.log.String(), line); n != 1 {
						t.Errorf("%q is logged %d times:\n%s", line, n, s.log.String())
					}
				}
			})
		})
	}
}

func TestReloadKeepsWhatIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.say(time.Hour, "10.0.0.1")
		s.apply(t, web)
		s.apply(t, map[string]discovery.Query{"web": web["web"], "api": {Name: "api.test", Port: 81, Resolvers: []string{"192.0.2.1:53"}}})
		if diff := cmp.Diff([][][]string{{{"10.0.0.1:80 1"}}, {{"10.0.0.1:81 1"}}}, [][][]string{s.told("web"), s.told("api")}); diff != "" {
			t.Error(diff)
		}
		changed := web["web"]
		changed.Port = 8080
		s.apply(t, map[string]discovery.Query{"web": changed})
		if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}, {"10.0.0.1:8080 1"}}, s.told("web")); diff != "" {
			t.Error(diff)
		}
		if _, ok := s.State("api"); ok {
			t.Error("api is still looked up")
		}
		s.times()
		s.apply(t, nil)
		time.Sleep(3 * time.Hour)
		if n := len(s.times()); n > 0 {
			t.Errorf("asked %d times for nobody", n)
		}
	})
}

func TestWaitIsForTheFirstOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.fail(errors.New("down"))
		s.apply(t, web) // a failure is an outcome
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := discovery.NewRunner(discovery.Options{Ask: func(ctx context.Context, _ string, _ discovery.Question) (discovery.Answer, error) {
			<-ctx.Done()
			return discovery.Answer{}, ctx.Err()
		}})
		defer r.Close()
		p := r.Prepare(web)
		began := time.Now()
		p.Wait(ctx)
		if d := time.Since(began); d != time.Second {
			t.Errorf("waited for %v", d)
		}
	})
}

// TestNothingIsToldBeforeItCounts: what a plan looks up is nobody's before it is committed, and
// one that is discarded leaves what was.
func TestNothingIsToldBeforeItCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.say(time.Second, "10.0.0.1")
		s.apply(t, web)
		other := web["web"]
		other.Name, other.Port = "other.test", 81
		p := s.Prepare(map[string]discovery.Query{"web": other})
		p.Wait(t.Context())
		time.Sleep(time.Minute)
		p.Discard()
		s.say(time.Second, "10.0.0.2")
		time.Sleep(time.Minute)
		want := [][]string{{"10.0.0.1:80 1"}, {"10.0.0.2:80 1"}}
		if diff := cmp.Diff(want, s.told("web")); diff != "" {
			t.Error(diff)
		}
		p = s.Prepare(map[string]discovery.Query{"web": other})
		p.Wait(t.Context())
		s.say(time.Second, "10.0.0.3")
		time.Sleep(time.Minute)
		p.Commit() // tells what is true by now
		p.Discard()
		s.say(time.Second, "10.0.0.4")
		time.Sleep(time.Minute)
		want = append(want, []string{"10.0.0.3:80 1"}, []string{"10.0.0.3:81 1"}, []string{"10.0.0.4:81 1"})
		if diff := cmp.Diff(want, s.told("web")); diff != "" {
			t.Error(diff)
		}
		if state, _ := s.State("web"); state.Name != "other.test" {
			t.Errorf("%s is looked up", state.Name)
		}
	})
}

// TestPlansThatCross: each is made from what was there before the other.
func TestPlansThatCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.say(time.Second, "10.0.0.1")
		s.apply(t, web)
		same, without := s.Prepare(web), s.Prepare(nil)
		without.Commit()
		if _, ok := s.State("web"); ok {
			t.Fatal("web is still looked up")
		}
		same.Commit()
		s.say(time.Second, "10.0.0.2")
		time.Sleep(time.Minute)
		first, second := s.Prepare(map[string]discovery.Query{"api": web["web"]}), s.Prepare(map[string]discovery.Query{"api": web["web"]})
		first.Commit()
		second.Commit()
		s.times()
		time.Sleep(time.Minute)
		if n := len(s.times()); n > 60 {
			t.Errorf("asked %d times in a minute, so by two", n)
		}
		if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}, {"10.0.0.2:80 1"}}, s.told("web")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestWhatCannotBeTakenIsTriedAgain: an answer that Found refuses leaves what is known.
func TestWhatCannotBeTakenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		defer s.Close()
		s.say(time.Second, "10.0.0.1")
		s.apply(t, web)
		full := func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.full = err
		}
		full(errors.New("too many"))
		s.say(time.Second, "10.0.0.2")
		time.Sleep(time.Minute)
		state, _ := s.State("web")
		if state.Error != "too many" || state.Failed == 0 {
			t.Errorf("%+v", state)
		}
		full(nil)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([][]string{{"10.0.0.1:80 1"}, {"10.0.0.2:80 1"}}, s.told("web")); diff != "" {
			t.Error(diff)
		}
		now, _ := s.State("web")
		if now.Error != "" || now.Failed != state.Failed || now.Succeeded <= state.Succeeded {
			t.Errorf("%+v", now)
		}
	})
}

func TestCloseEndsPlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := discovery.NewRunner(discovery.Options{Ask: func(ctx context.Context, _ string, _ discovery.Question) (discovery.Answer, error) {
			<-ctx.Done()
			return discovery.Answer{}, ctx.Err()
		}})
		p := r.Prepare(web)
		r.Close()
		p.Wait(t.Context())
		p.Commit()
		r.Prepare(web).Commit()
		if _, ok := r.State("web"); ok {
			t.Error("a runner that is closed looks up")
		}
	})
}
