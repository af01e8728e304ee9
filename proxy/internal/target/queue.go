package target

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// queue has the requests that wait until a target of the group has room, first come, first
// served: one that ends lets one go on. A request that is bound to a target by its cookie
// waits for that one, as in HAProxy, among all others in the order of arrival.
//
// Nobody passes by: whoever comes while others wait looks for room under mu, where they
// are asked first. And nobody is forgotten: who comes says so in waiting and then looks for
// room; who ends makes room and then looks at waiting.
type queue struct {
	// waiting is how many wait, or are about to find out whether they have to.
	waiting atomic.Int64
	// timeouts and rejected count those that waited in vain, and those that could not wait.
	timeouts, rejected atomic.Uint64

	// mu guards what follows. It is taken with the group's mu held, never the other way.
	mu sync.Mutex
	// anyone waits for any target, bound for the one of that address.
	anyone line
	bound  map[string]*line
	length int
	order  uint64
}

// Ticket is a request's place in the queue of a group.
type Ticket struct {
	// ready has a value once the wait is over.
	ready chan struct{}
	// target is whose room the request has got; nil when there is no target any more.
	target *Target
	// address is that of the target that the request is bound to; empty for none.
	address string
	order   uint64

	line       *line // nil once the wait is over
	prev, next *Ticket
}

// Ready has a value once the wait is over: there is room, or there are no targets any more.
func (k *Ticket) Ready() <-chan struct{} { return k.ready }

// Target is, once the wait is over, the one at which the request has begun; or nil.
func (k *Ticket) Target() *Target { return k.target }

// line is a list of tickets in the order of arrival.
type line struct{ first, last *Ticket }

func (l *line) push(k *Ticket) {
	k.line, k.prev, k.next = l, l.last, nil
	if l.last != nil {
		l.last.next = k
	} else {
		l.first = k
	}
	l.last = k
}

func (l *line) remove(k *Ticket) {
	if k.prev != nil {
		k.prev.next = k.next
	} else {
		l.first = k.next
	}
	if k.next != nil {
		k.next.prev = k.prev
	} else {
		l.last = k.prev
	}
	k.line, k.prev, k.next = nil, nil, nil
}

// Claim is what a request asks a group for.
type Claim struct {
	Facts balance.Facts
	// Bound is the target that the request's cookie names, if it may serve.
	Bound *Target
}

// Enter lets a request begin at a target of s, the group's snapshot: the one that it is
// bound to, or one by the group's algorithm. When nobody has room it returns a ticket to wait
// with, or nil when the group has no targets, no queue, or a full one.
func (g *Group) Enter(s *Snapshot, c Claim) (*Target, *Ticket) {
	if !s.gated {
		t := c.Bound
		if t == nil {
			t, _ = s.Pick(c.Facts)
		}
		if t != nil {
			t.Begin() // it has no limit
		}
		return t, nil
	}
	if g.queue.waiting.Load() == 0 {
		if c.Bound == nil {
			if t := s.begin(c.Facts); t != nil {
				return t, nil
			}
		} else if c.Bound.admit() {
			return c.Bound, nil
		}
	}
	return g.queue.enter(g, c)
}

// Another lets a request begin again, at a target that is none of tried; nil when there is
// none with room. It does not wait, and goes before nobody who does. Backups are asked when
// no other is left, as by nginx.
func (g *Group) Another(f balance.Facts, tried []*Target) *Target {
	if g.queue.waiting.Load() > 0 {
		return nil
	}
	for s := g.Snapshot(); s != nil; s = s.spare {
		f.Except = f.Except[:0]
		for _, t := range tried {
			if i := s.Index(t); i != balance.None {
				f.Except = append(f.Except, i)
			}
		}
		if t := s.begin(f); t != nil {
			return t
		}
	}
	return nil
}

// Abandon gives a place in the queue up; late says because the wait took too long. It
// returns false when the wait is over already: the request has begun then, if there is a
// target.
func (g *Group) Abandon(k *Ticket, late bool) bool {
	q := &g.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if k.line == nil {
		return false
	}
	q.unlink(k)
	if late {
		q.timeouts.Add(1)
	}
	return true
}

// enter is Enter when there may be somebody to wait behind.
func (q *queue) enter(g *Group, c Claim) (*Target, *Ticket) {
	q.waiting.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	s := g.Snapshot()
	address := ""
	if c.Bound != nil {
		address = c.Bound.Address
		c.Bound, _ = s.byAddressOf(address)
	}
	t := q.begin(s, c)
	if t == nil && c.Bound != nil {
		if q.length < s.Config.Queue.Depth && (c.Bound.full() || q.behind(s, address)) {
			return nil, q.wait(address)
		}
		c.Bound = nil // HAProxy's redispatch, when there is no place to wait
		t = q.begin(s, c)
	}
	if t == nil && len(s.targets) > 0 && q.length < s.Config.Queue.Depth {
		return nil, q.wait("")
	}
	q.waiting.Add(-1)
	if t != nil {
		return t, nil
	}
	// Without a queue, backups help out when nobody else has room, as in nginx; where requests
	// can wait they wait, as in HAProxy.
	if s.spare != nil && s.Config.Queue.Depth == 0 {
		if t := s.spare.begin(c.Facts); t != nil {
			return t, nil
		}
	}
	if len(s.targets) > 0 {
		q.rejected.Add(1)
	}
	return nil, nil
}

