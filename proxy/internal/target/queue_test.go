package target_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// limited gives every target of the group a limit, and the group a queue.
func limited(limit, depth int) func(*spec.TargetGroup) {
	return func(g *spec.TargetGroup) {
		g.ProxyOnly.Queue = spec.Queue{Depth: depth, Timeout: time.Minute}
		for i := range g.Targets {
			g.Targets[i].ProxyOnly.MaxConnections = limit
		}
	}
}

// enter asks for a target: any, or the one of that number.
func (b *bench) enter(bound int) (*target.Target, *target.Ticket) {
	s := b.group().Snapshot()
	c := target.Claim{Facts: balance.Facts{Now: time.Now(), Random: rand.Uint64()}}
	if bound > 0 {
		c.Bound = s.Holds(fmt.Appendf(nil, "10.0.0.%d:80", bound))
	}
	return b.group().Enter(s, c)
}

// begun is the ID of the target at which a place's request has begun; empty while it waits.
func begun(k *target.Ticket) string {
	select {
	case <-k.Ready():
	default:
		return ""
	}
	if k.Target() == nil {
		return "nobody"
	}
	return k.Target().ID
}

func (b *bench) healthy(numbers ...int) *bench {
	for _, n := range numbers {
		b.report(n, "PP")
	}
	return b
}

func TestQueueIsFirstComeFirstServed(t *testing.T) {
	b := newBench(t, environment(limited(1, 3), 1)).healthy(1)
	first, _ := b.enter(0)
	if first == nil {
		t.Fatal("the first request found no room")
	}
	var places []*target.Ticket
	for range 3 {
		_, k := b.enter(0)
		if k == nil {
			t.Fatal("no place to wait")
		}
		places = append(places, k)
	}
	if got, k := b.enter(0); got != nil || k != nil {
		t.Errorf("the queue is full, and yet %v, %v", got, k)
	}
	if !b.group().Abandon(places[1], false) {
		t.Error("cannot leave the queue")
	}
	b.group().End(first, target.Ending{Status: 200})
	if begun(places[0]) != "t1" || begun(places[2]) != "" {
		t.Error("the first in the queue is not the next")
	}
	if b.group().Abandon(places[0], true) {
		t.Error("left a queue that it had come out of")
	}
	b.group().End(first, target.Ending{Status: 200})
	if begun(places[2]) != "t1" {
		t.Error("the last in the queue is forgotten")
	}
	if got, want := b.group().Load(), (target.Load{QueueRejected: 1}); got != want {
		t.Errorf("load %+v, want %+v", got, want)
	}
}

func TestOneEndWakesOne(t *testing.T) {
	b := newBench(t, environment(limited(2, 10), 1, 2)).healthy(1, 2)
	var running []*target.Target
	for range 4 {
		got, _ := b.enter(0)
		running = append(running, got)
	}
	var places []*target.Ticket
	for range 6 {
		_, k := b.enter(0)
		places = append(places, k)
	}
	for i, got := range running {
		b.group().End(got, target.Ending{})
		woken := 0
		for _, k := range places {
			if k.Target() != nil {
				woken++
			}
		}
		if woken != i+1 {
			t.Errorf("after %d ends %d of those who wait were woken", i+1, woken)
		}
	}
}

func TestBoundRequestsWaitForTheirTarget(t *testing.T) {
	b := newBench(t, environment(limited(1, 2), 1, 2)).healthy(1, 2)
	one, _ := b.enter(1)
	two, _ := b.enter(2)
	_, bound := b.enter(1)
	_, free := b.enter(0)
	b.group().End(two, target.Ending{})
	if begun(bound) != "" || begun(free) != "t2" {
		t.Error("who is bound to a target went to another")
	}
	third, behind := b.enter(2)
	if third != nil || behind == nil {
		t.Fatalf("no place behind who waits: begun at %v", third)
	}
	// The queue is full: HAProxy's redispatch, to nobody as all are full.
	if got, k := b.enter(1); got != nil || k != nil {
		t.Error("waits in a full queue")
	}
	b.group().End(one, target.Ending{})
	if begun(bound) != "t1" {
		t.Error("who is bound to a target has not got it")
	}
	// A full queue and room at another target: the request goes there.
	b.group().End(two, target.Ending{})
	if begun(behind) != "t2" {
		t.Fatal("who is bound to t2 has not got it")
	}
}

func TestBoundRequestGoesElsewhereWithoutQueue(t *testing.T) {
	b := newBench(t, environment(limited(1, 0), 1, 2)).healthy(1, 2)
	if got, _ := b.enter(1); got == nil || got.ID != "t1" {
		t.Fatal("not bound")
	}
	if got, _ := b.enter(1); got == nil || got.ID != "t2" {
		t.Errorf("went to %v, want t2", got)
	}
	if got, k := b.enter(1); got != nil || k != nil {
		t.Error("found room where there is none")
	}
}

