// Package metrics counts what CloudWatch counts for an Application Load Balancer, and
// shows it to Prometheus under the names in spec.
//
// Counting is lock-free: each connection belongs to a shard, and shards do not share
// cache lines. Adding the shards up is left to the scrape.
package metrics

import (
	"maps"
	"math/bits"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Options of New. All may be left empty.
type Options struct {
	// LoadBalancer is the value of the label load_balancer: app/name/id.
	LoadBalancer string
	// Version and Revision are those of the build.
	Version, Revision string
	// Gauges is asked at every scrape.
	Gauges GaugeSource
	// DroppedLines returns how many log lines were lost so far.
	DroppedLines func() uint64
	// UnsharedRequests returns how many requests were counted without the other proxies.
	UnsharedRequests func() uint64
}

// Set holds the counters of one load balancer for the life of the process, over all
// reloads: a counter never goes back, unless its target group is gone.
type Set struct {
	options Options
	// loadBalancer is the value of the label load_balancer.
	loadBalancer atomic.Pointer[string]
	shards       []shard
	mask         uint32

	// groups is replaced whole when a group or zone is new or gone; mu is for the writers.
	groups atomic.Pointer[map[groupKey]*group]
	mu     sync.Mutex

	reloads reloads
	orders  *prometheus.CounterVec
	signIns *prometheus.CounterVec
	handler http.Handler
	gather  gatherer
}

// shard counts what the load balancer did for some of the connections.
type shard struct {
	counters [counterCount]atomic.Uint64
	// Keeps the next shard off the last cache line, and off the one that is fetched with it.
	_ [128]byte
}

type groupKey struct{ targetGroup, zone string }

// group counts what the targets of one zone of a target group did.
type group struct {
	shards []groupShard
}

type groupShard struct {
	counters [groupCounterCount]atomic.Uint64
	latency  histogram
	_        [128]byte
}

// New returns a set in which everything is zero.
func New(options Options) *Set {
	n := 1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1))
	s := &Set{options: options, shards: make([]shard, n), mask: uint32(n - 1)}
	s.Rename(options.LoadBalancer)
	s.groups.Store(&map[groupKey]*group{})
	s.register()
	return s
}

// Rename gives the load balancer another label: app/name/id.
func (s *Set) Rename(loadBalancer string) { s.loadBalancer.Store(&loadBalancer) }

func (s *Set) label() string { return label(*s.loadBalancer.Load()) }

// EnsureGroup makes the counters of a target group appear, at zero, before its first
// request: one set for each zone, or one without a zone when there is none.
func (s *Set) EnsureGroup(targetGroup string, zones ...string) {
	if len(zones) == 0 {
		s.addGroup(groupKey{targetGroup: targetGroup})
	}
	for _, zone := range zones {
		s.addGroup(groupKey{targetGroup, zone})
	}
}

// ForgetGroups drops the counters of the target groups that are not kept.
func (s *Set) ForgetGroups(keep func(targetGroup string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := maps.Clone(*s.groups.Load())
	maps.DeleteFunc(groups, func(key groupKey, _ *group) bool { return !keep(key.targetGroup) })
	s.groups.Store(&groups)
}

func (s *Set) group(key groupKey) *group {
	if g := (*s.groups.Load())[key]; g != nil {
		return g
	}
	return s.addGroup(key)
}

func (s *Set) addGroup(key groupKey) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.groups.Load()
	if g := old[key]; g != nil {
		return g
	}
	g := &group{shards: make([]groupShard, len(s.shards))}
	groups := maps.Clone(old)
	groups[key] = g
	s.groups.Store(&groups)
	return g
}

// ConnectionOpened counts a client connection that was accepted.
func (s *Set) ConnectionOpened(shard uint32) { s.at(shard).add(newConnections) }

// ConnectionClosed counts its end.
func (s *Set) ConnectionClosed(shard uint32) { s.at(shard).add(closedConnections) }

// ConnectionRejected counts a client connection that was refused because the maximum was
// open. It is neither opened nor closed.
func (s *Set) ConnectionRejected(shard uint32) { s.at(shard).add(rejectedConnections) }

// TLSNegotiationError counts a TLS handshake that a client and the load balancer did not
// complete.
func (s *Set) TLSNegotiationError(shard uint32) { s.at(shard).add(clientTLSErrors) }

