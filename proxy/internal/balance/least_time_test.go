package balance_test

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// simulation sends requests to targets of which each works on one request at a time for
// each of its workers, and lets those beyond wait. Its time is that of a fake clock.
type simulation struct {
	random  *rand.Rand
	targets []balance.Target
	workers int
	// work is how long a request takes target i, without waiting.
	work func(i int, random *rand.Rand) time.Duration
	pick func(balance.Facts) int
	// told is called when a request has been answered.
	told func(i int, now time.Time, took time.Duration)

	got  []int
	took []time.Duration
}

type event struct {
	at    time.Time
	i     int // the target, of an answer; -1 of a request
	began time.Time
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// run sends n requests that come at random, so many of them a second.
func (s *simulation) run(n, rate int) {
	n0 := len(s.targets)
	s.got = make([]int, n0)
	busyUntil := make([][]time.Time, n0)
	for i := range busyUntil {
		busyUntil[i] = make([]time.Time, s.workers)
	}
	queue := &events{{at: start, i: -1}}
	for sent := 0; queue.Len() > 0; {
		e := heap.Pop(queue).(event)
		if e.i >= 0 {
			s.targets[e.i].Counters.Outstanding.Add(-1)
			s.took = append(s.took, e.at.Sub(e.began))
			s.told(e.i, e.at, e.at.Sub(e.began))
			continue
		}
		i := s.pick(balance.Facts{Now: e.at, Random: s.random.Uint64()})
		s.got[i]++
		s.targets[i].Counters.Outstanding.Add(1)
		worker := slices.IndexFunc(busyUntil[i], func(t time.Time) bool { return t.Equal(slices.MinFunc(busyUntil[i], time.Time.Compare)) })
		begin := busyUntil[i][worker]
		if begin.Before(e.at) {
			begin = e.at
		}
		busyUntil[i][worker] = begin.Add(s.work(i, s.random))
		heap.Push(queue, event{busyUntil[i][worker], i, e.at})
		if sent++; sent < n {
			gap := time.Duration(s.random.ExpFloat64() / float64(rate) * float64(time.Second))
			heap.Push(queue, event{e.at.Add(gap), -1, e.at})
		}
	}
}

// quantile of the times that requests took.
func (s *simulation) quantile(q float64) time.Duration {
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))]
}

func (s *simulation) mean() time.Duration {
	var sum time.Duration
	for _, d := range s.took {
		sum += d
	}
	return sum / time.Duration(len(s.took))
}

// ours makes s pick by the algorithm of that name.
func (s *simulation) ours(t *testing.T, name string) *simulation {
	a := algorithm(t, name, s.targets, nil)
	s.pick = a.Pick
	s.told = func(i int, now time.Time, took time.Duration) {
		s.targets[i].Counters.Latency.Observe(now, took, false)
	}
	return s
}

// naive makes s pick as leasttime of Traefik does: by the mean of all answers so far, times
// the requests in progress and one.
//
// https://github.com/traefik/traefik/issues/12306
func (s *simulation) naive() *simulation {
	means := make([]float64, len(s.targets))
	s.pick = func(balance.Facts) int {
		cost := func(i int) float64 {
			return means[i] * float64(1+s.targets[i].Counters.Outstanding.Load())
		}
		best := 0
		for i := range means {
			if cmp.Less(cost(i), cost(best)) {
				best = i
			}
		}
		return best
	}
	s.told = func(i int, _ time.Time, took time.Duration) {
		if means[i] == 0 {
			means[i] = float64(took)
		}
		means[i] += (float64(took) - means[i]) / 10
	}
	return s
}

func simulate(n, workers int, work func(int, *rand.Rand) time.Duration) *simulation {
	return &simulation{random: rand.New(rand.NewPCG(12306, 0)), targets: group(n), workers: workers, work: work}
}

// coldStart is five targets that are all alike, but that the second one is slow with its first
// requests.
func coldStart() *simulation {
	cold := 3
	return simulate(5, 8, func(i int, random *rand.Rand) time.Duration {
		took := 10*time.Millisecond + time.Duration(random.ExpFloat64()*float64(20*time.Millisecond))
		if i == 1 && cold > 0 {
			cold--
			took += time.Second
		}
		return took
	})
}

// TestLeastTimeStarvesNobody: with the naive version one of five equal targets got 5 of 1500
// requests, after a few slow answers. With ours it gets its share.
func TestLeastTimeStarvesNobody(t *testing.T) {
	naive := coldStart().naive()
	naive.run(1500, 50)
	if naive.got[1] > 5 {
		t.Errorf("the naive version does not starve the target any more: %d", naive.got)
	}
	ours := coldStart().ours(t, balance.LeastTime)
	ours.run(1500, 50)
	t.Logf("of 1500 requests: naive %d, ours %d", naive.got, ours.got)
	for i, n := range ours.got {
		if least := 1500 / 5 / 2; n < least {
			t.Errorf("target %d has %d of 1500, want at least %d: %d", i, n, least, ours.got)
		}
	}
}

