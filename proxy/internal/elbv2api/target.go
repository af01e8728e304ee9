package elbv2api

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

type targetsInput struct {
	TargetGroupArn string              `aws:"required"`
	Targets        []targetDescription `aws:"required"`
}

func registerTargets(c *call, in *targetsInput) (any, error) {
	v := c.view()
	g, refusal := v.targetGroup(in.TargetGroupArn)
	if refusal != nil {
		return nil, refusal
	}
	// A resolver takes its time, in which other changes may be made.
	targets, err := c.resolve(v, g, in.Targets)
	if err != nil {
		return nil, err
	}
	_, err = c.change(func(c *change) error {
		g, refusal := c.targetGroup(in.TargetGroupArn)
		if refusal != nil {
			return refusal
		}
		return c.register(g, targets)
	})
	return nil, err
}

// resolve finds the addresses of the targets that are asked for.
func (c *call) resolve(v *view, g *spec.TargetGroup, list []targetDescription) ([]Target, error) {
	targets := make([]Target, len(list))
	var unknown []string
	for i, d := range list {
		targets[i] = Target{ID: d.Id, AvailabilityZone: d.AvailabilityZone}
		if d.Port != nil && *d.Port != g.Port {
			targets[i].Port = *d.Port
		}
		switch declared := declaredTarget(v, g, d.Id); {
		case declared != nil:
			targets[i].Address = declared.Address
			if d.Port == nil {
				targets[i].Port = declared.Port
			}
		case g.TargetType == spec.TargetTypeIP:
			a, err := netip.ParseAddr(d.Id)
			if err != nil || a.Zone() != "" {
				return nil, fail(codeValidationError, "The IP address '%s' is not a valid IPv4 or IPv6 address", excerpt(d.Id))
			}
			targets[i].Address = d.Id
		case !spec.IsInstanceID(d.Id):
			return nil, fail(codeValidationError, "Instance ID '%s' is not valid", excerpt(d.Id))
		case v.env.Proxy.ELBv2API.Instances[d.Id] != "":
			targets[i].Address = v.env.Proxy.ELBv2API.Instances[d.Id]
		default:
			unknown = append(unknown, d.Id)
		}
	}
	found, err := c.api.resolveInstances(c.ctx, v.env.Proxy.ELBv2API.InstanceResolver, unknown)
	if err != nil {
		return nil, err
	}
	for i := range targets {
		targets[i].Address = cmp.Or(targets[i].Address, found[targets[i].ID])
	}
	return targets, nil
}

// declaredTarget is the target that the file declares in g by that id, registered or not.
func declaredTarget(v *view, g *spec.TargetGroup, id string) *spec.Target {
	declared := v.declared.TargetGroup(g.Name)
	if declared == nil {
		return nil
	}
	return find(declared.Targets, func(t *spec.Target) bool { return t.ID == id })
}

// register adds targets to g. One that is there already is registered as is said now.
func (c *change) register(g *spec.TargetGroup, targets []Target) error {
	t := c.model.Targets[g.Name]
	t.Registered = slices.Clone(t.Registered)
	for _, r := range targets {
		at := endpoint(r.Address, cmp.Or(r.Port, g.Port))
		t.Deregistered = slices.DeleteFunc(slices.Clone(t.Deregistered), func(d Deregistered) bool { return endpoint(d.Address, d.Port) == at })
		if declared := c.declared.TargetGroup(g.Name); declared != nil && slices.ContainsFunc(declared.Targets, func(d spec.Target) bool {
			return endpoint(d.Address, cmp.Or(d.Port, g.Port)) == at
		}) {
			continue // the file has it
		}
		same := find(t.Registered, func(there *Target) bool { return endpoint(there.Address, cmp.Or(there.Port, g.Port)) == at })
		if same != nil {
			if g.TargetType == spec.TargetTypeInstance && same.ID != r.ID {
				return fail(codeInvalidTarget, "The instance '%s' has the address of '%s', which is registered", r.ID, same.ID)
			}
			*same = r
			continue
		}
		t.Registered = append(t.Registered, r)
	}
	c.model.Targets[g.Name] = t
	return nil
}

func deregisterTargets(c *call, in *targetsInput) (any, error) {
	_, err := c.change(func(c *change) error {
		g, refusal := c.targetGroup(in.TargetGroupArn)
		if refusal != nil {
			return refusal
		}
		return c.deregister(g, in.Targets)
	})
	return nil, err
}

// portMeant is the port of a target that was named without one: the group's, or any if the
// id is on other ports only.
func portMeant(g *spec.TargetGroup, d targetDescription, ports []int) func(port int) bool {
	switch {
	case d.Port != nil:
		return func(port int) bool { return port == *d.Port }
	case slices.Contains(ports, g.Port):
		return func(port int) bool { return port == g.Port }
	}
	return func(int) bool { return true }
}

