package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestMessageGivesWayToOneDueLater(t *testing.T) {
	now := simulationStart
	flight := Drain{Instance: "i-1", Token: "t", Started: now, Due: now.Add(time.Minute)}
	for name, test := range map[string]struct {
		d    Drain
		want bool
	}{
		"the event again":      {Drain{Instance: "i-1", Token: "t", Started: now}, true},
		"EventBridge's copy":   {Drain{Instance: "i-1", Token: "t", Started: now.Add(-500 * time.Millisecond)}, true},
		"found by schedule":    {Drain{Instance: "i-1", Started: now.Add(time.Hour)}, true},
		"another step":         {Drain{Instance: "i-1", Token: "t", Started: now, Due: now}, true},
		"itself":               {flight, false},
		"another hold":         {Drain{Instance: "i-1", Token: "u", Started: now.Add(time.Hour)}, false},
		"another instance":     {Drain{Instance: "i-2", Token: "t", Started: now}, false},
		"one that began first": {Drain{Instance: "i-1", Token: "t", Started: now.Add(-time.Minute)}, false},
		"one that ends first":  {Drain{Instance: "i-1", Started: now, By: now.Add(2 * time.Minute)}, false},
	} {
		m := newMemory()
		m.sent(&flight, now)
		if got := m.isElsewhere(&test.d, now); got != test.want {
			t.Errorf("%s: elsewhere %v, want %v", name, got, test.want)
		}
		if m.isElsewhere(&test.d, flight.Due) {
			t.Errorf("%s: gave way to a message that is due", name)
		}
	}
}

func TestBetterMessageIsRemembered(t *testing.T) {
	now := simulationStart
	m := newMemory()
	first := Drain{Instance: "i-1", Token: "t", Started: now, Due: now.Add(time.Minute)}
	found := Drain{Instance: "i-1", Started: now.Add(30 * time.Second), Due: now.Add(90 * time.Second)}
	m.sent(&first, now)
	m.sent(&found, now)
	if got := m.flights["i-1"]; got != first {
		t.Errorf("remembers %+v, want that with the token", got)
	}
	m.sent(&found, now.Add(time.Minute)) // the first is overdue
	if got := m.flights["i-1"]; got != found {
		t.Errorf("remembers %+v, want that on its way", got)
	}
	m.forget(now.Add(time.Hour))
	m.end(&first, now)
	if len(m.flights) != 0 || !m.hasEnded("i-1", now) || m.hasEnded("i-1", now.Add(endedAge)) || m.hasEnded("i-2", now) {
		t.Errorf("remembers %+v", m)
	}
	m.forget(now.Add(time.Hour))
	if len(m.ended) != 0 {
		t.Errorf("does not forget %+v", m.ended)
	}
}

func TestEndIsNewsOnce(t *testing.T) {
	m := newMemory()
	now := simulationStart
	for i, test := range []struct {
		token string
		want  bool
	}{{"a", true}, {"a", false}, {"", false}, {"b", false}, {"c", true}} {
		if got := m.end(&Drain{Instance: "i-1", Token: test.token}, now); got != test.want {
			t.Errorf("%d: news %v, want %v", i, got, test.want)
		}
	}
}

// TestLastMessageStays hands one drain's messages to many copies of the function, in any
// order: one is on its way at all times.
func TestLastMessageStays(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		copies := []*memory{newMemory(), newMemory(), newMemory()}
		now := simulationStart
		flying := []Drain{}
		for range 1 + r.IntN(4) {
			flying = append(flying, Drain{Instance: "i-1", Token: "t", Started: now.Add(time.Duration(r.IntN(20)) * time.Second), Due: now.Add(time.Duration(r.IntN(60)) * time.Second)})
		}
		for range 100 {
			// The next is delivered once it is due, now and then a little late.
			at := 0
			for i := range flying {
				if flying[i].Due.Before(flying[at].Due) {
					at = i
				}
			}
			d := flying[at]
			flying = append(flying[:at], flying[at+1:]...)
			if d.Due.After(now) {
				now = d.Due
			}
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			m := copies[r.IntN(len(copies))]
			if m.isElsewhere(&d, now) {
				if len(flying) == 0 {
					t.Fatalf("seed %d: the last message was given up at %v", seed, now)
				}
				continue
			}
			next := d
			next.Due = now.Add(time.Duration(1+r.IntN(60)) * time.Second)
			m.sent(&next, now)
			if flying = append(flying, next); r.IntN(10) == 0 {
				flying = append(flying, d) // again, as the function crashed before it was done
			}
		}
	}
}
