package main

import (
	"sync"
	"time"
)

// memory is what one copy of the function remembers of messages that it sent, as long as it
// lives. Nothing depends on it but the number of messages: a drain of which several go around
// sheds those that meet it.
//
// A message is given up only for another one of the same drain that is due later. That one
// cannot have been given up for the first, which was due before, whatever other copies of the
// function did: the last message of a drain stays.
type memory struct {
	mu      sync.Mutex // guards the maps
	flights map[string]Drain
	ended   map[string]ending
}

// ending is a drain that was seen to have ended.
type ending struct {
	token string
	at    time.Time
}

const (
	// clockMargin is how far clocks of AWS's machines may be apart.
	clockMargin = 2 * time.Second
	// startMargin is how far the times may be apart that two events give for one drain's start.
	startMargin = 10 * time.Second
	// endedAge is how long an instance may still be described as held when it is not.
	endedAge = 2 * time.Minute
	// flightAge is how long a message that is overdue is kept in mind.
	flightAge = 15 * time.Minute
)

func newMemory() *memory {
	return &memory{flights: map[string]Drain{}, ended: map[string]ending{}}
}

// sent remembers a message that SQS has.
func (m *memory) sent(d *Drain, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.flights[d.Instance]; !ok || replaces(d, &known, now) {
		m.flights[d.Instance] = *d
	}
}

// replaces tells whether d is the better one to remember.
func replaces(d, known *Drain, now time.Time) bool {
	switch {
	case !known.Due.After(now):
		return true
	case d.Token != known.Token:
		return d.Token != ""
	}
	return !d.Started.After(known.Started.Add(startMargin)) && !endsLater(d, known)
}

// endsLater tells whether EC2 ends b before a.
func endsLater(a, b *Drain) bool {
	return !b.By.IsZero() && (a.By.IsZero() || a.By.After(b.By))
}

// isElsewhere tells whether another message of the same drain is known to be on its way, one
// by which it ends no later than by d.
func (m *memory) isElsewhere(d *Drain, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.flights[d.Instance]
	return ok && !known.Due.Equal(d.Due) && known.Due.After(now.Add(clockMargin)) &&
		(known.Token == d.Token || d.Token == "") &&
		!known.Started.After(d.Started.Add(startMargin)) && !endsLater(&known, d)
}

// end remembers that a drain is over, and tells whether that is news.
func (m *memory) end(d *Drain, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.ended[d.Instance]
	m.ended[d.Instance] = ending{d.Token, now}
	delete(m.flights, d.Instance)
	return !ok || known.token != d.Token && known.token != "" && d.Token != ""
}

// hasEnded tells whether a drain was over a moment ago.
func (m *memory) hasEnded(instance string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.ended[instance]
	return ok && now.Sub(known.at) < endedAge
}

// forget drops what is too old to be of use.
func (m *memory) forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for instance, d := range m.flights {
		if now.Sub(d.Due) > flightAge {
			delete(m.flights, instance)
		}
	}
	for instance, e := range m.ended {
		if now.Sub(e.at) > flightAge {
			delete(m.ended, instance)
		}
	}
}
