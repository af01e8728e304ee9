package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// instanceDescriber is what Auto Scaling knows of instances and their groups.
type instanceDescriber interface {
	DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error)
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
}

// hookDescriber is what Auto Scaling knows of hooks.
type hookDescriber interface {
	DescribeLifecycleHooks(context.Context, *autoscaling.DescribeLifecycleHooksInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error)
}

const (
	// instancesPerCall is how many ids DescribeAutoScalingInstances takes.
	//
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingInstances.html
	instancesPerCall = 50
	// groupsPerCall is how many groups DescribeAutoScalingGroups answers with at most.
	groupsPerCall = 100
	// noticeableSkew is a difference of clocks that is none of rounding: servers say the time in
	// whole seconds.
	noticeableSkew = 2 * time.Second

	healthStatusUnhealthy = "UNHEALTHY"
	// trafficSourceGroup is the type of a traffic source that is a target group.
	trafficSourceGroup = "elbv2"
)

// look asks AWS for the states of drains, all of them together. What could not be asked for
// the moment is marked as not seen; an error is one that asking again does not mend.
func (f *Function) look(ctx context.Context, drains []Drain) ([]State, error) {
	states := make([]State, len(drains))
	var ids []string
	for i, d := range drains {
		states[i].Drain = d
		if !slices.Contains(ids, d.Instance) {
			ids = append(ids, d.Instance)
		}
	}
	instances, unseen, err := f.instances(ctx, ids)
	if err != nil {
		return nil, err
	}
	hooks := map[string]hook{}
	for i := range states {
		s := &states[i]
		details, found := instances[s.Instance]
		if s.Unseen = unseen[s.Instance]; found {
			s.Lifecycle = aws.ToString(details.LifecycleState)
			s.Unhealthy = aws.ToString(details.HealthStatus) == healthStatusUnhealthy
			if group := aws.ToString(details.AutoScalingGroupName); s.Group == "" && f.drains(group) {
				s.Group, s.Hook = group, f.Hook
			}
		}
		if s.Group == "" {
			continue
		}
		if err := f.agree(ctx, s, hooks); err != nil {
			return nil, err
		}
	}
	if err := f.lookAtTargets(ctx, states); err != nil {
		return nil, err
	}
	return states, f.askApplications(ctx, states)
}

// instances describes instances by their ids; unseen are those that could not be asked for.
func (f *Function) instances(ctx context.Context, ids []string) (found map[string]autoscalingtypes.AutoScalingInstanceDetails, unseen map[string]bool, err error) {
	found, unseen = map[string]autoscalingtypes.AutoScalingInstanceDetails{}, map[string]bool{}
	for chunk := range slices.Chunk(ids, instancesPerCall) {
		out, err := f.Instances.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: chunk})
		switch {
		case isTransient(err):
			f.Log.WarnContext(ctx, "instances not seen", "error", err)
			for _, id := range chunk {
				unseen[id] = true
			}
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("describe instances: %w", err)
		}
		server, told := middleware.GetServerTime(out.ResultMetadata)
		received, ok := middleware.GetResponseAt(out.ResultMetadata)
		if skew := server.Sub(received); told && ok && skew.Abs() > noticeableSkew {
			f.skew.Store(int64(skew))
		}
		for _, details := range out.AutoScalingInstances {
			found[aws.ToString(details.InstanceId)] = details
		}
	}
	return found, unseen, nil
}

// hook is one as described: its terms, or that there is none.
type hook struct {
	terms    Terms
	metadata string
	gone     bool
}

// agree finds the terms of an instance's fleet: those of the message, or else of the hook,
// which is asked once for all instances of a group.
func (f *Function) agree(ctx context.Context, s *State, hooks map[string]hook) error {
	var err error
	if s.Metadata != "" {
		if s.Terms, err = readTerms(s.Metadata); err == nil {
			return nil
		}
		f.Log.WarnContext(ctx, "metadata not understood", "auto_scaling_group", s.Group, "error", err)
	}
	h, asked := hooks[s.Group]
	if !asked {
		if h, err = f.describeHook(ctx, s.Group, s.Hook); err != nil {
			if isTransient(err) {
				f.Log.WarnContext(ctx, "hook not seen", "auto_scaling_group", s.Group, "error", err)
				return nil
			}
			return err
		}
		hooks[s.Group] = h
	}
	s.Terms, s.HookGone = h.terms, h.gone
	return nil
}

func (f *Function) describeHook(ctx context.Context, group, name string) (hook, error) {
	out, err := f.Hooks.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &group, LifecycleHookNames: []string{name}})
	switch {
	case code(err) == codeValidation:
		return hook{gone: true}, nil // so is the group
	case err != nil:
		return hook{}, fmt.Errorf("describe hook of %s: %w", group, err)
	case len(out.LifecycleHooks) == 0:
		return hook{gone: true}, nil
	}
	described := out.LifecycleHooks[0]
	terms, err := readTerms(aws.ToString(described.NotificationMetadata))
	heartbeat := time.Duration(aws.ToInt32(described.HeartbeatTimeout)) * time.Second
	if err != nil {
		f.Log.WarnContext(ctx, "metadata not understood", "auto_scaling_group", group, "error", err)
		terms = cautious(heartbeat, aws.ToString(described.DefaultResult))
	}
	return hook{terms: terms, metadata: aws.ToString(described.NotificationMetadata)}, nil
}

// groups describes Auto Scaling groups by their names, all of those that there are.
func (f *Function) groups(ctx context.Context, names []string) ([]autoscalingtypes.AutoScalingGroup, error) {
	var groups []autoscalingtypes.AutoScalingGroup
	in := &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: names, MaxRecords: aws.Int32(groupsPerCall)}
	for {
		out, err := f.Instances.DescribeAutoScalingGroups(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("describe groups: %w", err)
		}
		groups = append(groups, out.AutoScalingGroups...)
		if aws.ToString(out.NextToken) == "" {
			return groups, nil
		}
		in.NextToken = out.NextToken
	}
}

// attached are the ARNs of the target groups that a group registers its instances with.
func attached(group *autoscalingtypes.AutoScalingGroup) []string {
	arns := slices.Clone(group.TargetGroupARNs)
	for _, source := range group.TrafficSources {
		if arn := aws.ToString(source.Identifier); aws.ToString(source.Type) == trafficSourceGroup && !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}
