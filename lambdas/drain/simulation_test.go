package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

var (
	oneSeed   = flag.Uint64("seed", 0, "run the simulation of this seed alone, and print its log")
	manySeeds = flag.Int("seeds", defaultSeeds, "how many seeds to simulate")
)

// Weather is how much goes wrong in a simulation.
type weather int

const (
	calm  weather = iota // nothing does
	mixed                // some of everything
	storm                // much of everything, and an outage
	weathers
)

func (w weather) String() string { return [...]string{"calm", "mixed", "storm"}[w] }

func (w weather) faults(r *rand.Rand, start time.Time) asgsim.Faults {
	p := func(most float64) float64 { return r.Float64() * most }
	switch w {
	default:
		return asgsim.Faults{}
	case mixed:
		return asgsim.Faults{
			LoseEvent: p(0.3), DuplicateEvent: p(0.5), DelayEvent: p(0.3), Delay: 40 * time.Second,
			Throttle: p(0.1), LoseAnswer: p(0.05), Crash: p(0.004), Stale: p(0.3), Staleness: 5 * time.Second,
			Redeliver: p(0.1), WrongToken: p(0.1), Recycle: p(0.05),
		}
	case storm:
		from := start.Add(time.Duration(r.Int64N(int64(30 * time.Minute))))
		return asgsim.Faults{
			LoseEvent: p(1), DuplicateEvent: p(1), DelayEvent: p(1), Delay: 20 * time.Minute, LoseTick: p(0.5),
			Throttle: p(0.3), LoseAnswer: p(0.05), Crash: p(0.01), Stale: p(0.5), Staleness: 20 * time.Second,
			OutageFrom: from, OutageTo: from.Add(time.Duration(r.Int64N(int64(15 * time.Minute)))),
			Redeliver: p(0.3), WrongToken: p(0.5), Recycle: p(0.1),
		}
	}
}

// simulation is one run, and what is true of it.
type simulation struct {
	seed    uint64
	weather weather
	clock   *asgsim.Virtual
	world   *asgsim.World
	choice  *rand.Rand           // of what came later, so that older seeds are as they were
	busy    map[string]time.Time // until when applications have requests in progress, by the instance
	terms   map[string]Terms
	endless map[string]bool // groups whose instances never leave a target group
	log     io.Writer
	metrics bytes.Buffer
	start   time.Time
	last    time.Time // when the last thing happens that is not the function's doing
}

var simulationStart = time.Date(2026, 3, 1, 0, 0, 0, 250_000_000, time.UTC)

func simulate(seed uint64, log io.Writer) *simulation {
	s := &simulation{
		seed: seed, weather: weather(seed % uint64(weathers)), clock: asgsim.NewVirtual(simulationStart),
		choice: rand.New(rand.NewPCG(seed, 2)), busy: map[string]time.Time{}, terms: map[string]Terms{}, endless: map[string]bool{}, log: log, start: simulationStart, last: simulationStart,
	}
	r := rand.New(rand.NewPCG(seed, 1))
	s.world = asgsim.New(s.clock, seed)
	s.world.Faults = s.weather.faults(r, s.start)
	var names []string
	for n := range 1 + r.IntN(3) {
		names = append(names, s.addGroup(r, n))
	}
	settings := Settings{App: "app", Environment: "prod", Groups: names, Hook: spec.DrainHook, QueueURL: "https://sqs/queue"}
	s.world.Tick(time.Minute, spec.DrainReconcileMessage)
	s.world.Run(func() asgsim.Handler {
		return New(settings, Services{
			Instances: s.world, Hooks: s.world, Actions: s.world, Targets: s.world, TargetGroups: s.world, Queue: s.world, Machines: s, Applications: s,
			Clock: s.clock.Now, Random: r.Float64, Metrics: &s.metrics, Log: s.logger(),
		}).Handle
	})
	horizon := s.start.Add(60 * time.Hour)
	s.clock.Run(s.last, func() bool { return false })
	quiet := func() bool { return len(s.world.Held()) == 0 }
	s.clock.Run(horizon, quiet)
	// What is still on its way finds that all is over.
	faults := s.world.Faults
	s.world.Faults = asgsim.Faults{LoseTick: 1}
	s.clock.Run(s.clock.Now().Add(faults.Delay+20*time.Minute), func() bool { return false })
	s.world.Faults = faults
	return s
}

