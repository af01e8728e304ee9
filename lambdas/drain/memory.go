package main

import (
	"maps"
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
	mu      sync.Mutex // guards the maps, all of them by instance
	flights map[string]Drain
	begun   map[string]sight
	ended   map[string]sight
}

// sight is when a drain was seen to have begun, or ended.
type sight struct {
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
	return &memory{flights: map[string]Drain{}, begun: map[string]sight{}, ended: map[string]sight{}}
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

// begin remembers that a drain began, and tells whether that is news.
func (m *memory) begin(d *Drain, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.begun[d.Instance]
	m.begun[d.Instance] = sight{d.Token, now}
	return !ok || known.token != d.Token
}

// end remembers that a drain is over, and tells whether that is news.
func (m *memory) end(d *Drain, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.ended[d.Instance]
	m.ended[d.Instance] = sight{d.Token, now}
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
	maps.DeleteFunc(m.flights, func(_ string, d Drain) bool { return now.Sub(d.Due) > flightAge })
	for _, seen := range []map[string]sight{m.begun, m.ended} {
		maps.DeleteFunc(seen, func(_ string, s sight) bool { return now.Sub(s.at) > flightAge })
	}
}
