package loadbalancer

import (
	"slices"
	"strconv"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// TargetGroup is what others need to know of a target group.
type TargetGroup struct {
	// ARN is the group's Amazon Resource Name.
	ARN string
	// FullName is targetgroup/<name>/<id>, the dimension of its metrics.
	FullName string
}

// newTargetGroup makes one target group. It has no name of its own: a change of what AWS
// fixes when a group is made (port, protocol, target type) replaces the group, and the new
// one is made while a listener still needs the old one's name.
func (b *LoadBalancer) newTargetGroup(this constructs.Construct, props Props, g *spec.TargetGroup) {
	check := &g.HealthCheck
	group := elbv2.NewCfnTargetGroup(this, new("TargetGroup-"+g.Name), &elbv2.CfnTargetGroupProps{
		VpcId:                      &props.VPCID,
		TargetType:                 &g.TargetType,
		Protocol:                   &g.Protocol,
		ProtocolVersion:            &g.ProtocolVersion,
		Port:                       jsii.Number(g.Port),
		TargetControlPort:          optionalPort(g.TargetControlPort),
		HealthCheckEnabled:         new(true),
		HealthCheckProtocol:        &check.Protocol,
		HealthCheckPort:            &check.Port,
		HealthCheckPath:            &check.Path,
		HealthCheckIntervalSeconds: convert.Seconds(check.Interval),
		HealthCheckTimeoutSeconds:  convert.Seconds(check.Timeout),
		HealthyThresholdCount:      jsii.Number(check.HealthyThreshold),
		UnhealthyThresholdCount:    jsii.Number(check.UnhealthyThreshold),
		Matcher:                    matcher(g),
		TargetGroupAttributes:      groupAttributes(g),
		Targets:                    targets(g),
		Tags:                       &[]*cdk.CfnTag{{Key: new("Name"), Value: &g.Name}},
	})
	if slices.ContainsFunc(g.Targets, func(t spec.Target) bool { return t.AvailabilityZone != "" }) {
		nag.Acknowledge(group, "CloudFormation-Validate::W3010", "The file says which zone a registered address counts in.")
	}
	b.TargetGroups[g.Name] = TargetGroup{ARN: *group.AttrTargetGroupArn(), FullName: *group.AttrTargetGroupFullName()}
}

func optionalPort(port int) *float64 {
	if port == 0 {
		return nil
	}
	return jsii.Number(port)
}

func matcher(g *spec.TargetGroup) *elbv2.CfnTargetGroup_MatcherProperty {
	if g.ProtocolVersion == spec.ProtocolVersionGRPC {
		return &elbv2.CfnTargetGroup_MatcherProperty{GrpcCode: &g.HealthCheck.Matcher}
	}
	return &elbv2.CfnTargetGroup_MatcherProperty{HttpCode: &g.HealthCheck.Matcher}
}

// groupAttributes are those of a target group, all that go with its algorithm.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
func groupAttributes(g *spec.TargetGroup) any {
	list := []attribute{
		{"deregistration_delay.timeout_seconds", seconds(g.DeregistrationDelay)},
		{"slow_start.duration_seconds", seconds(g.SlowStart)},
		{"load_balancing.algorithm.type", g.Algorithm},
		{"load_balancing.cross_zone.enabled", g.CrossZone},
		{"stickiness.enabled", strconv.FormatBool(g.Stickiness.Type != "")},
	}
	if g.Algorithm == spec.WeightedRandom {
		list = append(list, attribute{"load_balancing.algorithm.anomaly_mitigation", onOff(g.AnomalyMitigation)})
	}
	switch g.Stickiness.Type {
	case spec.StickinessLBCookie:
		list = append(list,
			attribute{"stickiness.type", g.Stickiness.Type},
			attribute{"stickiness.lb_cookie.duration_seconds", seconds(g.Stickiness.Duration)})
	case spec.StickinessAppCookie:
		list = append(list,
			attribute{"stickiness.type", g.Stickiness.Type},
			attribute{"stickiness.app_cookie.cookie_name", g.Stickiness.CookieName},
			attribute{"stickiness.app_cookie.duration_seconds", seconds(g.Stickiness.Duration)})
	}
	for _, health := range []struct {
		key string
		min spec.MinimumHealthyTargets
	}{
		{"target_group_health.dns_failover", g.TargetGroupHealth.DNSFailover},
		{"target_group_health.unhealthy_state_routing", g.TargetGroupHealth.UnhealthyStateRouting},
	} {
		list = append(list,
			attribute{health.key + ".minimum_healthy_targets.count", numberOrOff(health.min.Count)},
			attribute{health.key + ".minimum_healthy_targets.percentage", numberOrOff(health.min.Percentage)})
	}
	props := make([]*elbv2.CfnTargetGroup_TargetGroupAttributeProperty, len(list))
	for i, a := range list {
		props[i] = &elbv2.CfnTargetGroup_TargetGroupAttributeProperty{Key: &a.key, Value: &a.value}
	}
	return convert.Union(props...)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func numberOrOff(n int) string {
	if n == 0 {
		return "off"
	}
	return strconv.Itoa(n)
}

// targets are registered here only where no fleet registers its own.
func targets(g *spec.TargetGroup) any {
	if g.Fleet != "" {
		return nil
	}
	props := make([]*elbv2.CfnTargetGroup_TargetDescriptionProperty, len(g.Targets))
	for i := range g.Targets {
		t := &g.Targets[i]
		id := t.Address
		if g.TargetType == spec.TargetTypeInstance {
			id = t.ID
		}
		props[i] = &elbv2.CfnTargetGroup_TargetDescriptionProperty{
			Id: &id, Port: optionalPort(t.Port), AvailabilityZone: convert.Optional(t.AvailabilityZone),
		}
	}
	return convert.Union(props...)
}