// logger writes the log of a simulation in its own time.
func (s *simulation) logger() *slog.Logger {
	if s.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.String("at", s.clock.Now().Sub(s.start).String())
		}
		return a
	}}))
}

func (s *simulation) addGroup(r *rand.Rand, n int) string {
	pick := func(list ...time.Duration) time.Duration { return list[r.IntN(len(list))] }
	t := Terms{Heartbeat: pick(30*time.Second, time.Minute, 5*time.Minute, 30*time.Minute), Workers: r.IntN(2) == 0, Retain: r.IntN(3) == 0}
	t.Maximum = min(t.Heartbeat*time.Duration(1+r.IntN(6)), time.Hour)
	if r.IntN(200) == 0 {
		t.Heartbeat, t.Maximum = time.Hour, spec.MaxDrain
	}
	g := asgsim.Group{Name: fmt.Sprintf("app-prod-%d", n), Retain: t.Retain && r.IntN(2) == 0}
	s.terms[g.Name] = t
	metadata := spec.DrainMetadata{Heartbeat: t.Heartbeat.String(), Maximum: t.Maximum.String(), OnTimeout: spec.DrainContinue, Workers: t.Workers}
	g.Hook = asgsim.Hook{Name: spec.DrainHook, Heartbeat: t.Heartbeat, DefaultResult: resultContinue}
	if !t.Workers && s.choice.IntN(2) == 0 {
		metadata.Endpoint, metadata.Port = "/drain/", 8000
	}
	if t.Retain {
		metadata.OnTimeout, g.Hook.DefaultResult = spec.DrainRetain, resultAbandon
	}
	text, _ := json.Marshal(metadata)
	g.Hook.Metadata = string(text)
	if r.IntN(5) == 0 {
		g.Other = time.Duration(r.Int64N(int64(30 * time.Minute)))
	}
	tags := map[string]string{spec.TagApp: "app", spec.TagEnvironment: "prod"}
	var elsewhere *asgsim.TargetGroup
	if !t.Workers {
		for i := range 1 + r.IntN(2) {
			arn := fmt.Sprintf("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/%d-%d/0", n, i)
			s.world.AddTargetGroup(asgsim.TargetGroup{ARN: arn, Delay: time.Duration(r.IntN(120)) * time.Second, Tags: tags})
			g.TargetGroups = append(g.TargetGroups, arn)
		}
		if r.IntN(3) == 0 {
			elsewhere = s.world.AddTargetGroup(asgsim.TargetGroup{
				ARN:   fmt.Sprintf("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/%d-other/0", n),
				Delay: time.Duration(r.IntN(600)) * time.Second, Tags: tags, InternalError: r.IntN(4) == 0,
			})
			s.endless[g.Name] = elsewhere.InternalError
		}
	}
	group := s.world.AddGroup(g)
	together := r.IntN(4) == 0
	at := time.Duration(r.Int64N(int64(10 * time.Minute)))
	for range 1 + r.IntN(5) {
		i := s.world.Launch(group)
		if elsewhere != nil && r.IntN(2) == 0 {
			elsewhere.Register(i)
		}
		if t.Workers {
			i.Agent = r.IntN(3) > 0
			i.BusyUntil = s.start.Add(time.Duration(r.Int64N(int64(t.Maximum + t.Maximum/2))))
		}
		if metadata.Endpoint != "" {
			i.BusyUntil = s.start.Add(time.Duration(s.choice.Int64N(int64(20 * time.Minute))))
			s.busy[i.ID] = i.BusyUntil
		}
		if !together {
			at = time.Duration(r.Int64N(int64(10 * time.Minute)))
		}
		s.fate(r, i, at)
	}
	if r.IntN(6) == 0 {
		s.at(15*time.Minute, func() { s.world.DeleteGroup(group) })
	}
	return g.Name
}

// DescribeInstances has each instance's id for its address.
func (s *simulation) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	addresses := map[string]string{}
	for id := range s.busy {
		addresses[id] = id
	}
	return describe(in, addresses), nil
}

