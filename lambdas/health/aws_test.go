package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
)

// account is what there is on AWS. It answers in pages of two, as AWS does in larger ones.
type account struct {
	t *testing.T
	// loadBalancers by name, with their ARN.
	loadBalancers map[string]string
	groups        []elbtypes.TargetGroup
	attributes    map[string]map[string]string
	tags          map[string]map[string]string
	health        map[string][]elbtypes.TargetHealthDescription
	fleets        []asgtypes.AutoScalingGroup
	hosts         map[string]ec2types.Instance

	mu sync.Mutex
	// fail are errors by call, or by call and ARN with a blank between.
	fail  map[string]error
	calls map[string]int
}

// call counts a call, and returns the error that it ends with.
func (a *account) call(name, arn string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls == nil {
		a.calls = map[string]int{}
	}
	a.calls[name]++
	if err := a.fail[name+" "+arn]; err != nil {
		return err
	}
	return a.fail[name]
}

var errThrottled = &smithy.GenericAPIError{Code: "Throttling", Message: "arn:aws:iam::123456789012:role/secret exceeded its rate"}

var errDenied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}

// page is the part of a list that a token begins, and the token of the next.
func page[T any](list []T, token *string) ([]T, *string) {
	from, _ := strconv.Atoi(aws.ToString(token))
	to := min(from+2, len(list))
	if to == len(list) {
		return list[from:], nil
	}
	return list[from:to], aws.String(strconv.Itoa(to))
}

func (a *account) DescribeLoadBalancers(_ context.Context, in *elb.DescribeLoadBalancersInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	if err := a.call("DescribeLoadBalancers", ""); err != nil {
		return nil, err
	}
	arn, ok := a.loadBalancers[in.Names[0]]
	if !ok {
		return nil, &elbtypes.LoadBalancerNotFoundException{Message: aws.String("not found")}
	}
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerArn: &arn}}}, nil
}

func (a *account) DescribeTargetGroups(_ context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	if err := a.call("DescribeTargetGroups", ""); err != nil {
		return nil, err
	}
	var list []elbtypes.TargetGroup
	for _, g := range a.groups {
		if in.LoadBalancerArn != nil && slices.Contains(g.LoadBalancerArns, *in.LoadBalancerArn) || slices.Contains(in.TargetGroupArns, *g.TargetGroupArn) {
			list = append(list, g)
		}
	}
	out := &elb.DescribeTargetGroupsOutput{}
	out.TargetGroups, out.NextMarker = page(list, in.Marker)
	return out, nil
}

func (a *account) DescribeTargetGroupAttributes(_ context.Context, in *elb.DescribeTargetGroupAttributesInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	if err := a.call("DescribeTargetGroupAttributes", *in.TargetGroupArn); err != nil {
		return nil, err
	}
	out := &elb.DescribeTargetGroupAttributesOutput{}
	for k, v := range a.attributes[*in.TargetGroupArn] {
		out.Attributes = append(out.Attributes, elbtypes.TargetGroupAttribute{Key: &k, Value: &v})
	}
	return out, nil
}

func (a *account) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	if err := a.call("DescribeTags", ""); err != nil {
		return nil, err
	}
	if len(in.ResourceArns) > 20 {
		return nil, errors.New("ValidationError: at most 20 ARNs")
	}
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		d := elbtypes.TagDescription{ResourceArn: &arn}
		for k, v := range a.tags[arn] {
			d.Tags = append(d.Tags, elbtypes.Tag{Key: &k, Value: &v})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}

func (a *account) DescribeTargetHealth(_ context.Context, in *elb.DescribeTargetHealthInput, _ ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	if err := a.call("DescribeTargetHealth", *in.TargetGroupArn); err != nil {
		return nil, err
	}
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: a.health[*in.TargetGroupArn]}, nil
}

func (a *account) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	if err := a.call("DescribeAutoScalingGroups", ""); err != nil {
		return nil, err
	}
	if len(in.Filters) != 2 || *in.Filters[0].Name != "tag:App" || in.Filters[0].Values[0] != "syncapp" || *in.Filters[1].Name != "tag:Environment" || in.Filters[1].Values[0] != "prod" {
		a.t.Errorf("groups of others are read: %+v", in.Filters)
	}
	out := &autoscaling.DescribeAutoScalingGroupsOutput{}
	out.AutoScalingGroups, out.NextToken = page(a.fleets, in.NextToken)
	return out, nil
}

func (a *account) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	if err := a.call("DescribeInstances", ""); err != nil {
		return nil, err
	}
	if len(in.InstanceIds) > 0 || len(in.Filters) != 1 || len(in.Filters[0].Values) > 200 {
		a.t.Errorf("instances are asked for by %d ids and %d filters", len(in.InstanceIds), len(in.Filters))
	}
	var list []ec2types.Reservation
	for _, id := range in.Filters[0].Values {
		if i, ok := a.hosts[id]; ok {
			list = append(list, ec2types.Reservation{Instances: []ec2types.Instance{i}})
		}
	}
	out := &ec2.DescribeInstancesOutput{}
	out.Reservations, out.NextToken = page(list, in.NextToken)
	return out, nil
}

const balancerARN = "arn:lb/syncapp-prod"

// addGroup adds a target group of the load balancer.
func (a *account) addGroup(name string, kind elbtypes.TargetTypeEnum, change ...func(*elbtypes.TargetGroup)) string {
	arn := "arn:tg/" + name
	g := elbtypes.TargetGroup{
		TargetGroupArn: &arn, TargetGroupName: &name, TargetType: kind, LoadBalancerArns: []string{balancerARN},
		Protocol: elbtypes.ProtocolEnumHttp, ProtocolVersion: aws.String(spec.ProtocolVersionHTTP1),
	}
	for _, f := range change {
		f(&g)
	}
	a.groups = append(a.groups, g)
	return arn
}

// addTarget adds a target to a group.
func (a *account) addTarget(arn, id string, port int32, state elbtypes.TargetHealthStateEnum, reason elbtypes.TargetHealthReasonEnum, zone *string) {
	if a.health == nil {
		a.health = map[string][]elbtypes.TargetHealthDescription{}
	}
	a.health[arn] = append(a.health[arn], elbtypes.TargetHealthDescription{
		Target:       &elbtypes.TargetDescription{Id: &id, Port: &port, AvailabilityZone: zone},
		TargetHealth: &elbtypes.TargetHealth{State: state, Reason: reason},
	})
}

// addHost adds an instance.
func (a *account) addHost(id, address, zone string) {
	if a.hosts == nil {
		a.hosts = map[string]ec2types.Instance{}
	}
	a.hosts[id] = ec2types.Instance{InstanceId: &id, PrivateIpAddress: &address, Placement: &ec2types.Placement{AvailabilityZone: &zone}}
}

// member is an instance of a fleet.
func member(id, zone string, lifecycle asgtypes.LifecycleState, health string) asgtypes.Instance {
	return asgtypes.Instance{InstanceId: &id, AvailabilityZone: &zone, LifecycleState: lifecycle, HealthStatus: &health}
}

// silent is an account whose load balancers are not told of before the caller gives up.
type silent struct{ *account }

func (*silent) DescribeLoadBalancers(ctx context.Context, _ *elb.DescribeLoadBalancersInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