// ProxyHeaderRefused counts a client connection that was closed for its PROXY header.
func (s *Set) ProxyHeaderRefused(shard uint32) { s.at(shard).add(proxyHeaderErrors) }

// Reloaded tells how a load of the environment file went, the first one included.
func (s *Set) Reloaded(at time.Time, err error) { s.reloads.add(at, err) }

// Observe counts an exchange that has ended. It keeps nothing of x and does not allocate,
// except for the first request of a group that EnsureGroup was not told of.
func (s *Set) Observe(x *exchange.Exchange) {
	r := &x.Record
	sh := s.at(x.Conn.Shard)

	sh.add(exchanges)
	bytes := uint64(max(r.ReceivedBytes, 0)) + uint64(max(r.SentBytes, 0))
	sh.counters[processedBytes].Add(bytes)
	if peer := x.ClientAddr().Addr(); peer.Is6() && !peer.Is4In6() {
		sh.add(ipv6Requests)
		sh.counters[ipv6Bytes].Add(bytes)
	}
	if r.RulesEvaluated > 0 {
		sh.counters[ruleEvaluations].Add(uint64(r.RulesEvaluated))
	}
	if !r.ByTarget {
		sh.addAnswer(r.Status)
	}
	sh.addActions(r)
	sh.addRarities(r)

	if e := &r.Earlier; e.Attempts > 0 {
		sh.counters[newTargetConnections].Add(uint64(e.NewConns))
	}
	if r.TargetAddress != "" {
		g := s.group(groupKey{r.TargetGroup, r.TargetZone})
		g.shards[x.Conn.Shard&s.mask].observe(r)
	}
}

func (s *Set) at(shard uint32) *shard { return &s.shards[shard&s.mask] }

func (sh *shard) add(c counter) { sh.counters[c].Add(1) }

// addAnswer counts an answer that the load balancer made.
func (sh *shard) addAnswer(status int) {
	switch status / 100 {
	case 3:
		sh.add(elb3XX)
	case 4:
		sh.add(elb4XX)
	case 5:
		sh.add(elb5XX)
		switch status {
		case http.StatusInternalServerError:
			sh.add(elb500)
		case http.StatusBadGateway:
			sh.add(elb502)
		case http.StatusServiceUnavailable:
			sh.add(elb503)
		case http.StatusGatewayTimeout:
			sh.add(elb504)
		}
	}
}

func (sh *shard) addActions(r *exchange.Record) {
	switch {
	case r.RedirectTooLong:
		sh.add(redirectsTooLong)
	case r.Actions&exchange.ActionRedirect != 0:
		sh.add(redirects)
	case r.Actions&exchange.ActionFixedResponse != 0:
		sh.add(fixedResponses)
	}
}

// addRarities counts what most requests are not.
func (sh *shard) addRarities(r *exchange.Record) {
	if r.GRPC {
		sh.add(grpcRequests)
	}
	if r.Classification != "" {
		sh.add(nonCompliant)
	}
	if r.InvalidHeaders > 0 {
		if r.InvalidDropped {
			sh.add(droppedInvalid)
		} else {
			sh.add(forwardedInvalid)
		}
	}
	if r.NonSticky {
		sh.add(nonSticky)
	}
	if r.NonStickyApp {
		sh.add(nonStickyApp)
	}
	if r.NewTargetConn {
		sh.add(newTargetConnections)
	}
}

// observe counts a request for which a target was chosen.
func (g *groupShard) observe(r *exchange.Record) {
	g.counters[requests].Add(1)
	if class := r.TargetStatus / 100; class >= 2 && class <= 5 {
		g.counters[target2XX+groupCounter(class-2)].Add(1)
	}
	if !r.Dispatched.IsZero() && !r.Answered.IsZero() {
		g.latency.observe(r.Answered.Sub(r.Dispatched))
	}
	if r.TargetConnError {
		g.counters[targetConnectionErrors].Add(1)
	}
	if r.TargetTLSError {
		g.counters[targetTLSErrors].Add(1)
	}
	if e := &r.Earlier; e.Attempts > 0 {
		g.counters[targetConnectionErrors].Add(uint64(e.ConnErrors))
		g.counters[targetTLSErrors].Add(uint64(e.TLSErrors))
	}
	if r.FailOpen {
		g.counters[failOpenRequests].Add(1)
	}
}
