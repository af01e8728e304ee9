package elbv2api

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"

	"github.com/evenkeel/evenkeel/spec"
)

// Overlay is the environment in effect: what the file declares and what the API has made
// of it. It changes neither. An error says what of the two does not go together.
func (m *Model) Overlay(declared *spec.Environment) (*spec.Environment, error) {
	env := *declared
	env.Identifiers = spec.Identifiers{}
	if err := m.clash(declared); err != nil {
		return nil, err
	}
	if lb := m.LoadBalancer; lb != nil {
		// Ids that are made of names are made of the load balancer's too.
		for i := range declared.TargetGroups {
			name := declared.TargetGroups[i].Name
			env.Identifiers.SetTargetGroup(name, path.Base(declared.TargetGroupARN(name)))
		}
		if err := m.overlayLoadBalancer(&env); err != nil {
			return nil, err
		}
	}
	if err := m.overlayListeners(&env); err != nil {
		return nil, err
	}
	return &env, m.overlayTargetGroups(&env)
}

// declaresLoadBalancer tells whether the load balancer is the file's.
func declaresLoadBalancer(declared *spec.Environment) bool {
	return len(declared.LoadBalancer.Listeners) > 0
}

// clash reports what both the file and the API have.
func (m *Model) clash(declared *spec.Environment) error {
	var errs []error
	if m.LoadBalancer != nil && declaresLoadBalancer(declared) {
		errs = append(errs, fmt.Errorf("load_balancer.listeners: the file declares the load balancer %s, and the control API has created %s; delete that first",
			declared.LoadBalancer.Name, m.LoadBalancer.Name))
	}
	for i := range declared.TargetGroups {
		if name := declared.TargetGroups[i].Name; m.targetGroup(name) != nil {
			errs = append(errs, fmt.Errorf("target_groups[%d].name: the control API has created a target group %s; delete that first", i, name))
		}
	}
	names := map[string]bool{}
	for i := range declared.LoadBalancer.Listeners {
		l := &declared.LoadBalancer.Listeners[i]
		names[l.Name] = true
		for _, made := range m.Listeners {
			if made.Listener.Port == l.Port || made.Listener.Name == l.Name {
				errs = append(errs, fmt.Errorf("load_balancer.listeners[%d]: the control API has created a listener %s on port %d; delete that first",
					i, made.Listener.Name, made.Listener.Port))
			}
		}
		for j := range l.Rules {
			if m.rule(l.Name, l.Rules[j].Priority) != nil {
				errs = append(errs, fmt.Errorf("load_balancer.listeners[%d].rules[%d].priority: the control API has created a rule of priority %d; delete that first",
					i, j, l.Rules[j].Priority))
			}
		}
	}
	for _, r := range m.Rules {
		if !names[r.Listener] && m.listener(r.Listener) == nil {
			errs = append(errs, fmt.Errorf("load_balancer.listeners: the control API has created a rule of priority %d on the listener %s, which is gone; delete that first",
				r.Rule.Priority, r.Listener))
		}
	}
	if len(m.Listeners) > 0 && m.LoadBalancer == nil && !declaresLoadBalancer(declared) {
		errs = append(errs, errors.New("load_balancer.listeners: the control API has created listeners on the load balancer that the file declared; delete those first"))
	}
	return errors.Join(errs...)
}

func (m *Model) overlayLoadBalancer(env *spec.Environment) error {
	lb := m.LoadBalancer
	env.LoadBalancer.Name = lb.Name
	env.LoadBalancer.Scheme = lb.Scheme
	env.LoadBalancer.IPAddressType = lb.IPAddressType
	env.Identifiers.SetLoadBalancer(lb.Name, lb.ID)
	return loadBalancerAttributes.apply(&env.LoadBalancer.Attributes, lb.Attributes)
}

