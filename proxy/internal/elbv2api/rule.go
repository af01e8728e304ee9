package elbv2api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/evenkeel/evenkeel/spec"
)

// describedRule is a rule as AWS shows one.
type describedRule struct {
	RuleArn    string
	Priority   string
	Conditions members[ruleCondition]
	Actions    members[action]
	IsDefault  bool
	Transforms members[ruleTransform]
}

// defaultPriority is what AWS shows as the default rule's.
const defaultPriority = "default"

// describeRule shows a rule; nil is the default rule.
func (v *view) describeRule(l *spec.Listener, r *spec.Rule) describedRule {
	if r == nil {
		return describedRule{RuleArn: v.env.RuleARN(l.Name, 0), Priority: defaultPriority, Actions: v.showActions(&l.DefaultAction), IsDefault: true}
	}
	return describedRule{
		RuleArn: v.env.RuleARN(l.Name, r.Priority), Priority: strconv.Itoa(r.Priority), Conditions: showConditions(r.Conditions),
		Actions: v.showActions(&r.Action), Transforms: showTransforms(&r.Transforms),
	}
}

type rulesOutput struct {
	Rules      members[describedRule]
	NextMarker string `xml:",omitempty"`
}

// oneRule is the answer of an action that made or changed the rule with that id.
func (v *view) oneRule(id string) (any, error) {
	made := find(v.model.Rules, func(r *Rule) bool { return r.ID == id })
	if made == nil {
		return nil, fail(codeRuleNotFound, "Rule not found")
	}
	l := find(v.env.LoadBalancer.Listeners, func(l *spec.Listener) bool { return l.Name == made.Listener })
	return rulesOutput{Rules: members[describedRule]{v.describeRule(l, &made.Rule)}}, nil
}

type createRuleInput struct {
	ListenerArn string          `aws:"required"`
	Conditions  []ruleCondition `aws:"required"`
	Priority    *int            `aws:"required 1..50000"`
	Actions     []action        `aws:"required"`
	Tags        []tag
	Transforms  []ruleTransform
}