// TestLeastTimeIsFair: equal targets have equal shares, be there little to do or much.
func TestLeastTimeIsFair(t *testing.T) {
	for _, rate := range []int{5, 100, 1000} {
		s := simulate(5, 8, func(_ int, random *rand.Rand) time.Duration {
			return time.Duration(random.ExpFloat64() * float64(30*time.Millisecond))
		}).ours(t, balance.LeastTime)
		s.run(10_000, rate)
		t.Logf("%d a second: %d", rate, s.got)
		for i, n := range s.got {
			if n < 1500 || n > 2500 {
				t.Errorf("%d a second: target %d has %d of 10000: %d", rate, i, n, s.got)
			}
		}
	}
}

// TestLeastTimeIsFasterThanRoundRobin: with one slow target of five it has a lower mean and a
// lower 95th percentile, and the slow one is neither forgotten nor buried.
func TestLeastTimeIsFasterThanRoundRobin(t *testing.T) {
	slow := func(i int, random *rand.Rand) time.Duration {
		took := time.Duration((0.5 + random.Float64()) * float64(20*time.Millisecond))
		if i == 1 {
			took *= 10
		}
		return took
	}
	for _, rate := range []int{20, 150, 300} {
		ours, turns := simulate(5, 8, slow).ours(t, balance.LeastTime), simulate(5, 8, slow).ours(t, balance.RoundRobin)
		ours.run(6000, rate)
		turns.run(6000, rate)
		t.Logf("%d a second: mean %v and %v in turns, 95 %% below %v and %v, %d", rate, ours.mean(), turns.mean(), ours.quantile(0.95), turns.quantile(0.95), ours.got)
		if 3*ours.mean() > 2*turns.mean() || 2*ours.quantile(0.95) > turns.quantile(0.95) {
			t.Errorf("%d a second: mean %v and %v in turns, 95 %% below %v and %v", rate, ours.mean(), turns.mean(), ours.quantile(0.95), turns.quantile(0.95))
		}
		if ours.got[1] < 5 || ours.got[1] > 600 {
			t.Errorf("%d a second: the slow target has %d of 6000", rate, ours.got[1])
		}
	}
}

// TestLeastTimeTriesTheUnknown: a target of which nothing is known gets a request at once, and
// no second one before the first is answered.
func TestLeastTimeTriesTheUnknown(t *testing.T) {
	targets := group(2)
	targets[0].Counters.Latency.Observe(start, time.Millisecond, false)
	a := algorithm(t, balance.LeastTime, targets, nil)
	if got := count(a, 2, 100, start, 1); got[1] < 90 {
		t.Errorf("the unknown target has %d of 100", got[1])
	}
	targets[1].Counters.Outstanding.Store(1)
	if got := count(a, 2, 100, start, 1); got[1] > 10 {
		t.Errorf("the unknown target has %d of 100 beside its first", got[1])
	}
}

// TestLeastTimeAvoidsTheHot: however fast, a target with far more to do than the others waits.
func TestLeastTimeAvoidsTheHot(t *testing.T) {
	targets := busy(30, 2, 2)
	targets[0].Counters.Latency.Observe(start, time.Millisecond, false)
	targets[1].Counters.Latency.Observe(start, 50*time.Millisecond, false)
	targets[2].Counters.Latency.Observe(start, 50*time.Millisecond, false)
	a := algorithm(t, balance.LeastTime, targets, nil)
	if got := count(a, 3, 1000, start, 1); got[0] > 50 {
		t.Errorf("the hot target has %d of 1000", got[0])
	}
	targets[0].Counters.Outstanding.Store(3)
	if got := count(a, 3, 1000, start, 1); got[0] < 700 {
		t.Errorf("the fast target has %d of 1000", got[0])
	}
}

// TestLeastTimeFleesFailures: a target that refuses at once does not look fast.
func TestLeastTimeFleesFailures(t *testing.T) {
	targets := group(2)
	targets[0].Counters.Latency.Observe(start, 0, true)
	targets[1].Counters.Latency.Observe(start, 200*time.Millisecond, false)
	if got := count(algorithm(t, balance.LeastTime, targets, nil), 2, 1000, start, 1); got[1] < 850 {
		t.Errorf("the working target has %d of 1000", got[1])
	}
}