// Active is what an instance's application says.
func (s *simulation) Active(_ context.Context, origin, _ string) (active int, known bool) {
	host, _, _ := net.SplitHostPort(strings.TrimPrefix(origin, "http://"))
	if s.clock.Now().Before(s.busy[host]) {
		return 1, true
	}
	return 0, true
}

// fate is what becomes of an instance.
func (s *simulation) fate(r *rand.Rand, i *asgsim.Instance, at time.Duration) {
	switch r.IntN(12) {
	case 0:
		s.at(at, func() { s.world.Interrupt(i) })
	case 1:
		s.at(at, func() { s.world.Terminate(i) })
		s.at(at+time.Duration(r.Int64N(int64(5*time.Minute))), func() { s.world.Interrupt(i) })
	case 2:
		s.at(at, func() { s.world.Kill(i) })
	case 3:
		s.at(at, func() { s.world.Terminate(i) })
		s.at(at+time.Duration(r.Int64N(int64(5*time.Minute))), func() { s.world.Kill(i) })
	case 4:
		// To the warm pool and back, and then for good.
		s.at(at, func() { s.world.Return(i) })
		s.at(at+12*time.Minute, func() { s.world.Resume(i) })
		s.at(at+13*time.Minute, func() { s.world.Terminate(i) })
	case 5: // stays
	default:
		s.at(at, func() { s.world.Terminate(i) })
	}
}

func (s *simulation) at(after time.Duration, f func()) {
	s.clock.After(after, f)
	if at := s.start.Add(after + 5*time.Minute); at.After(s.last) {
		s.last = at
	}
}

// wrongs are what must not have happened.
func (s *simulation) wrongs() []string {
	var wrongs []string
	wrong := func(format string, args ...any) { wrongs = append(wrongs, fmt.Sprintf(format, args...)) }
	if held := s.world.Held(); len(held) > 0 {
		wrong("%d instances are still held after everything: %v", len(held), held)
	}
	tokens, byFunction := map[string]bool{}, 0
	for _, e := range s.world.Endings() {
		if tokens[e.Token] {
			wrong("%s: the action of %s ended twice", e.Instance, e.Token)
		}
		tokens[e.Token] = true
		if e.Caller == asgsim.CallerFunction {
			byFunction++
		}
		s.judge(e, func(format string, args ...any) {
			wrong("%s of %s %+v: "+format, append([]any{e.Instance, e.Group, e}, args...)...)
		})
	}
	q := s.world.Queue()
	for _, body := range q.Messages {
		if body != spec.DrainReconcileMessage {
			wrong("a message is left in the queue: %s", body)
		}
	}
	if n := len(q.Dead); n > 0 && s.weather == calm {
		wrong("%d messages were set aside, such as %s", n, q.Dead[0])
	}
	if most := 30 + 10*len(tokens); q.Peak > most && s.weather != storm {
		wrong("%d messages were in the queue at once, for %d drains", q.Peak, len(tokens))
	}
	completed := strings.Count(s.metrics.String(), `"Name":"`+spec.MetricDrainCompleted)
	abandoned := strings.Count(s.metrics.String(), `"Name":"`+spec.MetricDrainAbandoned)
	if started := strings.Count(s.metrics.String(), `"Name":"`+spec.MetricDrainStarted); s.weather == calm && started != len(tokens) {
		wrong("%d drains were reported to have begun, %d have", started, len(tokens))
	}
	if s.weather == calm && completed+abandoned < byFunction {
		wrong("%d drains were reported, the function ended %d", completed+abandoned, byFunction)
	}
	return wrongs
}