// deregister takes targets out of g.
func (c *change) deregister(g *spec.TargetGroup, list []targetDescription) error {
	t := c.model.Targets[g.Name]
	t.Registered, t.Deregistered = slices.Clone(t.Registered), slices.Clone(t.Deregistered)
	for _, d := range list {
		var ports []int
		for _, there := range g.Targets {
			if there.ID == d.Id || there.Address == d.Id {
				ports = append(ports, cmp.Or(there.Port, g.Port))
			}
		}
		meant := portMeant(g, d, ports)
		named := func(id, address string, port int) bool {
			return (id == d.Id || address == d.Id) && meant(cmp.Or(port, g.Port))
		}
		var gone bool
		for _, there := range g.Targets {
			if !named(there.ID, there.Address, there.Port) {
				continue
			}
			gone = true
			at := endpoint(there.Address, cmp.Or(there.Port, g.Port))
			t.Registered = slices.DeleteFunc(t.Registered, func(r Target) bool { return named(r.ID, r.Address, r.Port) })
			if declared := c.declared.TargetGroup(g.Name); declared != nil && slices.ContainsFunc(declared.Targets, func(d spec.Target) bool {
				return endpoint(d.Address, cmp.Or(d.Port, g.Port)) == at
			}) && !slices.Contains(t.Deregistered, Deregistered{there.Address, cmp.Or(there.Port, g.Port)}) {
				t.Deregistered = append(t.Deregistered, Deregistered{there.Address, cmp.Or(there.Port, g.Port)})
			}
		}
		if refusal := checkTargetID(c.view, g, d.Id); refusal != nil && !gone {
			return refusal
		}
	}
	c.model.Targets[g.Name] = t
	return nil
}

// checkTargetID refuses what can be no target of g.
func checkTargetID(v *view, g *spec.TargetGroup, id string) *Error {
	if declaredTarget(v, g, id) != nil {
		return nil
	}
	if _, err := netip.ParseAddr(id); err == nil || g.TargetType == spec.TargetTypeInstance && spec.IsInstanceID(id) {
		return nil
	}
	return fail(codeInvalidTarget, "The target '%s' is not valid for target groups with target type '%s'", excerpt(id), g.TargetType)
}

type describeTargetHealthInput struct {
	TargetGroupArn string `aws:"required"`
	Targets        []targetDescription
	Include        []string `aws:"AnomalyDetection|All"`
}

type shownTarget struct {
	Id               string
	Port             int
	AvailabilityZone string `xml:",omitempty"`
}

type shownHealth struct {
	State       targethealth.State
	Reason      targethealth.Reason `xml:",omitempty"`
	Description string              `xml:",omitempty"`
}

type anomalyDetection struct {
	Result             string
	MitigationInEffect string
}

type targetHealthDescription struct {
	Target           shownTarget
	HealthCheckPort  string `xml:",omitempty"`
	TargetHealth     shownHealth
	AnomalyDetection *anomalyDetection `xml:",omitempty"`
}

type targetHealthOutput struct {
	TargetHealthDescriptions members[targetHealthDescription]
}

func describeTargetHealth(c *call, in *describeTargetHealthInput) (any, error) {
	v := c.view()
	g, refusal := v.targetGroup(in.TargetGroupArn)
	if refusal != nil {
		return nil, refusal
	}
	var all []targetHealthDescription
	var addresses []string
	for _, h := range c.api.options.DataPlane.TargetHealth(g.Name) {
		all = append(all, describeHealth(g, &h, len(in.Include) > 0))
		addresses = append(addresses, hostOf(h.Address))
	}
	if len(in.Targets) == 0 {
		return targetHealthOutput{all}, nil
	}
	var list members[targetHealthDescription]
	for _, asked := range in.Targets {
		if refusal := checkTargetID(v, g, asked.Id); refusal != nil {
			return nil, refusal
		}
		var ports []int
		for i, d := range all {
			if d.Target.Id == asked.Id || addresses[i] == asked.Id {
				ports = append(ports, d.Target.Port)
			}
		}
		found, meant := false, portMeant(g, asked, ports)
		for i, d := range all {
			if (d.Target.Id == asked.Id || addresses[i] == asked.Id) && meant(d.Target.Port) {
				found = true
				list = append(list, d)
			}
		}
		if !found {
			port := g.Port
			setInt(&port, asked.Port)
			list = append(list, targetHealthDescription{
				Target:       shownTarget{Id: asked.Id, Port: port, AvailabilityZone: asked.AvailabilityZone},
				TargetHealth: shownHealth{targethealth.Unused, targethealth.ReasonNotRegistered, "Target is not registered to the target group"},
			})
		}
	}
	return targetHealthOutput{list}, nil
}

func describeHealth(g *spec.TargetGroup, h *TargetHealth, anomalies bool) targetHealthDescription {
	port := portOf(h.Address)
	d := targetHealthDescription{
		Target:          shownTarget{Id: h.ID, Port: port, AvailabilityZone: h.Zone},
		HealthCheckPort: strconv.Itoa(port),
		TargetHealth:    shownHealth{h.State, h.Reason, h.Description},
	}
	if fixed, ok := g.HealthCheck.FixedPort(); ok {
		d.HealthCheckPort = strconv.Itoa(fixed)
	}
	if anomalies {
		d.AnomalyDetection = &anomalyDetection{"normal", "no"}
		if h.Anomalous {
			d.AnomalyDetection.Result = "anomalous"
		}
		if h.Mitigated {
			d.AnomalyDetection.MitigationInEffect = "yes"
		}
	}
	return d
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return strings.ToLower(host)
}

func portOf(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}
