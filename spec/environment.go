// Package spec is the environment file: one description of a load balancer, its targets and
// what stands around them, from which both the CDK app and the container are made. It
// reads and checks the file, knows every default and limit, and gives the names that all
// others share.
//
// Values are what the file says over the base that it extends over the defaults in Go. The
// defaults and limits of a type stand beside it, in its file.
package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Environment is one effective environment file: defaults, then the base that
// `extends` names, then the file itself. Callers never write to it once loaded.
type Environment struct {
	// Name of the environment: the file's base name without its ending.
	Name string `yaml:"-"`
	// Identifiers are the ids of what the control API made, which no file says.
	Identifiers Identifiers `yaml:"-"`
	// Extends names one file whose values hold where this file says nothing: maps merge by
	// key, lists replace. A relative path starts at this file's folder. A base extends
	// nothing. Default: none.
	Extends string `yaml:"extends"`
	// App names the application; stacks, resources and the load balancer carry it. At most
	// 20 lower-case letters, digits and hyphens, a letter first.
	App string `yaml:"app"`
	// Domain is the public host name. Default: none.
	Domain string `yaml:"domain"`
	// LoadBalancer is the Application Load Balancer itself: attributes, listeners, rules.
	LoadBalancer LoadBalancer `yaml:"load_balancer"`
	// Certificates are the TLS certificates that listeners name.
	Certificates map[string]Certificate `yaml:"certificates"`
	// TargetGroups are what requests are forwarded to; at most 100.
	TargetGroups []TargetGroup `yaml:"target_groups"`
	// Edge is what stands before the load balancer: CloudFront and S3 on AWS, built into the
	// container elsewhere.
	Edge Edge `yaml:"edge"`
	// WAF is the web application firewall: a WAFv2 web ACL on AWS.
	WAF WAF `yaml:"waf"`
	// Fleets are groups of instances by name: EC2 Auto Scaling groups on AWS.
	Fleets map[string]Fleet `yaml:"fleets"`
	// Data is the database, cache and broker, created or pointed at.
	Data Data `yaml:"data"`
	// Alarms holds the thresholds from which every alarm, dashboard and Prometheus rule is
	// made.
	Alarms Alarms `yaml:"alarms"`
	// HealthAggregate says how health is gathered into one document.
	HealthAggregate HealthAggregate `yaml:"health_aggregate"`
	// DNS is the zone that gets the record of Domain.
	DNS DNS `yaml:"dns"`
	// AWS says where in AWS the environment goes.
	AWS AWS `yaml:"aws"`
	// Proxy says how the container binds and logs; the CDK app ignores it.
	Proxy Proxy `yaml:"proxy"`
}

// MaxAppLength leaves room for the environment's name in a load balancer's 32 characters.
const MaxAppLength = 20

func (e *Environment) limits() limits {
	return limits{
		"app":           required(like(appShape, "lower-case letters, digits and hyphens, at most 20, a letter first")),
		"domain":        like(hostShape, "a host name such as www.example.com"),
		"target_groups": atMost(MaxTargetGroups),
	}
}

// complete fills in what follows from other values.
func (e *Environment) complete() {
	if e.LoadBalancer.Name == "" {
		e.LoadBalancer.Name = loadBalancerName(e.App, e.Name)
	}
	for i := range e.LoadBalancer.Listeners {
		e.LoadBalancer.Listeners[i].Complete()
	}
	for i := range e.TargetGroups {
		e.TargetGroups[i].Complete()
	}
	for i := range e.Edge.Static {
		e.Edge.Static[i].complete()
	}
	for i := range e.Edge.Cache {
		e.Edge.Cache[i].complete()
	}
	e.Data.complete()
	e.AWS.VPC.complete()
	e.HealthAggregate.Replacement.complete()
	for name, f := range e.Fleets {
		f.complete()
		e.Fleets[name] = f
	}
}

// ResourceName is the name of a stack or resource of the environment on AWS:
// <app>-<environment>-<what>, by which functions and people find it.
func (e *Environment) ResourceName(what string) string {
	return e.App + "-" + e.Name + "-" + what
}

// loadBalancerName joins application and environment to a name that AWS takes.
func loadBalancerName(app, env string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, app+"-"+env)
	return strings.Trim(name[:min(len(name), MaxNameLength)], "-")
}

// TargetGroup returns the target group of that name, or nil.
func (e *Environment) TargetGroup(name string) *TargetGroup {
	for i := range e.TargetGroups {
		if e.TargetGroups[i].Name == name {
			return &e.TargetGroups[i]
		}
	}
	return nil
}

// InUseTargetGroups returns the names of the target groups that an action of any listener
// forwards to. The targets of all others are `unused` and are not checked.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (e *Environment) InUseTargetGroups() map[string]bool {
	used := map[string]bool{}
	for i := range e.LoadBalancer.Listeners {
		for _, a := range e.LoadBalancer.Listeners[i].actions() {
			for _, f := range a.action.Forward {
				used[f.TargetGroup] = true
			}
		}
	}
	return used
}

// TargetsSpeakTLS tells whether a target group in use has protocol HTTPS.
func (e *Environment) TargetsSpeakTLS() bool {
	used := e.InUseTargetGroups()
	return slices.ContainsFunc(e.TargetGroups, func(g TargetGroup) bool { return used[g.Name] && g.Protocol == ProtocolHTTPS })
}

// ClientsSpeakTLS tells whether a listener has protocol HTTPS.
func (e *Environment) ClientsSpeakTLS() bool {
	return slices.ContainsFunc(e.LoadBalancer.Listeners, func(l Listener) bool { return l.Protocol == ProtocolHTTPS })
}

// environment checks what no single section can.
func (c *checker) environment() {
	e := c.env
	names := map[string]string{}
	registered := 0
	used := e.InUseTargetGroups()
	for i := range e.TargetGroups {
		g := &e.TargetGroups[i]
		path := element("target_groups", i)
		c.unique(names, g.Name, field(path, "name"))
		registered += len(g.Targets)
		if g.Name != "" && !used[g.Name] && !e.Proxy.ELBv2API.Served() {
			c.warn(path, "no rule forwards to this target group, so its targets are not used", quote(g.Name), "")
		}
	}
	if registered > MaxTargets {
		c.refuse("target_groups", "hold more targets than a load balancer takes", fmt.Sprint(registered), fmt.Sprintf("at most %d", MaxTargets))
	}
}
