package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// balancerAPI is what is read of Elastic Load Balancing.
type balancerAPI interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error)
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

// fleetAPI is what is read of Auto Scaling.
type fleetAPI interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
}

// instanceAPI is what is read of EC2.
type instanceAPI interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
}

const (
	// describeTimeout bounds all that is read of AWS's APIs in a round. With the deep checks
	// and what comes after, it stays below the function's timeout of 30 seconds.
	describeTimeout = 12 * time.Second
	// describeParallel bounds how many calls are made at once: the rates are the account's.
	describeParallel = 8
)

// observer looks at an environment on AWS.
type observer struct {
	settings  settings
	balancers balancerAPI
	fleets    fleetAPI
	instances instanceAPI
	// checker makes deep checks; nil for none.
	checker *aggregate.Checker

	// mu guards what follows and is of this process only.
	mu sync.Mutex
	// initial is when a target was first seen in state initial.
	initial map[string]time.Time
	// assumed says that it was logged that thresholds are assumed.
	assumed bool
}

// round is an observation in the making.
type round struct {
	*observer
	log *slog.Logger
	// groups are those on AWS of the observation's, in the same order.
	groups []elbtypes.TargetGroup

	// mu guards what is seen by several calls at once.
	mu   sync.Mutex
	seen *aggregate.Observation
}

// problem notes what could not be seen: in the document what, in the log why.
func (r *round) problem(what string, err error) {
	r.log.Error("part of the environment is not seen", slog.String("what", what), slog.Any("error", err))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Problems = append(r.seen.Problems, what)
}

// observe makes a round. It fails if not even the load balancer is there to see.
func (o *observer) observe(ctx context.Context, log *slog.Logger) (*aggregate.Observation, error) {
	r := &round{observer: o, log: log, seen: &aggregate.Observation{
		App: o.settings.app, Environment: o.settings.environment, LoadBalancer: o.settings.loadBalancer, Begun: time.Now(),
	}}
	if err := r.describe(ctx); err != nil {
		return nil, err
	}
	if o.checker != nil {
		r.check(ctx)
	}
	r.seen.Ended = time.Now()
	r.remember()
	slices.Sort(r.seen.Problems)
	return r.seen, nil
}

// describe reads AWS's APIs.
func (r *round) describe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	out, err := r.balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{r.settings.loadBalancer}})
	if err != nil {
		return fmt.Errorf("describe load balancer %s: %w", r.settings.loadBalancer, err)
	}
	if len(out.LoadBalancers) != 1 {
		return fmt.Errorf("describe load balancer %s: got %d of that name, want 1", r.settings.loadBalancer, len(out.LoadBalancers))
	}
	balancer := aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
	if err := r.listGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancer}); err != nil {
		return err
	}
	r.describeFleets(ctx)
	r.keepOwn(ctx)

	names := make(map[string]string, len(r.groups))
	r.seen.Groups = make([]aggregate.Group, len(r.groups))
	for i := range r.groups {
		g := &r.groups[i]
		names[aws.ToString(g.TargetGroupArn)] = aws.ToString(g.TargetGroupName)
		r.seen.Groups[i] = aggregate.Group{
			Name: aws.ToString(g.TargetGroupName), Idle: !slices.Contains(g.LoadBalancerArns, balancer),
			MinimumHealthy: spec.Default[spec.MinimumHealthyTargets](),
		}
	}
	for i := range r.seen.Fleets {
		// Groups that are not seen here are other environments'.
		groups := r.seen.Fleets[i].Groups
		r.seen.Fleets[i].Groups = nil
		for _, arn := range groups {
			if names[arn] != "" {
				r.seen.Fleets[i].Groups = append(r.seen.Fleets[i].Groups, names[arn])
			}
		}
	}
	parallel(len(r.groups), func(i int) { r.describeGroup(ctx, &r.groups[i], &r.seen.Groups[i]) })
	r.locate(ctx)
	return nil
}

// parallel calls do for 0 to n-1, few at once.
func parallel(n int, do func(int)) {
	var work sync.WaitGroup
	turns := make(chan struct{}, describeParallel)
	for i := range n {
		turns <- struct{}{}
		work.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	work.Wait()
}

// listGroups adds target groups that have targets which can be asked: functions and other
// load balancers are none.
func (r *round) listGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput) error {
	pages := elb.NewDescribeTargetGroupsPaginator(r.balancers, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe target groups: %w", err)
		}
		for _, g := range page.TargetGroups {
			if g.TargetType == elbtypes.TargetTypeEnumInstance || g.TargetType == elbtypes.TargetTypeEnumIp {
				r.groups = append(r.groups, g)
			}
		}
	}
	return nil
}

