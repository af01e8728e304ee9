package forward_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/forward"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// leaver is a client that may leave.
type leaver struct {
	exchange.Client
	gone    chan struct{}
	watched int
}

func (l *leaver) Watch() (gone <-chan struct{}, stop func()) {
	l.watched++
	return l.gone, func() { l.watched-- }
}

// busy is a group whose only target has room for one request, and has it; a second one waits.
func busy(t *testing.T) (*target.Group, *target.Target, *target.Ticket) {
	t.Helper()
	g := spec.TargetGroup{
		Name: "web", Protocol: spec.ProtocolHTTP, ProtocolVersion: spec.ProtocolVersionHTTP1, Algorithm: spec.RoundRobin,
		Targets: []spec.Target{{ID: "a", Address: "10.0.0.1", Port: 80, ProxyOnly: spec.TargetProxyOnly{Weight: 1, MaxConnections: 1}}},
	}
	g.TargetGroupHealth.UnhealthyStateRouting.Count = 1 // nobody is healthy yet: the group fails open
	g.ProxyOnly.Queue = spec.Queue{Depth: 1, Timeout: time.Second}
	registry := target.NewRegistry(target.Options{})
	if err := registry.Apply(&spec.Environment{
		TargetGroups: []spec.TargetGroup{g},
		LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{{
			Name: "http", DefaultAction: spec.Action{Forward: []spec.WeightedTargetGroup{{TargetGroup: "web", Weight: 1}}},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	group := registry.Groups()[0]
	claim := target.Claim{Facts: balance.Facts{Now: time.Now()}}
	first, _ := group.Enter(group.Snapshot(), claim)
	none, place := group.Enter(group.Snapshot(), claim)
	if first == nil || none != nil || place == nil {
		t.Fatalf("got %v, %v and %v", first, none, place)
	}
	return group, first, place
}

// TestWaitEndsInOneWay has several things end a wait at the same moment: whatever wins, the
// room at the target is the request's or nobody's.
func TestWaitEndsInOneWay(t *testing.T) {
	for name, c := range map[string]struct {
		freed, gone, late bool
		want              []int
	}{
		"freed":                {freed: true, want: []int{0}},
		"gone":                 {gone: true, want: []int{460}},
		"late":                 {late: true, want: []int{503}},
		"freed, gone":          {freed: true, gone: true, want: []int{0, 460}},
		"freed, late":          {freed: true, late: true, want: []int{0, 503}},
		"gone, late":           {gone: true, late: true, want: []int{460, 503}},
		"freed, gone and late": {freed: true, gone: true, late: true, want: []int{0, 460, 503}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[int]bool{}
			for round := range 100 {
				at := time.AfterFunc
				if round%2 == 0 {
					at = func(_ time.Duration, f func()) *time.Timer { f(); return nil } // before the wait has begun
				}
				synctest.Test(t, func(t *testing.T) {
					group, first, place := busy(t)
					l := &leaver{gone: make(chan struct{})}
					timeout := time.Hour
					if c.late {
						timeout = time.Second
					}
					if c.freed {
						at(time.Second, func() { group.End(first, target.Ending{Status: 200}) })
					}
					if c.gone {
						at(time.Second, func() { close(l.gone) })
					}
					got, status := forward.Await(&exchange.Exchange{Client: l}, group, place, timeout)
					synctest.Wait()
					seen[status] = true
					outstanding := int64(1)
					if c.freed && got == nil {
						outstanding = 0
					}
					if (got != nil) != (status == 0) || first.Outstanding() != outstanding {
						t.Errorf("status %d, target %v, %d outstanding, want %d", status, got, first.Outstanding(), outstanding)
					}
					if load := group.Load(); load.Queued != 0 || l.watched != 0 {
						t.Errorf("load %+v, watched %d", load, l.watched)
					}
					if load := group.Load(); (load.QueueTimeouts == 1) != (status == 503) {
						t.Errorf("status %d, load %+v", status, load)
					}
				})
			}
			for _, status := range c.want {
				delete(seen, status)
			}
			if len(seen) > 0 {
				t.Errorf("got %v, want only of %v", seen, c.want)
			}
		})
	}
}
