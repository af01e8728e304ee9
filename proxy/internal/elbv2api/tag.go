package elbv2api

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// maxTags is how many tags a resource has at most.
	maxTags = 50
	// declaredTag is on everything that the environment file declares.
	declaredTag = "evenkeel:declared"
)

// newTags reads the tags of something new.
func newTags(list []tag) (map[string]string, *Error) {
	tags := map[string]string{}
	for _, t := range list {
		if _, twice := tags[t.Key]; twice {
			return nil, fail(codeDuplicateTagKeys, "Tag key '%s' was specified more than once", t.Key)
		}
		switch {
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, fail(codeValidationError, "Tag key '%s' begins with aws:, which AWS keeps for itself", t.Key)
		case t.Key == declaredTag:
			return nil, fail(codeValidationError, "Tag key '%s' is for what the environment file declares", t.Key)
		}
		tags[t.Key] = t.Value
	}
	if len(tags) > maxTags {
		return nil, fail(codeTooManyTags, "A resource has at most %d tags", maxTags)
	}
	return tags, nil
}

// tagged is what has tags: where they are, or what it is that the file declares.
type tagged struct {
	tags *map[string]string
	noun string
	name string
}

// tagged finds what an ARN stands for. The tags are those of m.
func (v *view) tagged(m *Model, arn string) (tagged, *Error) {
	if v.checkLoadBalancer(arn) == nil {
		if m.LoadBalancer == nil {
			return tagged{noun: "load balancer", name: v.env.LoadBalancer.Name}, nil
		}
		return tagged{tags: &m.LoadBalancer.Tags}, nil
	}
	if g, refusal := v.targetGroup(arn); refusal == nil {
		if made := m.targetGroup(g.Name); made != nil {
			return tagged{tags: &made.Tags}, nil
		}
		return tagged{noun: "target group", name: g.Name}, nil
	}
	if l, refusal := v.listener(arn); refusal == nil {
		if made := m.listener(l.Name); made != nil {
			return tagged{tags: &made.Tags}, nil
		}
		return tagged{noun: "listener", name: l.Name}, nil
	}
	if l, r, refusal := v.rule(arn); refusal == nil {
		switch {
		case r == nil && m.listener(l.Name) != nil:
			return tagged{tags: new(map[string]string), noun: "default rule", name: l.Name}, nil
		case r == nil:
			return tagged{noun: "default rule", name: l.Name}, nil
		}
		if made := m.rule(l.Name, r.Priority); made != nil {
			return tagged{tags: &made.Tags}, nil
		}
		return tagged{noun: "rule", name: r.Name}, nil
	}
	return tagged{}, untaggable(arn)
}

// untaggable is the refusal of an ARN by what it looks like.
func untaggable(arn string) *Error {
	_, resource, _ := strings.Cut(arn, ":elasticloadbalancing:")
	kinds := map[string]*Error{
		"loadbalancer":  fail(codeLoadBalancerNotFound, "Load balancer '%s' not found", excerpt(arn)),
		"targetgroup":   fail(codeTargetGroupNotFound, "Target group '%s' not found", excerpt(arn)),
		"listener":      fail(codeListenerNotFound, "Listener '%s' not found", excerpt(arn)),
		"listener-rule": fail(codeRuleNotFound, "Rule '%s' not found", excerpt(arn)),
	}
	for _, part := range strings.FieldsFunc(resource, func(r rune) bool { return r == ':' || r == '/' }) {
		if refusal := kinds[part]; refusal != nil {
			return refusal
		}
	}
	return fail(codeValidationError, "'%s' is not a valid ARN", excerpt(arn))
}

type addTagsInput struct {
	ResourceArns []string `aws:"required"`
	Tags         []tag    `aws:"required"`
}

func addTags(c *call, in *addTagsInput) (any, error) {
	added, refusal := newTags(in.Tags)
	if refusal != nil {
		return nil, refusal
	}
	return nil, c.changeTags(in.ResourceArns, func(tags map[string]string) { maps.Copy(tags, added) })
}

// changeTags has f change the tags of each of the resources.
func (c *call) changeTags(arns []string, f func(tags map[string]string)) error {
	_, err := c.change(func(c *change) error {
		for _, arn := range arns {
			t, refusal := c.tagged(c.model, arn)
			switch {
			case refusal != nil:
				return refusal
			case t.noun != "":
				return c.declaredRefusal(t.noun, t.name)
			}
			tags := maps.Clone(*t.tags)
			if tags == nil {
				tags = map[string]string{}
			}
			f(tags)
			if len(tags) > maxTags {
				return fail(codeTooManyTags, "A resource has at most %d tags", maxTags)
			}
			*t.tags = tags
		}
		return nil
	})
	return err
}

type removeTagsInput struct {
	ResourceArns []string `aws:"required"`
	TagKeys      []string `aws:"required"`
}

func removeTags(c *call, in *removeTagsInput) (any, error) {
	return nil, c.changeTags(in.ResourceArns, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

type describeTagsInput struct {
	ResourceArns []string `aws:"required"`
}

type tagDescription struct {
	ResourceArn string
	Tags        members[tag]
}

type tagsOutput struct {
	TagDescriptions members[tagDescription]
}

// maxDescribedTags is how many resources DescribeTags takes.
const maxDescribedTags = 20

func describeTags(c *call, in *describeTagsInput) (any, error) {
	v := c.view()
	if len(in.ResourceArns) > maxDescribedTags {
		return nil, fail(codeValidationError, "The tags of at most %d resources can be described at once", maxDescribedTags)
	}
	var out tagsOutput
	for _, arn := range in.ResourceArns {
		t, refusal := v.tagged(v.model, arn)
		if refusal != nil {
			return nil, refusal
		}
		tags := declaredTags(v.declared)
		if t.tags != nil {
			tags = *t.tags
		}
		d := tagDescription{ResourceArn: arn}
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			d.Tags = append(d.Tags, tag{key, tags[key]})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}

// declaredTags are those of everything that the file declares, as on AWS, and the one that
// says so.
func declaredTags(declared *spec.Environment) map[string]string {
	tags := map[string]string{
		declaredTag:         cmp.Or(declared.Name, "true"),
		spec.TagApp:         declared.App,
		spec.TagEnvironment: declared.Name,
	}
	maps.Copy(tags, declared.AWS.Tags)
	return tags
}
