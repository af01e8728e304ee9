// Package waf is the web application firewall: the rules of a WAFv2 web ACL, in the order
// and with the names that they have on AWS, decided on in the process.
//
// Sets of addresses come first, by name, then countries, rates and managed rule groups, each
// in the file's order. Allow and block end it, count goes on; what nothing has decided is
// left to the default action.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-processing.html
package waf

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"

	"github.com/evenkeel/evenkeel/proxy/internal/client"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// Firewall is the firewall of one description: immutable but for its counters, which it
// shares with the ones before and after it.
type Firewall struct {
	rules []rule
	// defaultAction is taken when no rule ends it.
	defaultAction action
	// engine inspects requests for managed rule groups; nil without any.
	engine *engine
	// countries is the database of countries; nil for none.
	countries *countries
	// log is told of what rules blocked or counted; nil for none.
	log Log
	// unruled counts what the default action decided.
	unruled *counters
}

// action is what a match leads to.
type action uint8

const (
	allow action = iota
	block
	count
)

var actions = map[string]action{spec.WAFAllow: allow, spec.WAFBlock: block, spec.WAFCount: count}

// rule is one rule of the web ACL.
type rule struct {
	name   string
	action action
	// status and retryAfter are what a block answers with.
	status     int
	retryAfter []byte
	matcher    matcher
	counters   *counters
}

// matcher tells whether a rule applies to a request.
type matcher interface {
	match(q *query) (bool, error)
}

// Options of Compile. All may be left empty.
type Options struct {
	// Before is the firewall that this one follows, whose counters go on.
	Before *Firewall
	// Log is told of what rules blocked or counted.
	Log Log
	// Store shares the counts of rates with other proxies; nil for none. It is the same for all
	// firewalls of a process.
	Store *Store
	// Dir is the folder that relative paths are seen from.
	Dir string
}

// Compile makes the firewall of env; nil when its file has none.
func Compile(env *spec.Environment, options Options) (*Firewall, error) {
	before := options.Before
	w := &env.WAF
	if !w.Present() {
		return nil, nil
	}
	f := &Firewall{defaultAction: actions[w.DefaultAction], log: options.Log}
	for _, name := range slices.Sorted(maps.Keys(w.IPSets)) {
		set := w.IPSets[name]
		blocks, err := client.NewBlocks(set.Addresses)
		if err != nil {
			return nil, fmt.Errorf("ip_sets.%s: %w", name, err)
		}
		f.rules = append(f.rules, rule{name: name, action: actions[set.Action], status: statusForbidden, matcher: ipSet{blocks}})
	}
	if path := env.Proxy.GeoDatabase; path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(options.Dir, path)
		}
		var err error
		if f.countries, err = openCountries(path, before.database()); err != nil {
			return nil, fmt.Errorf("proxy.geo_database: %w", err)
		}
		if g := &w.GeoMatch; len(g.CountryCodes) > 0 {
			f.rules = append(f.rules, rule{
				name: spec.GeoMatchRule, action: actions[g.Action], status: statusForbidden, matcher: geoMatch{f.countries, g.CountryCodes},
			})
		}
	}
	for i := range w.RateLimits {
		l := &w.RateLimits[i]
		f.rules = append(f.rules, rule{
			name: l.Name, action: actions[l.Action], status: l.Status, retryAfter: retryAfter(l),
			matcher: newRateLimit(l, before.rateLimit(l.Name), options.Store),
		})
	}
	if before != nil && before.engine != nil && slices.Equal(before.engine.names, w.Managed) {
		f.engine = before.engine // what it was made of has not changed
	} else if len(w.Managed) > 0 {
		engine, err := newEngine(w.Managed)
		if err != nil {
			return nil, fmt.Errorf("managed: %w", err)
		}
		f.engine = engine
	}
	if f.engine != nil {
		f.rules = append(f.rules, managedRules(w, f.engine)...)
	}
	for i := range f.rules {
		f.rules[i].counters = before.countersOf(f.rules[i].name)
	}
	f.unruled = before.countersOf(spec.DefaultActionRule)
	return f, nil
}

// database is that of countries; nil if there is none.
func (f *Firewall) database() *countries {
	if f == nil {
		return nil
	}
	return f.countries
}

// rateLimit is the rate rule of that name; nil if there is none.
func (f *Firewall) rateLimit(name string) *rateLimit {
	if f == nil {
		return nil
	}
	for i := range f.rules {
		if r, ok := f.rules[i].matcher.(*rateLimit); ok && f.rules[i].name == name {
			return r
		}
	}
	return nil
}

// query is one request as rules see it.
type query struct {
	x      *exchange.Exchange
	client netip.Addr
	// path is normalPath's, empty until it is asked for; key is room for the key of a rate.
	path, key []byte

	// inspected says that findings, or err, are there.
	inspected bool
	findings  []finding
	err       error
	// oversize are the parts that were not inspected as a whole.
	oversize []string
	// counted are the rules that matched and counted, for the log.
	counted []*rule
}

// maxKept bounds what a query keeps for the next one: paths are seldom longer.
const maxKept = 1 << 10

// reset forgets the request.
func (q *query) reset() {
	path, key, counted := q.path[:0], q.key[:0], q.counted[:0]
	clear(q.counted) // which would keep another description's rules alive
	if cap(path) > maxKept {
		path = nil
	}
	*q = query{path: path, key: key, counted: counted}
}

var queries = sync.Pool{New: func() any { return new(query) }}

// Judge decides about a request whose head is there and none of its body has been read.
func (f *Firewall) Judge(x *exchange.Exchange) Verdict {
	q := queries.Get().(*query)
	q.x, q.client = x, x.ClientAddr().Addr().Unmap().WithZone("")
	v := f.judge(q)
	q.reset()
	queries.Put(q)
	return v
}

func (f *Firewall) judge(q *query) Verdict {
	shard := q.x.Conn.Shard
	for i := range f.rules {
		r := &f.rules[i]
		matched, err := r.matcher.match(q)
		if err != nil {
			return failed(err)
		}
		if !matched {
			continue
		}
		r.counters.add(shard, r.action)
		switch r.action {
		case allow:
			f.tell(q, r, false)
			return Verdict{Outcome: Allowed}
		case block:
			f.tell(q, r, true)
			return Verdict{Outcome: Blocked, Status: r.status, RetryAfter: r.retryAfter}
		case count:
			if f.log != nil {
				q.counted = append(q.counted, r)
			}
		}
	}
	f.unruled.add(shard, f.defaultAction)
	f.tell(q, nil, f.defaultAction == block)
	if f.defaultAction == block {
		return Verdict{Outcome: Blocked, Status: statusForbidden}
	}
	return Verdict{Outcome: Allowed}
}
