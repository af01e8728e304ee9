package routing

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// Table holds the rules of one listener. It is immutable and safe for concurrent use.
type Table struct {
	rules []Rule // by priority, the default rule last
	// gates rule rules out, one for one; the default rule has none.
	gates []ruleGate
}

// ruleGate is what the paths and the hosts have in common that a rule takes.
type ruleGate struct{ path, host gate }

// Rule is one listener rule, or the default rule: priority 0, no conditions, no transforms.
type Rule struct {
	Name string
	// Priority is 1-50000; 0 for the default rule.
	Priority int
	Action   Action
	// Route tells forward actions apart by where they lead.
	Route string

	conditions []condition
	host, url  *rewrite
}

// defaultRule is the name of the rule that takes what no other does.
const defaultRule = "default"

// Compile makes the table of l. The error joins everything that is wrong with its rules.
func Compile(l *spec.Listener) (*Table, error) {
	t := &Table{rules: make([]Rule, 0, len(l.Rules)+1)}
	var errs []error
	for i := range l.Rules {
		rule, err := compileRule(&l.Rules[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", l.Rules[i].Name, err))
		}
		t.rules = append(t.rules, rule)
	}
	slices.SortStableFunc(t.rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	for i := 1; i < len(t.rules); i++ {
		if a, b := &t.rules[i-1], &t.rules[i]; a.Priority == b.Priority {
			errs = append(errs, fmt.Errorf("rules %s and %s: both have priority %d", a.Name, b.Name, a.Priority))
		}
	}
	for i := range t.rules {
		t.gates = append(t.gates, t.rules[i].gate())
	}
	action, err := compileAction(&l.DefaultAction)
	if err != nil {
		errs = append(errs, fmt.Errorf("default_action: %w", err))
	}
	t.rules = append(t.rules, Rule{Name: defaultRule, Action: action, Route: routeOf(&spec.Transforms{}, &l.DefaultAction)})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

func compileRule(r *spec.Rule) (Rule, error) {
	rule := Rule{Name: r.Name, Priority: r.Priority, Route: routeOf(&r.Transforms, &r.Action)}
	var errs []error
	add := func(err error, format string, args ...any) {
		if err != nil {
			errs = append(errs, fmt.Errorf(format+": %w", append(args, err)...))
		}
	}
	for i := range r.Conditions {
		c, err := compileCondition(&r.Conditions[i])
		add(err, "conditions[%d]", i)
		rule.conditions = append(rule.conditions, c)
	}
	var err error
	rule.host, err = compileRewrite(r.Transforms.HostHeaderRewrite, true)
	add(err, "transforms.host_header_rewrite")
	rule.url, err = compileRewrite(r.Transforms.URLRewrite, false)
	add(err, "transforms.url_rewrite")
	rule.Action, err = compileAction(&r.Action)
	add(err, "action")
	return rule, errors.Join(errs...)
}

// Match returns the rule that takes the request, and how many rules were evaluated to find
// it; the default rule, which is not among those, when no other did. r must be canonical.
// peer is the client's address; an IPv4 address in IPv6 form is the IPv4 address.
func (t *Table) Match(r *exchange.Request, peer netip.Addr) (rule *Rule, evaluated int) {
	peer = peer.Unmap()
	if peer.Zone() != "" {
		peer = peer.WithZone("") // no block contains an address with a zone
	}
	last := len(t.rules) - 1
	path, host := openingOf(r.Path), openingOf(r.Host)
	for i := range t.gates {
		if g := &t.gates[i]; g.path.shut(path, len(r.Path)) || g.host.shut(host, len(r.Host)) {
			continue
		}
		if t.rules[i].takes(r, peer) {
			return &t.rules[i], i + 1
		}
	}
	return &t.rules[last], last
}

func (u *Rule) takes(r *exchange.Request, peer netip.Addr) bool {
	for _, c := range u.conditions {
		if !c.holds(r, peer) {
			return false
		}
	}
	return true
}

func (u *Rule) gate() ruleGate {
	g := ruleGate{path: openGate, host: openGate}
	for _, c := range u.conditions {
		switch c := c.(type) {
		case *pathPattern:
			g.path = g.path.and(c.gate())
		case *hostHeader:
			g.host = g.host.and(c.gate())
		}
	}
	return g
}