// begin lets a request begin that comes last, if there is room for one more. q.mu is held.
func (q *queue) begin(s *Snapshot, c Claim) *Target {
	if t := c.Bound; t != nil {
		q.serve(s, t.Address)
		if q.behind(s, t.Address) || !t.admit() {
			return nil
		}
		return t
	}
	if q.anyone.first != nil {
		return nil
	}
	for {
		t, i := s.Pick(c.Facts)
		if t == nil {
			return nil
		}
		q.serve(s, t.Address)
		if !q.behind(s, t.Address) && t.admit() {
			return t
		}
		c.Facts.Except = append(c.Facts.Except, i)
	}
}

// behind reports whether somebody waits who could go to the target of that address.
// q.mu is held.
func (q *queue) behind(s *Snapshot, address string) bool {
	l := q.bound[address]
	_, anyone := s.byAddressOf(address)
	return anyone && q.anyone.first != nil || l != nil && l.first != nil
}

// wait puts a request at the end of the queue. q.mu is held, and the request is in waiting.
func (q *queue) wait(address string) *Ticket {
	q.order++
	k := &Ticket{ready: make(chan struct{}, 1), address: address, order: q.order}
	q.line(address).push(k)
	q.length++
	return k
}

// line is where requests that are bound to that address wait. q.mu is held.
func (q *queue) line(address string) *line {
	if address == "" {
		return &q.anyone
	}
	l := q.bound[address]
	if l == nil {
		if q.bound == nil {
			q.bound = map[string]*line{}
		}
		l = new(line)
		q.bound[address] = l
	}
	return l
}

// unlink takes a ticket out of the queue. q.mu is held.
func (q *queue) unlink(k *Ticket) {
	l := k.line
	l.remove(k)
	if k.address != "" && l.first == nil {
		delete(q.bound, k.address)
	}
	q.length--
	q.waiting.Add(-1)
}

// settle ends a wait. q.mu is held.
func (q *queue) settle(k *Ticket, t *Target) {
	q.unlink(k)
	k.target = t
	k.ready <- struct{}{}
}

// freed gives the room that a target has to who waits for it.
func (q *queue) freed(g *Group, address string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serve(g.Snapshot(), address)
}

// serve lets go on who waits for the target of that address, as far as it has room. q.mu is
// held.
func (q *queue) serve(s *Snapshot, address string) {
	t, anyone := s.byAddressOf(address)
	if t == nil {
		return
	}
	for {
		var k *Ticket
		if anyone {
			k = q.anyone.first
		}
		if l := q.bound[address]; l != nil && (k == nil || l.first.order < k.order) {
			k = l.first
		}
		if k == nil || !t.admit() {
			return
		}
		q.settle(k, t)
	}
}

// rearrange looks at everybody who waits once the group has other targets, or other limits:
// who was bound to a target that cannot serve any more waits for any, and nobody waits for
// nobody.
func (q *queue) rearrange(s *Snapshot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	tickets := slices.Collect(q.anyone.all)
	for _, l := range q.bound {
		tickets = slices.AppendSeq(tickets, l.all)
	}
	slices.SortFunc(tickets, func(a, b *Ticket) int { return cmp.Compare(a.order, b.order) })
	crowded := false
	for _, k := range tickets {
		bound, _ := s.byAddressOf(k.address)
		switch {
		case bound != nil:
			if bound.admit() {
				q.settle(k, bound)
			}
		case len(s.targets) == 0:
			q.settle(k, nil)
		default:
			if !crowded {
				if t := s.begin(balance.Facts{Now: time.Now(), Random: rand.Uint64()}); t != nil {
					q.settle(k, t)
					continue
				}
				crowded = true
			}
			q.unbind(k)
		}
	}
}

// unbind makes a ticket one for any target, at the end of those: rearrange comes by in the
// order of arrival. q.mu is held.
func (q *queue) unbind(k *Ticket) {
	k.line.remove(k)
	if l := q.bound[k.address]; l != nil && l.first == nil {
		delete(q.bound, k.address)
	}
	k.address = ""
	q.anyone.push(k)
}

// waits returns how many wait.
func (q *queue) waits() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int64(q.length)
}

// all yields the tickets of a line.
func (l *line) all(yield func(*Ticket) bool) {
	for k := l.first; k != nil; k = k.next {
		if !yield(k) {
			return
		}
	}
}
