package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/spec"
)

// targetRegistry is where targets are looked at and taken out.
type targetRegistry interface {
	DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error)
	DeregisterTargets(context.Context, *elbv2.DeregisterTargetsInput, ...func(*elbv2.Options)) (*elbv2.DeregisterTargetsOutput, error)
}

// targetGroupLister is where the environment's target groups are found.
type targetGroupLister interface {
	DescribeTargetGroups(context.Context, *elbv2.DescribeTargetGroupsInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error)
	DescribeTags(context.Context, *elbv2.DescribeTagsInput, ...func(*elbv2.Options)) (*elbv2.DescribeTagsOutput, error)
}

const (
	// listAge is how long a list of target groups is good for: they come with deployments.
	listAge = 5 * time.Minute
	// maxListed bounds how many target groups of the region are asked for their tags.
	maxListed = 1000
	// groupsPerPage is how many target groups are listed in one call, tagsPerCall how many are
	// asked for their tags.
	//
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
	groupsPerPage = 400
	tagsPerCall   = 20
)

// targetGroups are those of the environment, whoever registers with them.
type targetGroups struct {
	api              targetGroupLister
	app, environment string

	mu     sync.Mutex // guards arns and listed
	arns   []string
	listed time.Time
}

// list is the ARNs of the groups with the environment's tags that take instances; more tells
// that not all groups of the region were looked at.
func (g *targetGroups) list(ctx context.Context, now time.Time) (arns []string, more bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.listed.IsZero() && now.Sub(g.listed) < listAge {
		return g.arns, false, nil
	}
	all, more, err := g.listAll(ctx)
	if err != nil {
		return nil, false, err
	}
	for chunk := range slices.Chunk(all, tagsPerCall) {
		out, err := g.api.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: chunk})
		if code(err) == codeTargetGroupNotFound {
			continue // one was deleted just now; the others are back with the next list
		}
		if err != nil {
			return nil, false, fmt.Errorf("describe tags of target groups: %w", err)
		}
		for _, d := range out.TagDescriptions {
			if g.isOurs(d.Tags) {
				arns = append(arns, aws.ToString(d.ResourceArn))
			}
		}
	}
	g.arns, g.listed = arns, now
	return arns, more, nil
}

func (g *targetGroups) listAll(ctx context.Context) (all []string, more bool, err error) {
	in := &elbv2.DescribeTargetGroupsInput{PageSize: aws.Int32(groupsPerPage)}
	for {
		out, err := g.api.DescribeTargetGroups(ctx, in)
		if err != nil {
			return nil, false, fmt.Errorf("list target groups: %w", err)
		}
		for _, group := range out.TargetGroups {
			if group.TargetType == elbv2types.TargetTypeEnumInstance {
				all = append(all, aws.ToString(group.TargetGroupArn))
			}
		}
		in.Marker = out.NextMarker
		switch last := aws.ToString(in.Marker) == ""; {
		case len(all) > maxListed:
			return all[:maxListed], true, nil
		case last:
			return all, false, nil
		}
	}
}

func (g *targetGroups) isOurs(tags []elbv2types.Tag) bool {
	has := func(key, value string) bool {
		return slices.ContainsFunc(tags, func(t elbv2types.Tag) bool { return aws.ToString(t.Key) == key && aws.ToString(t.Value) == value })
	}
	return has(spec.TagApp, g.app) && has(spec.TagEnvironment, g.environment)
}

// lookAtTargets asks each target group once for all the instances that may be in it.
func (f *Function) lookAtTargets(ctx context.Context, states []State) error {
	var looked []*State
	var names []string
	for i := range states {
		s := &states[i]
		p := phases[s.Lifecycle]
		if s.Unseen || s.Group == "" || s.Lifecycle == "" || p == phaseOver || p == phaseOther && s.By.IsZero() {
			continue
		}
		looked = append(looked, s)
		if !slices.Contains(names, s.Group) {
			names = append(names, s.Group)
		}
	}
	if len(looked) == 0 {
		return nil
	}
	groups, err := f.groups(ctx, names)
	var listed []string
	var more bool
	if err == nil {
		listed, more, err = f.targetGroups.list(ctx, f.now())
	}
	if err != nil {
		return f.notSeen(ctx, err, looked)
	}
	if more {
		f.Log.WarnContext(ctx, "target groups not all listed", "listed", maxListed)
	}

	members := map[string][]*State{} // by the target group's ARN
	for i := range groups {
		for _, arn := range attached(&groups[i]) {
			for _, s := range looked {
				if s.Group == aws.ToString(groups[i].AutoScalingGroupName) {
					members[arn] = append(members[arn], s)
				}
			}
		}
	}
	var order []string
	for arn := range members {
		order = append(order, arn)
	}
	slices.Sort(order)
	for _, arn := range order {
		if err := f.lookAtGroup(ctx, arn, members[arn], true); err != nil {
			return err
		}
	}
	for _, arn := range listed {
		others := slices.DeleteFunc(slices.Clone(looked), func(s *State) bool { return slices.Contains(members[arn], s) })
		if len(others) == 0 {
			continue
		}
		// Somebody else registered what is in this group, perhaps with a port of its own, which a
		// question for the instance alone does not find.
		if err := f.lookAtGroup(ctx, arn, others, false); err != nil {
			return err
		}
	}
	return nil
}

// lookAtGroup adds to states what the target group says of their instances.
func (f *Function) lookAtGroup(ctx context.Context, arn string, states []*State, only bool) error {
	in := &elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn}
	if only {
		for _, s := range states {
			in.Targets = append(in.Targets, elbv2types.TargetDescription{Id: &s.Instance})
		}
	}
	out, err := f.Targets.DescribeTargetHealth(ctx, in)
	switch code(err) {
	case codeTargetGroupNotFound:
		return nil
	case codeInvalidTarget:
		if only {
			// One that the group cannot have spoils the answer for all others.
			return f.lookAtGroup(ctx, arn, states, false)
		}
		return nil
	}
	if err != nil {
		return f.notSeen(ctx, fmt.Errorf("describe targets of %s: %w", arn, err), states)
	}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		for _, s := range states {
			if s.Instance == aws.ToString(d.Target.Id) {
				s.Targets = append(s.Targets, Target{Group: arn, Port: aws.ToInt32(d.Target.Port), State: string(d.TargetHealth.State), Reason: string(d.TargetHealth.Reason)})
			}
		}
	}
	return nil
}

// notSeen marks states whose targets could not be asked for now; an error that asking again
// does not mend is returned.
func (f *Function) notSeen(ctx context.Context, err error, states []*State) error {
	if !isTransient(err) {
		return err
	}
	f.Log.WarnContext(ctx, "targets not seen", "error", err)
	for _, s := range states {
		s.TargetsUnseen = true
	}
	return nil
}

// deregister takes a target out of its group. One that is not in it, or whose group is gone,
// is out.
func (f *Function) deregister(ctx context.Context, s *State, t Target) error {
	target := elbv2types.TargetDescription{Id: &s.Instance}
	if t.Port != 0 {
		target.Port = &t.Port
	}
	_, err := f.Targets.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: &t.Group, Targets: []elbv2types.TargetDescription{target}})
	if c := code(err); c == codeTargetGroupNotFound || c == codeInvalidTarget {
		return nil
	}
	return err
}
