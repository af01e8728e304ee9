package spec

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Where an ARN has the region and the account of an environment that is not on AWS.
const (
	localRegion  = "local"
	localAccount = "000000000000"
)

// LoadBalancerID is the last part of the load balancer's ARN, which logs and metrics carry:
// app/<name>/<16 hex digits>. Outside AWS the digits are a hash of the name, the same in
// every process.
func (e *Environment) LoadBalancerID() string {
	return "app/" + e.LoadBalancer.Name + "/" + e.hash("loadbalancer", e.LoadBalancer.Name)
}

// DNSName is the name under which the load balancer knows itself: the domain or, without
// one, a name made of the load balancer's.
func (e *Environment) DNSName() string {
	return cmp.Or(e.Domain, strings.ToLower(e.LoadBalancer.Name)+".elb."+localRegion)
}

// LoadBalancerARN is the load balancer's Amazon Resource Name.
func (e *Environment) LoadBalancerARN() string {
	return e.arn("loadbalancer/" + e.LoadBalancerID())
}

// TargetGroupARN is the Amazon Resource Name of the target group of that name.
func (e *Environment) TargetGroupARN(name string) string {
	return e.arn("targetgroup/" + name + "/" + e.hash("targetgroup", name))
}

// ListenerARN is the Amazon Resource Name of the listener of that name.
func (e *Environment) ListenerARN(name string) string {
	return e.arn("listener/" + e.LoadBalancerID() + "/" + e.hash("listener", name))
}

// RuleARN is the Amazon Resource Name of a listener's rule by its priority; 0 is the default
// rule.
func (e *Environment) RuleARN(listener string, priority int) string {
	return e.arn("listener-rule/" + e.LoadBalancerID() + "/" + e.hash("listener", listener) +
		"/" + e.hash("rule", listener, strconv.Itoa(priority)))
}

func (e *Environment) arn(resource string) string {
	return "arn:aws:elasticloadbalancing:" + cmp.Or(e.AWS.Region, localRegion) + ":" +
		cmp.Or(e.AWS.Account, localAccount) + ":" + resource
}

// Identifiers are the last parts of ARNs, 16 hex digits each, by what they belong to. What
// has none here has one that is made of its name.
type Identifiers map[string]string

// SetLoadBalancer gives the load balancer of that name an id.
func (i Identifiers) SetLoadBalancer(name, id string) { i.set(id, "loadbalancer", name) }

// SetTargetGroup gives the target group of that name an id.
func (i Identifiers) SetTargetGroup(name, id string) { i.set(id, "targetgroup", name) }

// SetListener gives the listener of that name an id.
func (i Identifiers) SetListener(name, id string) { i.set(id, "listener", name) }

// SetRule gives a listener's rule of that priority an id.
func (i Identifiers) SetRule(listener string, priority int, id string) {
	i.set(id, "rule", listener, strconv.Itoa(priority))
}

func (i Identifiers) set(id string, parts ...string) { i[strings.Join(parts, "/")] = id }

// hash is 16 hex digits that stay the same as long as the names do.
func (e *Environment) hash(parts ...string) string {
	if id, ok := e.Identifiers[strings.Join(parts, "/")]; ok {
		return id
	}
	sum := sha256.Sum256([]byte(e.LoadBalancer.Name + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