// describeFleets adds the environment's Auto Scaling groups, and target groups that they
// fill and that the load balancer does not use. Until their groups are known by name, they
// are known by ARN.
func (r *round) describeFleets(ctx context.Context) {
	tag := func(key, value string) asgtypes.Filter {
		return asgtypes.Filter{Name: aws.String("tag:" + key), Values: []string{value}}
	}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(r.fleets, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []asgtypes.Filter{tag(spec.TagApp, r.settings.app), tag(spec.TagEnvironment, r.settings.environment)},
	})
	known := map[string]bool{}
	for _, g := range r.groups {
		known[aws.ToString(g.TargetGroupArn)] = true
	}
	var unused []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.problem("Auto Scaling groups", err)
			return
		}
		for _, g := range page.AutoScalingGroups {
			f := aggregate.Fleet{Name: aws.ToString(g.AutoScalingGroupName), Desired: int(aws.ToInt32(g.DesiredCapacity)), Groups: g.TargetGroupARNs}
			for _, i := range g.Instances {
				f.Instances = append(f.Instances, aggregate.Instance{
					ID: aws.ToString(i.InstanceId), Zone: aws.ToString(i.AvailabilityZone),
					Lifecycle: string(i.LifecycleState), Unhealthy: aws.ToString(i.HealthStatus) == unhealthyInstance,
				})
			}
			r.seen.Fleets = append(r.seen.Fleets, f)
			for _, arn := range g.TargetGroupARNs {
				if !known[arn] {
					known[arn] = true
					unused = append(unused, arn)
				}
			}
		}
	}
	for arns := range slices.Chunk(unused, maxARNs) {
		if err := r.listGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: arns}); err != nil {
			r.problem("target groups that the load balancer does not use", err)
		}
	}
}

// unhealthyInstance is Auto Scaling's word for an instance that it is about to replace.
const unhealthyInstance = "Unhealthy"

// maxARNs bounds the ARNs of one call.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
const maxARNs = 20

// keepOwn drops target groups that are tagged as another environment's: a load balancer may
// be shared. Groups without tags stay, somebody made them by hand.
func (r *round) keepOwn(ctx context.Context) {
	foreign := map[string]bool{}
	for groups := range slices.Chunk(r.groups, maxARNs) {
		var arns []string
		for _, g := range groups {
			arns = append(arns, aws.ToString(g.TargetGroupArn))
		}
		out, err := r.balancers.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns})
		if err != nil {
			r.problem("tags of target groups", err)
			return
		}
		for _, d := range out.TagDescriptions {
			for _, t := range d.Tags {
				if k, v := aws.ToString(t.Key), aws.ToString(t.Value); k == spec.TagApp && v != r.settings.app || k == spec.TagEnvironment && v != r.settings.environment {
					foreign[aws.ToString(d.ResourceArn)] = true
				}
			}
		}
	}
	r.groups = slices.DeleteFunc(r.groups, func(g elbtypes.TargetGroup) bool { return foreign[aws.ToString(g.TargetGroupArn)] })
}

// remember fills in since when targets are initial, as far as this process has seen.
func (r *round) remember() {
	r.observer.mu.Lock()
	defer r.observer.mu.Unlock()
	now := map[string]time.Time{}
	for i := range r.seen.Groups {
		g := &r.seen.Groups[i]
		for j := range g.Targets {
			t := &g.Targets[j]
			if t.State != targethealth.Initial {
				continue
			}
			key := g.Name + " " + t.ID + " " + t.Address
			if t.Since = r.initial[key]; t.Since.IsZero() {
				// Without the monotonic clock, which stands still while Lambda freezes the process.
				t.Since = r.seen.Ended.Round(0)
			}
			now[key] = t.Since
		}
	}
	r.initial = now
}

// isDenied reports whether the function's role does not allow a call.
func isDenied(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok && (coded.ErrorCode() == "AccessDenied" || coded.ErrorCode() == "AccessDeniedException")
}
