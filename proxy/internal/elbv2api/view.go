package elbv2api

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// view is everything at one moment: what is declared, what was made, and what results. It
// is never written to.
type view struct {
	declared *spec.Environment
	model    *Model
	env      *spec.Environment

	// What ARNs stand for: places in env.
	groups    map[string]int
	listeners map[string]int
	rules     map[string]ruleIndex
	// users are the listeners that forward to a target group, by its name.
	users map[string]bool
}

// ruleIndex is a rule's place: its listener and, unless it is the default rule, its place
// among the listener's.
type ruleIndex struct {
	listener int
	rule     int // -1: the default rule
}

// newView lays m over what is declared and holds the result to all rules. before is the
// environment that it is made of, if that was valid; else nil.
func newView(declared *spec.Environment, m *Model, before *spec.Environment) (*view, error) {
	env, err := m.Overlay(declared)
	if err != nil {
		return nil, err
	}
	if problems := spec.Validate(env, before); len(problems) > 0 {
		return nil, refusalOf(problems[0])
	}
	v := &view{declared: declared, model: m, env: env, groups: map[string]int{}, listeners: map[string]int{}, rules: map[string]ruleIndex{}}
	for i := range env.TargetGroups {
		v.groups[env.TargetGroupARN(env.TargetGroups[i].Name)] = i
	}
	for i := range env.LoadBalancer.Listeners {
		l := &env.LoadBalancer.Listeners[i]
		v.listeners[env.ListenerARN(l.Name)] = i
		v.rules[env.RuleARN(l.Name, 0)] = ruleIndex{i, -1}
		for j := range l.Rules {
			v.rules[env.RuleARN(l.Name, l.Rules[j].Priority)] = ruleIndex{i, j}
		}
	}
	v.users = env.InUseTargetGroups()
	return v, nil
}

// refusals are the codes of problems with an environment, by their paths.
var refusals = []struct {
	path *regexp.Regexp
	code string
}{
	{regexp.MustCompile(`^load_balancer\.listeners$`), codeTooManyRules},
	{regexp.MustCompile(`^load_balancer\.listeners\[\d+\]\.certificates`), codeTooManyCertificates},
	{regexp.MustCompile(`^target_groups$`), codeTooManyTargets},
	{regexp.MustCompile(`^target_groups\[\d+\]\.targets`), codeInvalidTarget},
	{regexp.MustCompile(`\.redirect(\.|$)`), codeInvalidLoadBalancerAction},
	{regexp.MustCompile(`\.fixed_response(\.|$)`), codeInvalidLoadBalancerAction},
	{regexp.MustCompile(`\.forward\[\d+\]\.target_group$`), codeIncompatibleProtocols},
	{regexp.MustCompile(`\.target_group_stickiness$`), codeInvalidConfigurationRequest},
	{regexp.MustCompile(`^load_balancer\.attributes`), codeInvalidConfigurationRequest},
	{regexp.MustCompile(`\.response_headers`), codeInvalidConfigurationRequest},
	{regexp.MustCompile(`^target_groups\[\d+\]\.(stickiness|slow_start|anomaly_mitigation|algorithm|cross_zone|target_group_health|deregistration_delay)`), codeInvalidConfigurationRequest},
}

// refusalOf is a problem in AWS's words.
func refusalOf(p spec.Problem) *Error {
	if strings.Contains(p.What, "stickiness") {
		return fail(codeInvalidConfigurationRequest, "%s", p.Error())
	}
	for _, r := range refusals {
		if r.path.MatchString(p.Path) {
			return fail(r.code, "%s", p.Error())
		}
	}
	return fail(codeValidationError, "%s", p.Error())
}

// hasLoadBalancer tells whether there is one, declared or made.
func (v *view) hasLoadBalancer() bool {
	return v.model.LoadBalancer != nil || declaresLoadBalancer(v.declared)
}

// notFound is the refusal of an ARN that stands for nothing here, or that is none.
func notFound(code, noun, arn string) *Error {
	if !strings.HasPrefix(arn, "arn:") {
		return fail(codeValidationError, "'%s' is not a valid %s ARN", excerpt(arn), strings.ToLower(noun))
	}
	return fail(code, "%s '%s' not found", noun, excerpt(arn))
}

// checkLoadBalancer refuses an ARN that is not the load balancer's.
func (v *view) checkLoadBalancer(arn string) *Error {
	if !v.hasLoadBalancer() || arn != v.env.LoadBalancerARN() {
		return notFound(codeLoadBalancerNotFound, "Load balancer", arn)
	}
	return nil
}

func (v *view) targetGroup(arn string) (*spec.TargetGroup, *Error) {
	if i, ok := v.groups[arn]; ok {
		return &v.env.TargetGroups[i], nil
	}
	return nil, notFound(codeTargetGroupNotFound, "Target group", arn)
}

func (v *view) listener(arn string) (*spec.Listener, *Error) {
	if i, ok := v.listeners[arn]; ok {
		return &v.env.LoadBalancer.Listeners[i], nil
	}
	return nil, notFound(codeListenerNotFound, "Listener", arn)
}

// rule returns the listener and the rule, which is nil for the default rule.
func (v *view) rule(arn string) (*spec.Listener, *spec.Rule, *Error) {
	at, ok := v.rules[arn]
	if !ok {
		return nil, nil, notFound(codeRuleNotFound, "Rule", arn)
	}
	l := &v.env.LoadBalancer.Listeners[at.listener]
	if at.rule < 0 {
		return l, nil, nil
	}
	return l, &l.Rules[at.rule], nil
}

// declaredRefusal is for what the file declares and the API must leave alone.
func (v *view) declaredRefusal(noun, name string) *Error {
	return fail(codeOperationNotPermitted, "The %s '%s' is declared by the environment file %s and cannot be changed or deleted here; change the file",
		noun, name, cmp.Or(v.declared.Name, "of this process"))
}