func createRule(c *call, in *createRuleInput) (any, error) {
	tags, refusal := newTags(in.Tags)
	if refusal != nil {
		return nil, refusal
	}
	made := Rule{ID: newID(), Tags: tags}
	v, err := c.change(func(c *change) error {
		l, refusal := c.listener(in.ListenerArn)
		if refusal != nil {
			return refusal
		}
		made.Listener = l.Name
		made.Rule.Name, made.Rule.Priority = "rule-"+made.ID, *in.Priority
		if slices.ContainsFunc(l.Rules, func(r spec.Rule) bool { return r.Priority == *in.Priority }) {
			return fail(codePriorityInUse, "Priority '%d' is currently in use", *in.Priority)
		}
		if c.countRules() >= spec.MaxRules {
			return fail(codeTooManyRules, "The maximum number of rules has been reached: %d", spec.MaxRules)
		}
		said := ruleSettings{in.Conditions, in.Actions, in.Transforms}
		if err := said.apply(c, &made.Rule); err != nil {
			return err
		}
		c.model.Rules = append(c.model.Rules, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.oneRule(made.ID)
}

func (v *view) countRules() int {
	n := 0
	for i := range v.env.LoadBalancer.Listeners {
		n += len(v.env.LoadBalancer.Listeners[i].Rules)
	}
	return n
}

// ruleSettings is what creating and modifying have in common; nil is what was not said.
type ruleSettings struct {
	conditions []ruleCondition
	actions    []action
	transforms []ruleTransform
}

func (s *ruleSettings) apply(c *change, r *spec.Rule) (err error) {
	if s.conditions != nil {
		if r.Conditions, err = readConditions(s.conditions); err != nil {
			return err
		}
	}
	if s.actions != nil {
		if r.Action, err = c.readActions(s.actions); err != nil {
			return err
		}
	}
	if s.transforms != nil {
		r.Transforms, err = readTransforms(s.transforms)
	}
	return err
}

type describeRulesInput struct {
	ListenerArn string
	RuleArns    []string
	Marker      string
	PageSize    *int
}

func describeRules(c *call, in *describeRulesInput) (any, error) {
	v := c.view()
	if (in.ListenerArn == "") == (len(in.RuleArns) == 0) {
		return nil, fail(codeValidationError, "You must specify either listener rule ARNs or a listener ARN")
	}
	if in.ListenerArn != "" {
		if _, err := v.listener(in.ListenerArn); err != nil {
			return nil, err
		}
	}
	for _, arn := range in.RuleArns {
		if _, _, err := v.rule(arn); err != nil {
			return nil, err.orElse("One or more rules not found")
		}
	}
	var list []describedRule
	for i := range v.env.LoadBalancer.Listeners {
		l := &v.env.LoadBalancer.Listeners[i]
		if in.ListenerArn != "" && v.env.ListenerARN(l.Name) != in.ListenerArn {
			continue
		}
		rules := []describedRule{v.describeRule(l, nil)}
		for j := range l.Rules {
			rules = append(rules, v.describeRule(l, &l.Rules[j]))
		}
		for _, d := range rules {
			if len(in.RuleArns) == 0 || slices.Contains(in.RuleArns, d.RuleArn) {
				list = append(list, d)
			}
		}
	}
	shown, next, err := paged(page{in.Marker, in.PageSize}, list, func(d *describedRule) string {
		return fmt.Sprintf("%7s %s", d.Priority, d.RuleArn) // the default rule, a word, comes last
	})
	if err != nil {
		return nil, err
	}
	return rulesOutput{shown, next}, nil
}

// ownRule is the rule of that ARN, which the API made.
func (c *change) ownRule(arn string) (*Rule, error) {
	l, r, refusal := c.rule(arn)
	switch {
	case refusal != nil:
		return nil, refusal
	case r == nil:
		return nil, fail(codeOperationNotPermitted, "Default rule '%s' cannot be modified or deleted: its action is the listener's", arn)
	}
	if made := c.model.rule(l.Name, r.Priority); made != nil {
		return made, nil
	}
	return nil, c.declaredRefusal("rule", r.Name)
}

type modifyRuleInput struct {
	RuleArn         string `aws:"required"`
	Conditions      []ruleCondition
	Actions         []action
	Transforms      []ruleTransform
	ResetTransforms *bool
}

func modifyRule(c *call, in *modifyRuleInput) (any, error) {
	reset := in.ResetTransforms != nil && *in.ResetTransforms
	if reset && len(in.Transforms) > 0 {
		return nil, fail(codeValidationError, "You cannot specify both transforms and their reset")
	}
	var id string
	v, err := c.change(func(c *change) error {
		made, err := c.ownRule(in.RuleArn)
		if err != nil {
			return err
		}
		id = made.ID
		if reset {
			made.Rule.Transforms = spec.Transforms{}
		}
		said := ruleSettings{in.Conditions, in.Actions, in.Transforms}
		return said.apply(c, &made.Rule)
	})
	if err != nil {
		return nil, err
	}
	return v.oneRule(id)
}

type ruleInput struct {
	RuleArn string `aws:"required"`
}

func deleteRule(c *call, in *ruleInput) (any, error) {
	_, err := c.change(func(c *change) error {
		made, err := c.ownRule(in.RuleArn)
		if err != nil {
			return err
		}
		id := made.ID
		c.model.Rules = slices.DeleteFunc(c.model.Rules, func(r Rule) bool { return r.ID == id })
		return nil
	})
	return nil, err
}

type rulePriorityPair struct {
	RuleArn  string `aws:"required"`
	Priority *int   `aws:"required 1..50000"`
}

type setRulePrioritiesInput struct {
	RulePriorities []rulePriorityPair `aws:"required"`
}

func setRulePriorities(c *call, in *setRulePrioritiesInput) (any, error) {
	var ids []string
	v, err := c.change(func(c *change) error {
		// Found by what they were, then changed: priorities may change places.
		var rules []*Rule
		for _, pair := range in.RulePriorities {
			made, err := c.ownRule(pair.RuleArn)
			if err != nil {
				return err
			}
			rules = append(rules, made)
			ids = append(ids, made.ID)
		}
		for i, pair := range in.RulePriorities {
			rules[i].Rule.Priority = *pair.Priority
		}
		return c.checkPriorities()
	})
	if err != nil {
		return nil, err
	}
	out := rulesOutput{}
	for _, id := range ids {
		one, err := v.oneRule(id)
		if err != nil {
			return nil, err
		}
		out.Rules = append(out.Rules, one.(rulesOutput).Rules...)
	}
	return out, nil
}

// checkPriorities refuses a priority that two rules of a listener have.
func (c *change) checkPriorities() error {
	for i := range c.env.LoadBalancer.Listeners {
		l := &c.env.LoadBalancer.Listeners[i]
		taken := map[int]bool{}
		for j := range l.Rules {
			if c.isDeclared(l, &l.Rules[j]) {
				taken[l.Rules[j].Priority] = true
			}
		}
		for _, r := range c.model.Rules {
			if r.Listener != l.Name {
				continue
			}
			if taken[r.Rule.Priority] {
				return fail(codePriorityInUse, "Priority '%d' is currently in use", r.Rule.Priority)
			}
			taken[r.Rule.Priority] = true
		}
	}
	return nil
}

// isDeclared tells whether the file has the rule.
func (v *view) isDeclared(l *spec.Listener, r *spec.Rule) bool {
	return v.model.rule(l.Name, r.Priority) == nil
}
