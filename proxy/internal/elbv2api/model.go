package elbv2api

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Model is all that the API has made, over what the environment file declares. A value that
// is in force is never written to; a change makes another one.
type Model struct {
	// LoadBalancer is the one that was created where the file declares none; else nil.
	LoadBalancer *LoadBalancer `json:"load_balancer,omitempty"`
	Listeners    []Listener    `json:"listeners,omitempty"`
	Rules        []Rule        `json:"rules,omitempty"`
	TargetGroups []TargetGroup `json:"target_groups,omitempty"`
	// Targets are what was registered and deregistered, by target group, declared ones too.
	Targets map[string]Targets `json:"targets,omitempty"`
}

// LoadBalancer is a load balancer that the API made.
type LoadBalancer struct {
	Name           string            `json:"name"`
	ID             string            `json:"id"`
	Created        time.Time         `json:"created"`
	Scheme         string            `json:"scheme"`
	IPAddressType  string            `json:"ip_address_type"`
	Subnets        []string          `json:"subnets,omitempty"`
	SecurityGroups []string          `json:"security_groups,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"` // those that were set
	Tags           map[string]string `json:"tags,omitempty"`
}

// Listener is a listener that the API made. Its rules are apart.
type Listener struct {
	ID       string        `json:"id"`
	Listener spec.Listener `json:"listener"`
	// IPAddressType is what the load balancer's was when the listener was created: what is open
	// cannot move.
	IPAddressType string `json:"ip_address_type,omitempty"`
	// CertificateARNs are the ARNs that the listener's certificates were named by.
	CertificateARNs map[string]string `json:"certificate_arns,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
}

// Rule is a rule that the API made, on a listener that the file may declare.
type Rule struct {
	ID string `json:"id"`
	// Listener is the name of its listener.
	Listener string            `json:"listener"`
	Rule     spec.Rule         `json:"rule"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// TargetGroup is a target group that the API made. Its targets are apart.
type TargetGroup struct {
	ID            string            `json:"id"`
	TargetGroup   spec.TargetGroup  `json:"target_group"`
	VPCID         string            `json:"vpc_id,omitempty"`
	IPAddressType string            `json:"ip_address_type"`
	Attributes    map[string]string `json:"attributes,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
}

// Targets are the changes to one group's targets.
type Targets struct {
	Registered []Target `json:"registered,omitempty"`
	// Deregistered are those of the file that are not to be.
	Deregistered []Deregistered `json:"deregistered,omitempty"`
}

// Target is a registered target: an instance or an address, and the port, if not the
// group's.
type Target struct {
	ID               string `json:"id"`
	Address          string `json:"address"`
	Port             int    `json:"port,omitempty"`
	AvailabilityZone string `json:"availability_zone,omitempty"`
}

// Deregistered names a target that the file declares, by address and port.
type Deregistered struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// clone is a copy whose lists and maps may be changed. What is in their elements may only
// be replaced.
func (m *Model) clone() *Model {
	c := *m
	if m.LoadBalancer != nil {
		lb := *m.LoadBalancer
		c.LoadBalancer = &lb
	}
	c.Listeners = slices.Clone(m.Listeners)
	c.Rules = slices.Clone(m.Rules)
	c.TargetGroups = slices.Clone(m.TargetGroups)
	c.Targets = maps.Clone(m.Targets)
	if c.Targets == nil {
		c.Targets = map[string]Targets{}
	}
	return &c
}

// equal tells whether a state file would say the same of both.
func (m *Model) equal(other *Model) bool {
	a, errA := json.Marshal(m)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// listener returns the listener of that name that the API made, or nil.
func (m *Model) listener(name string) *Listener {
	return find(m.Listeners, func(l *Listener) bool { return l.Listener.Name == name })
}

// targetGroup returns the target group of that name that the API made, or nil.
func (m *Model) targetGroup(name string) *TargetGroup {
	return find(m.TargetGroups, func(g *TargetGroup) bool { return g.TargetGroup.Name == name })
}

// rule returns the rule of that listener and priority that the API made, or nil.
func (m *Model) rule(listener string, priority int) *Rule {
	return find(m.Rules, func(r *Rule) bool { return r.Listener == listener && r.Rule.Priority == priority })
}

func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