// judge is what has to be true of each ending.
func (s *simulation) judge(e asgsim.Ending, wrong func(string, ...any)) {
	t := s.terms[e.Group]
	limit := min(t.Maximum, 100*t.Heartbeat-time.Minute, spec.MaxDrain-time.Minute)
	deadline := e.Started.Add(limit)
	if e.Unhealthy {
		deadline = e.Started.Add(min(limit, 30*time.Second))
	}
	if !e.Taken.IsZero() && e.Taken.Before(deadline) {
		deadline = e.Taken
	}
	// A message that never had a token and saw nothing since cannot tell a second hold of the
	// instance from the first. It takes a storm that hides all that is in between.
	if s.weather == storm && e.Hold > 1 {
		return
	}
	// EventBridge cuts fractions of seconds off.
	early := e.Ended.Before(deadline.Add(-time.Second))

	if e.By == asgsim.ByCompletion && e.Caller == asgsim.CallerFunction && e.Busy && early {
		wrong("completed while busy, %v before its deadline", deadline.Sub(e.Ended))
	}
	if e.By == asgsim.ByCompletion && !e.Busy && e.Result != resultContinue && early {
		wrong("abandoned without need")
	}
	if e.Busy && e.By == asgsim.ByCompletion && e.Taken.IsZero() && t.Retain != (e.Result == resultAbandon) {
		wrong("%s is not what on_timeout says", e.Result)
	}

	// AWS itself ends what nobody sends heartbeats for; on the function falls what it held too
	// long, and what it could have held and did not.
	var late time.Duration
	switch s.weather {
	default:
		late = time.Minute
	case mixed:
		late = t.Heartbeat + 6*time.Minute + s.world.Faults.Delay
	case storm:
		late = t.Heartbeat + 40*time.Minute + s.world.Faults.Delay + s.world.Faults.OutageTo.Sub(s.world.Faults.OutageFrom)
	}
	if took := e.Ended.Sub(e.Started); took > limit+late {
		wrong("held for %v, at most %v and %v for what went wrong", took, limit, late)
	}
	if e.By == asgsim.ByHeartbeat && e.Busy && early && e.Taken.IsZero() && (s.weather == calm || s.weather == mixed && t.Heartbeat >= 30*time.Minute) {
		wrong("timed out while busy, %v before its deadline", deadline.Sub(e.Ended))
	}
	if s.weather != calm {
		return
	}
	if e.By == asgsim.ByHeartbeat && early {
		wrong("timed out in the best of conditions")
	}
	if e.By == asgsim.ByCompletion && e.Gap > t.Heartbeat/3 && e.Ended.Sub(e.Started) > t.Heartbeat/3 {
		wrong("%v without a heartbeat", e.Gap)
	}
	if done := e.LastWork; !t.Workers && e.By == asgsim.ByCompletion && !done.IsZero() && !s.endless[e.Group] {
		if done.Before(e.Started) {
			done = e.Started
		}
		if took, most := e.Ended.Sub(done), 8*time.Second+done.Sub(e.Started)/8; took > most {
			wrong("released %v after its last work, want at most %v", took, most)
		}
	}
}

// TestSimulation runs many worlds in which things go wrong. One that fails is run again, with
// its log, by `go test ./lambdas/drain -run TestSimulation -seed=N`.
func TestSimulation(t *testing.T) {
	if *oneSeed > 0 {
		s := simulate(*oneSeed, os.Stderr)
		for _, wrong := range s.wrongs() {
			t.Errorf("seed %d (%v): %s", s.seed, s.weather, wrong)
		}
		return
	}
	var drains, calls, crashes atomic.Int64
	shards := runtime.GOMAXPROCS(0)
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := uint64(shard + 1); seed <= uint64(*manySeeds); seed += uint64(shards) {
					s := simulate(seed, nil)
					for _, wrong := range s.wrongs() {
						t.Errorf("%s\nseed %d (%v) fails: go test ./lambdas/drain -run TestSimulation -seed=%d", wrong, s.seed, s.weather, s.seed)
					}
					invocations, crashed := s.world.Invocations()
					drains.Add(int64(len(s.world.Endings())))
					calls.Add(int64(invocations))
					crashes.Add(int64(crashed))
				}
			})
		}
	})
	t.Logf("%d seeds, %d drains, %d invocations, %d of them crashed, %.0f seeds per second", *manySeeds, drains.Load(), calls.Load(), crashes.Load(), float64(*manySeeds)/time.Since(began).Seconds())
}

// TestSimulationReplays wants the same seed to be the same run.
func TestSimulationReplays(t *testing.T) {
	for seed := uint64(1); seed <= 9; seed++ {
		var first, second bytes.Buffer
		a, b := simulate(seed, &first), simulate(seed, &second)
		if !bytes.Equal(first.Bytes(), second.Bytes()) || fmt.Sprint(a.world.Endings()) != fmt.Sprint(b.world.Endings()) {
			t.Errorf("seed %d: two runs differ", seed)
		}
	}
}