// TestNobodyIsStranded: whoever waits goes on when targets change.
func TestNobodyIsStranded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b *bench)
		// want is where the request bound to t1 and the one bound to nobody have begun.
		want string
	}{
		{"target of the bound one is deregistered, another has room", func(b *bench) { b.apply(environment(limited(2, 9), 2)) }, "t2 "},
		{"both are deregistered", func(b *bench) { b.apply(environment(limited(1, 9))) }, "nobody nobody"},
		{"another registers", func(b *bench) {
			b.apply(environment(limited(1, 9), 1, 2, 3))
			b.healthy(3)
		}, " t3"},
		{"limits are raised", func(b *bench) { b.apply(environment(limited(2, 9), 1, 2)) }, "t1 t2"},
		{"limits are gone", func(b *bench) { b.apply(environment(nil, 1, 2)) }, "t1 t?"},
		{"target of the bound one turns unhealthy, and comes back with room", func(b *bench) {
			b.report(1, "FF")
			b.apply(environment(limited(2, 9), 1, 2))
		}, "t2 "},
		{"the group leaves, and its targets with it", func(b *bench) {
			g := b.group()
			b.apply(&spec.Environment{})
			for _, v := range g.Views() {
				g.End(v.Target, target.Ending{}) // what was in flight lets one go on each
			}
		}, "t1 t2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, environment(limited(1, 9), 1, 2)).healthy(1, 2)
			b.enter(1)
			b.enter(2)
			_, bound := b.enter(1)
			_, free := b.enter(0)
			tt.change(b)
			got := begun(bound) + " " + begun(free)
			if ok, _ := path.Match(tt.want, got); !ok {
				t.Errorf("begun at %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReregisteredTargetKeepsItsLimit: what a target had in flight counts though another
// value stands for it now.
func TestReregisteredTargetKeepsItsLimit(t *testing.T) {
	b := newBench(t, environment(limited(1, 9), 1)).healthy(1)
	old, _ := b.enter(0)
	b.apply(environment(nil))
	b.apply(environment(limited(1, 9), 1))
	b.healthy(1)
	got, k := b.enter(0)
	if got != nil || k == nil {
		t.Fatalf("begun at %v while the target has its one request", got)
	}
	b.group().End(old, target.Ending{})
	if begun(k) != "t1" {
		t.Error("who waits is forgotten")
	}
}

func TestBackupsAndLimits(t *testing.T) {
	backup := func(depth int) func(*spec.TargetGroup) {
		return func(g *spec.TargetGroup) {
			limited(1, depth)(g)
			g.Targets[1].ProxyOnly.Backup = true
		}
	}
	b := newBench(t, environment(backup(0), 1, 2)).healthy(1, 2)
	for i, want := range []string{"t1", "t2", ""} {
		got, k := b.enter(0)
		if k != nil || (got == nil) != (want == "") || got != nil && got.ID != want {
			t.Errorf("without a queue, request %d went to %v, want %q", i, got, want)
		}
	}
	b = newBench(t, environment(backup(9), 1, 2)).healthy(1, 2)
	b.enter(0)
	if got, k := b.enter(0); got != nil || k == nil {
		t.Errorf("with a queue, the request went to %v and did not wait", got)
	}
	b.report(1, "FF")
	if got, _ := b.enter(0); got != nil {
		t.Errorf("the backup has two requests")
	}
}

// TestQueueInvariants plays chance against the queue, and looks after each move whether all
// is as it must be.
func TestQueueInvariants(t *testing.T) {
	for seed := range uint64(200) {
		playQueue(t, rand.New(rand.NewPCG(seed, 1)))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// waiter is a request that waits, in the order of arrival.
type waiter struct {
	place *target.Ticket
	bound string
}

func playQueue(t *testing.T, r *rand.Rand) {
	const targets = 3
	limit, depth := 1+r.IntN(3), 1+r.IntN(8)
	b := newBench(t, environment(limited(limit, depth), 1, 2, 3)).healthy(1, 2, 3)
	running := map[string][]*target.Target{}
	var waiting []waiter
	out := map[string]bool{}
	for range 300 {
		switch op := r.IntN(10); {
		case op < 5:
			bound := r.IntN(targets + 1)
			got, k := b.enter(bound)
			switch {
			case got != nil:
				running[got.ID] = append(running[got.ID], got)
			case k != nil:
				w := waiter{place: k}
				if id := fmt.Sprintf("t%d", bound); bound > 0 && !out[id] {
					w.bound = id
				}
				waiting = append(waiting, w)
			case len(waiting) < depth:
				t.Errorf("turned away with %d of %d in the queue", len(waiting), depth)
			}
		case op < 8:
			id := fmt.Sprintf("t%d", 1+r.IntN(targets))
			if n := len(running[id]); n > 0 {
				got := running[id][n-1]
				running[id] = running[id][:n-1]
				b.group().End(got, target.Ending{Status: 200})
			}
		case op < 9 && len(waiting) > 0:
			i := r.IntN(len(waiting))
			if b.group().Abandon(waiting[i].place, r.IntN(2) == 0) {
				waiting = slices.Delete(waiting, i, i+1)
			}
		default:
			n := 1 + r.IntN(targets)
			id := fmt.Sprintf("t%d", n)
			if out[id] {
				b.report(n, "PP")
			} else if len(out) < targets-1 {
				b.report(n, "FF")
			} else {
				continue
			}
			if out[id] = !out[id]; !out[id] {
				delete(out, id)
			}
			for i := range waiting {
				if out[waiting[i].bound] {
					waiting[i].bound = ""
				}
			}
		}
		var still []waiter
		for _, w := range waiting {
			select {
			case <-w.place.Ready():
			default:
				still = append(still, w)
				continue
			}
			got := w.place.Target()
			running[got.ID] = append(running[got.ID], got)
			for _, earlier := range still {
				if earlier.bound == "" || earlier.bound == got.ID {
					t.Errorf("a request was overtaken at %s", got.ID)
				}
			}
		}
		waiting = still
		for n := 1; n <= targets; n++ {
			id := fmt.Sprintf("t%d", n)
			if len(running[id]) > limit {
				t.Errorf("%s has %d requests, and takes %d", id, len(running[id]), limit)
			}
			if len(running[id]) < limit && !out[id] && slices.ContainsFunc(waiting, func(w waiter) bool { return w.bound == "" || w.bound == id }) {
				t.Errorf("%s has room, and somebody waits", id)
			}
		}
		if got := b.group().Load().Queued; got != int64(len(waiting)) {
			t.Errorf("%d wait, and %d are counted", len(waiting), got)
		}
	}
}

// TestQueueUnderConcurrency: from many goroutines, with reloads and transitions between, no
// target ever has more requests than it takes and nobody is lost.
func TestQueueUnderConcurrency(t *testing.T) {
	const limit, clients, requests = 2, 24, 300
	b := newBench(t, environment(limited(limit, 16), 1, 2, 3)).healthy(1, 2, 3)
	var inFlight sync.Map // by address
	group := b.group()
	var served, refused, left atomic.Int64
	var done sync.WaitGroup
	for i := range clients {
		done.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 2))
			for range requests {
				s := group.Snapshot()
				c := target.Claim{Facts: balance.Facts{Now: time.Now(), Random: r.Uint64()}}
				if r.IntN(3) == 0 {
					c.Bound = s.Holds(fmt.Appendf(nil, "10.0.0.%d:80", 1+r.IntN(3)))
				}
				got, k := group.Enter(s, c)
				if k != nil {
					if r.IntN(8) == 0 && group.Abandon(k, false) {
						left.Add(1)
						continue
					}
					<-k.Ready()
					got = k.Target()
				}
				if got == nil {
					refused.Add(1)
					continue
				}
				v, _ := inFlight.LoadOrStore(got.Address, new(atomic.Int64))
				n := v.(*atomic.Int64)
				if now := n.Add(1); now > limit {
					t.Errorf("%s has %d requests", got.Address, now)
				}
				for range r.IntN(200) {
					_ = r.Uint64()
				}
				n.Add(-1)
				served.Add(1)
				group.End(got, target.Ending{Status: 200})
			}
		})
	}
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 4 {
			case 0:
				b.report(2, "FF")
			case 1:
				b.apply(environment(limited(limit, 16), 1, 2))
			case 2:
				b.apply(environment(limited(limit, 16), 1, 2, 3))
			case 3:
				b.healthy(2, 3)
			}
		}
	})
	done.Wait()
	close(stop)
	changes.Wait()
	if n := served.Load() + refused.Load() + left.Load(); n != clients*requests || served.Load() == 0 {
		t.Errorf("%d served, %d refused, %d left, of %d", served.Load(), refused.Load(), left.Load(), clients*requests)
	}
	if load := group.Load(); load.Queued != 0 {
		t.Errorf("%d still wait", load.Queued)
	}
	for _, v := range group.Views() {
		if n := v.Outstanding(); n != 0 {
			t.Errorf("%s has %d outstanding", v.ID, n)
		}
	}
}