func (m *Model) overlayListeners(env *spec.Environment) error {
	if len(m.Listeners) == 0 && len(m.Rules) == 0 {
		return nil
	}
	listeners := slices.Clone(env.LoadBalancer.Listeners)
	for _, made := range m.Listeners {
		l := made.Listener
		if err := listenerAttributes.apply(&l, made.Attributes); err != nil {
			return err
		}
		if at, ok := made.listenAddress(env); ok {
			env.Proxy.Bind = maps.Clone(env.Proxy.Bind)
			if env.Proxy.Bind == nil {
				env.Proxy.Bind = map[string]string{}
			}
			env.Proxy.Bind[l.Name] = at
		}
		env.Identifiers.SetListener(l.Name, made.ID)
		env.Identifiers.SetRule(l.Name, 0, made.ID)
		listeners = append(listeners, l)
	}
	for i := range listeners {
		l := &listeners[i]
		l.Rules = slices.Clip(l.Rules)
		for _, r := range m.Rules {
			if r.Listener == l.Name {
				l.Rules = append(l.Rules, r.Rule)
				env.Identifiers.SetRule(l.Name, r.Rule.Priority, r.ID)
			}
		}
	}
	env.LoadBalancer.Listeners = listeners
	return nil
}

// listenAddress is where the listener listens if that is not where the load balancer of today
// would have it.
func (l *Listener) listenAddress(env *spec.Environment) (string, bool) {
	if _, bound := env.Proxy.Bind[l.Listener.Name]; bound || l.IPAddressType == "" {
		return "", false
	}
	then := spec.Environment{LoadBalancer: spec.LoadBalancer{IPAddressType: l.IPAddressType}}
	at := then.ListenAddress(&l.Listener)
	return at, at != env.ListenAddress(&l.Listener)
}

func (m *Model) overlayTargetGroups(env *spec.Environment) error {
	groups := slices.Clone(env.TargetGroups)
	for _, made := range m.TargetGroups {
		g := made.TargetGroup
		if err := targetGroupAttributes.apply(&g, made.Attributes); err != nil {
			return err
		}
		env.Identifiers.SetTargetGroup(g.Name, made.ID)
		groups = append(groups, g)
	}
	for i := range groups {
		if t, ok := m.Targets[groups[i].Name]; ok {
			groups[i].Targets = t.overlay(env, &groups[i])
		}
	}
	env.TargetGroups = groups
	return nil
}

// overlay is the group's list of targets. One of the file that was registered as well is
// the file's.
func (t *Targets) overlay(env *spec.Environment, g *spec.TargetGroup) []spec.Target {
	list := make([]spec.Target, 0, len(g.Targets)+len(t.Registered))
	has := make(map[netip.AddrPort]bool, cap(list))
	for _, declared := range g.Targets {
		at := endpoint(declared.Address, cmp.Or(declared.Port, g.Port))
		if !slices.ContainsFunc(t.Deregistered, func(d Deregistered) bool { return endpoint(d.Address, d.Port) == at }) {
			has[at] = true
			list = append(list, declared)
		}
	}
	for _, r := range t.Registered {
		address := cmp.Or(env.Proxy.ELBv2API.Instances[r.ID], r.Address)
		at := endpoint(address, cmp.Or(r.Port, g.Port))
		if has[at] {
			continue
		}
		has[at] = true
		list = append(list, spec.Target{
			ID: r.ID, Address: address, Port: r.Port, AvailabilityZone: r.AvailabilityZone,
			ProxyOnly: defaultTarget.ProxyOnly,
		})
	}
	return list
}

var defaultTarget = spec.Default[spec.Target]()

// endpoint is an address and a port in the one form.
func endpoint(address string, port int) netip.AddrPort {
	a, _ := netip.ParseAddr(address) // what is none was refused
	return netip.AddrPortFrom(a, uint16(port))
}

// prune drops what belongs to target groups and targets that the file does not declare any
// more. It reports whether there was anything.
func (m *Model) prune(declared *spec.Environment) bool {
	pruned := false
	for name, t := range m.Targets {
		g := declared.TargetGroup(name)
		if g == nil {
			if m.targetGroup(name) == nil {
				delete(m.Targets, name)
				pruned = true
			}
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(t.Deregistered), func(d Deregistered) bool {
			return !slices.ContainsFunc(g.Targets, func(declared spec.Target) bool {
				return endpoint(declared.Address, cmp.Or(declared.Port, g.Port)) == endpoint(d.Address, d.Port)
			})
		})
		if len(kept) < len(t.Deregistered) {
			t.Deregistered = kept
			m.Targets[name] = t
			pruned = true
		}
	}
	return pruned
}
