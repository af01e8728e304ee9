// Package fleet makes a fleet of the file: a launch template, an Auto Scaling group with its
// lifecycle hook in it, and the policies that it scales by.
package fleet

import (
	"strconv"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	asg "github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says what stands around a fleet.
type Props struct {
	Environment *spec.Environment
	// Name of the fleet in the file.
	Name string
	// Subnets are private ones.
	Subnets []string
	// SecurityGroup is the id of the fleet's.
	SecurityGroup string
	// TargetGroups are those that the fleet fills.
	TargetGroups []TargetGroup
	// Release is the S3 object that instances start from; empty for none.
	Release string
	// LoadBalancer is the load balancer's full name, app/<name>/<id>.
	LoadBalancer string
	// UserData is the script that instances start with; empty for none.
	UserData string
	// Variables are what the application needs to know, such as where its data is. Instances
	// find them in /etc/<app>.env before UserData runs.
	Variables map[string]string
	// Secrets are ARNs of secrets that instances may read.
	Secrets []string
	// Buckets are ARNs of buckets that instances may write to.
	Buckets []string
	// BrokerName is the broker's that has the fleet's queues, if it is ours.
	BrokerName string
	// Hook holds an instance while it drains; nil lets it go at once.
	Hook *Hook
}

// TargetGroup is one that the fleet fills.
type TargetGroup struct {
	ARN, FullName string
	// InUse tells whether an action forwards to it, without which it has no requests to scale on.
	InUse bool
}

// Hook is the lifecycle hook of an ending instance, and whom it tells.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
type Hook struct {
	// Name of the hook.
	Name string
	// Transition is autoscaling:EC2_INSTANCE_TERMINATING.
	Transition string
	// HeartbeatTimeout is how long Auto Scaling waits for a sign of life.
	HeartbeatTimeout time.Duration
	// DefaultResult is CONTINUE or ABANDON, when no heartbeat comes.
	DefaultResult string
	// Metadata is passed on with every notice.
	Metadata string
	// QueueARN is where notices go, RoleARN what Auto Scaling sends them as.
	QueueARN, RoleARN string
}

// Fleet is what others need to know of a fleet.
type Fleet struct {
	// GroupName is the Auto Scaling group's: env.ResourceName(fleet).
	GroupName string
}

// New makes the fleet.
func New(scope constructs.Construct, id string, props Props) *Fleet {
	this := constructs.NewConstruct(scope, &id)
	env, f := props.Environment, props.Environment.Fleets[props.Name]
	groupName := env.ResourceName(props.Name)
	role := instanceRole(this, props)
	template := launchTemplate(this, props, role)
	group := asg.NewCfnAutoScalingGroup(this, new("Group"), &asg.CfnAutoScalingGroupProps{
		AutoScalingGroupName: &groupName,
		MinSize:              new(strconv.Itoa(f.Capacity.Min)),
		MaxSize:              new(strconv.Itoa(f.Capacity.Max)),
		// No DesiredCapacity: every deploy would set a fleet that has scaled out back to it.
		VpcZoneIdentifier:              convert.References(props.Subnets),
		HealthCheckType:                new(healthCheckType(props)),
		HealthCheckGracePeriod:         convert.Seconds(f.HealthCheckGracePeriod),
		DefaultInstanceWarmup:          convert.Seconds(f.Scaling.Warmup),
		TargetGroupArns:                convert.References(targetGroupARNs(props)),
		LifecycleHookSpecificationList: hooks(props.Hook),
		InstanceLifecyclePolicy:        lifecyclePolicy(&f, props.Hook),
		InstanceMaintenancePolicy: &asg.CfnAutoScalingGroup_InstanceMaintenancePolicyProperty{
			MinHealthyPercentage: jsii.Number(f.Maintenance.MinHealthyPercentage),
			MaxHealthyPercentage: jsii.Number(f.Maintenance.MaxHealthyPercentage),
		},
		AvailabilityZoneImpairmentPolicy: impairmentPolicy(env),
		CapacityRebalance:                new(f.Spot.CapacityRebalancing),
		MetricsCollection:                convert.Union(&asg.CfnAutoScalingGroup_MetricsCollectionProperty{Granularity: new("1Minute")}),
		// Hooks do not run when a group is deleted by force.
		DeletionProtection: new("prevent-force-deletion"),
		Tags: convert.List(&asg.CfnAutoScalingGroup_TagPropertyProperty{
			Key: new("Name"), Value: &groupName, PropagateAtLaunch: new(true),
		}),
	})
	if mixed := mixedInstances(&f, template); mixed != nil {
		group.SetMixedInstancesPolicy(mixed)
		nag.Acknowledge(group, "CdkNagValidationFailure", "The rule of encrypted volumes cannot read a mixed instances policy; the launch template beside it encrypts them.")
	} else {
		group.SetLaunchTemplate(&asg.CfnAutoScalingGroup_LaunchTemplateSpecificationProperty{LaunchTemplateId: &template.id, Version: &template.version})
	}
	group.CfnOptions().SetUpdatePolicy(refresh(&f))
	// What instances may do they may from the first to the last.
	group.Node().AddDependency(role)
	nag.Acknowledge(group, "AwsSolutions-AS3", "Launches and terminations come from EventBridge and the group's metrics, which have alarms; a mail for each would be noise.")
	scale(this, props, &f, *group.Ref())
	return &Fleet{GroupName: groupName}
}

func healthCheckType(props Props) string {
	if len(props.TargetGroups) > 0 {
		return "ELB"
	}
	return "EC2"
}

func targetGroupARNs(props Props) []string {
	arns := make([]string, len(props.TargetGroups))
	for i, g := range props.TargetGroups {
		arns[i] = g.ARN
	}
	return arns
}

// hooks stand in the group itself: one that is made after the group misses its first
// instances, and one that is deleted before it misses its last.
func hooks(h *Hook) any {
	if h == nil {
		return nil
	}
	return convert.Union(&asg.CfnAutoScalingGroup_LifecycleHookSpecificationProperty{
		LifecycleHookName:     &h.Name,
		LifecycleTransition:   &h.Transition,
		HeartbeatTimeout:      convert.Seconds(h.HeartbeatTimeout),
		DefaultResult:         &h.DefaultResult,
		NotificationMetadata:  convert.Optional(h.Metadata),
		NotificationTargetArn: &h.QueueARN,
		RoleArn:               &h.RoleARN,
	})
}

// lifecyclePolicy keeps an instance whose drain was given up, for people to look at.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/configure-instance-retention.html
func lifecyclePolicy(f *spec.Fleet, h *Hook) any {
	if h == nil || f.Drain.OnTimeout != spec.DrainRetain {
		return nil
	}
	return &asg.CfnAutoScalingGroup_InstanceLifecyclePolicyProperty{
		RetentionTriggers: &asg.CfnAutoScalingGroup_RetentionTriggersProperty{TerminateHookAbandon: new("retain")},
	}
}

// impairmentPolicy keeps instances of a zone that traffic was shifted away from: they are
// not what is broken.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html
func impairmentPolicy(env *spec.Environment) any {
	if !env.LoadBalancer.Attributes.ZonalShift {
		return nil
	}
	return &asg.CfnAutoScalingGroup_AvailabilityZoneImpairmentPolicyProperty{
		ZonalShiftEnabled: new(true), ImpairedZoneHealthCheckBehavior: new("IgnoreUnhealthy"),
	}
}

// mixedInstances is how spot instances and several types are asked for; nil without either.
func mixedInstances(f *spec.Fleet, t template) *asg.CfnAutoScalingGroup_MixedInstancesPolicyProperty {
	if f.Spot.Percentage == 0 && len(f.InstanceTypes) == 0 {
		return nil
	}
	var overrides []*asg.CfnAutoScalingGroup_LaunchTemplateOverridesProperty
	for _, instanceType := range append([]string{f.InstanceType}, f.InstanceTypes...) {
		overrides = append(overrides, &asg.CfnAutoScalingGroup_LaunchTemplateOverridesProperty{InstanceType: &instanceType})
	}
	return &asg.CfnAutoScalingGroup_MixedInstancesPolicyProperty{
		LaunchTemplate: &asg.CfnAutoScalingGroup_LaunchTemplateProperty{
			LaunchTemplateSpecification: &asg.CfnAutoScalingGroup_LaunchTemplateSpecificationProperty{LaunchTemplateId: &t.id, Version: &t.version},
			Overrides:                   convert.Union(overrides...),
		},
		InstancesDistribution: &asg.CfnAutoScalingGroup_InstancesDistributionProperty{
			OnDemandBaseCapacity:                jsii.Number(f.Spot.OnDemandBase),
			OnDemandPercentageAboveBaseCapacity: jsii.Number(100 - f.Spot.Percentage),
			OnDemandAllocationStrategy:          new("prioritized"),
			SpotAllocationStrategy:              new("price-capacity-optimized"),
		},
	}
}

// refresh replaces instances when the launch template changes, as an instance refresh that
// skips those that match already.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
func refresh(f *spec.Fleet) *cdk.CfnUpdatePolicy {
	return &cdk.CfnUpdatePolicy{AutoScalingInstanceRefresh: &cdk.CfnAutoScalingInstanceRefresh{
		Strategy: new("Rolling"),
		Preferences: &cdk.CfnAutoScalingInstanceRefreshPreferences{
			MinHealthyPercentage: jsii.Number(f.Maintenance.MinHealthyPercentage),
			MaxHealthyPercentage: jsii.Number(f.Maintenance.MaxHealthyPercentage),
			InstanceWarmup:       convert.Seconds(f.Scaling.Warmup),
			SkipMatching:         new(true),
		},
	}}
}
