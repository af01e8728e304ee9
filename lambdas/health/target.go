package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// describeGroup reads the targets of a group, and when it fails open.
func (r *round) describeGroup(ctx context.Context, g *elbtypes.TargetGroup, to *aggregate.Group) {
	health, err := r.balancers.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
	if err != nil {
		to.Unseen = true
		r.problem("targets of "+to.Name, err)
		return
	}
	for _, d := range health.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		t := aggregate.Target{
			ID: aws.ToString(d.Target.Id), Zone: aws.ToString(d.Target.AvailabilityZone),
			State: stateOf(d.TargetHealth.State), Reason: targethealth.Reason(d.TargetHealth.Reason),
		}
		if t.Zone == "all" {
			t.Zone = "" // an address outside the VPC
		}
		port := strconv.Itoa(int(aws.ToInt32(d.Target.Port)))
		if g.TargetType == elbtypes.TargetTypeEnumInstance {
			// The port waits here for the instance's address.
			t.Instance, t.Address = t.ID, net.JoinHostPort("", port)
		} else {
			t.Address = net.JoinHostPort(t.ID, port)
		}
		to.Targets = append(to.Targets, t)
	}
	if err := r.thresholds(ctx, g, to); err != nil {
		r.problem("attributes of "+to.Name, err)
	}
}

// stateOf is the state in our words. One of a kind that is not an ALB's is none of ours.
func stateOf(s elbtypes.TargetHealthStateEnum) targethealth.State {
	if s == elbtypes.TargetHealthStateEnumUnhealthyDraining {
		return targethealth.Unhealthy
	}
	return targethealth.State(s)
}

// thresholds reads when the group fails open. A role that does not allow to read it leaves
// the default.
func (r *round) thresholds(ctx context.Context, g *elbtypes.TargetGroup, to *aggregate.Group) error {
	out, err := r.balancers.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn})
	if isDenied(err) {
		r.observer.mu.Lock()
		defer r.observer.mu.Unlock()
		if !r.assumed {
			r.assumed = true
			r.log.Warn("thresholds of target groups are assumed", slog.Any("error", err))
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range out.Attributes {
		// Off is not a number, and is zero.
		n, _ := strconv.Atoi(aws.ToString(a.Value))
		switch aws.ToString(a.Key) {
		case "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":
			to.MinimumHealthy.Count = n
		case "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage":
			to.MinimumHealthy.Percentage = n
		}
	}
	return nil
}

// maxFilter bounds the values of a filter of DescribeInstances.
const maxFilter = 200

// locate finds addresses and zones of instances. It asks by filter: a list of ids with one
// that is gone is refused as a whole.
func (r *round) locate(ctx context.Context) {
	var ids []string
	for i := range r.seen.Groups {
		for _, t := range r.seen.Groups[i].Targets {
			if t.Instance != "" {
				ids = append(ids, t.Instance)
			}
		}
	}
	slices.Sort(ids)
	chunks := slices.Collect(slices.Chunk(slices.Compact(ids), maxFilter))
	found := make([]map[string]ec2types.Instance, len(chunks))
	parallel(len(chunks), func(i int) {
		var err error
		if found[i], err = r.describeInstances(ctx, chunks[i]); err != nil {
			r.problem("instances", err)
		}
	})
	instances := map[string]ec2types.Instance{}
	for _, some := range found {
		maps.Copy(instances, some)
	}
	for i := range r.seen.Groups {
		for j := range r.seen.Groups[i].Targets {
			t := &r.seen.Groups[i].Targets[j]
			instance, ok := instances[t.Instance]
			if t.Instance == "" {
				continue
			}
			address := addressOf(&instance)
			if !ok || address == "" {
				t.Address = "" // nobody to ask
				continue
			}
			_, port, _ := net.SplitHostPort(t.Address)
			t.Address = net.JoinHostPort(address, port)
			if instance.Placement != nil && t.Zone == "" {
				t.Zone = aws.ToString(instance.Placement.AvailabilityZone)
			}
		}
	}
}

// addressOf is the address that a load balancer uses: IPv4 if there is one.
func addressOf(i *ec2types.Instance) string {
	if a := aws.ToString(i.PrivateIpAddress); a != "" {
		return a
	}
	return aws.ToString(i.Ipv6Address)
}

func (r *round) describeInstances(ctx context.Context, ids []string) (map[string]ec2types.Instance, error) {
	instances := map[string]ec2types.Instance{}
	pages := ec2.NewDescribeInstancesPaginator(r.instances, &ec2.DescribeInstancesInput{
		Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: ids}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return instances, err
		}
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				instances[aws.ToString(i.InstanceId)] = i
			}
		}
	}
	return instances, nil
}

// check asks every target once, whatever groups it is in. gRPC targets have no path to ask.
func (r *round) check(ctx context.Context) {
	places := map[aggregate.Endpoint][]*aggregate.Target{}
	var endpoints []aggregate.Endpoint
	for i := range r.seen.Groups {
		g := &r.groups[i]
		version := aws.ToString(g.ProtocolVersion)
		if version == spec.ProtocolVersionGRPC {
			continue
		}
		for j := range r.seen.Groups[i].Targets {
			t := &r.seen.Groups[i].Targets[j]
			if _, err := netip.ParseAddrPort(t.Address); err != nil || !aggregate.Asked(t.State) {
				continue
			}
			e := aggregate.Endpoint{Address: t.Address, TLS: g.Protocol == elbtypes.ProtocolEnumHttps, HTTP2: version == spec.ProtocolVersionHTTP2}
			if places[e] == nil {
				endpoints = append(endpoints, e)
			}
			places[e] = append(places[e], t)
		}
	}
	for i, result := range r.checker.Check(ctx, endpoints) {
		for _, t := range places[endpoints[i]] {
			t.Deep = &result
		}
	}
}
