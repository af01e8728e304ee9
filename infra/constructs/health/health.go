// Package health makes what gathers the health of an environment once a minute and serves
// it behind the load balancer: one function, its schedule, and the target group through
// which a listener reaches it.
package health

import (
	"maps"
	"slices"
	"strconv"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	lambda "github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says which code gathers, and where in the network it runs: it asks every target
// itself.
type Props struct {
	Environment *spec.Environment
	// Entry is the folder of the function's command. Without one there is no aggregation.
	Entry string
	// Subnets are ids of private subnets from which targets are reached, in different zones.
	Subnets []string
	// SecurityGroup is the id of one that targets let in and that lets out to AWS's APIs.
	SecurityGroup string
}

// Health is what a listener and alarms need to know of the function.
type Health struct {
	// TargetGroupARN is what spec.AggregatePath is forwarded to.
	TargetGroupARN string
	// FunctionName and DeadLetterQueueName are dimensions of metrics. They are known before the
	// resources exist, and make nobody depend on them.
	FunctionName, DeadLetterQueueName string
	// LogGroupName is that of the function, and so of the metrics in it.
	LogGroupName string
}

const (
	// FunctionTimeout ends a measurement before the next begins, and an answer before the load
	// balancer gives up on it.
	FunctionTimeout = 30 * time.Second
)

const (
	// concurrency bounds measurements and answers together: whoever may ask for the document
	// takes nothing from other functions of the account.
	concurrency = 5
	memory      = 256
)

// New makes the aggregation, or nothing and returns nil when there is no code for it.
func New(scope constructs.Construct, id string, props Props) *Health {
	if props.Entry == "" {
		return nil
	}
	this := constructs.NewConstruct(scope, &id)
	env := props.Environment
	h := &Health{DeadLetterQueueName: env.ResourceName("health-dead-letters")}

	dead := function.NewDeadLetterQueue(this, "DeadLetterQueue", env, "health-dead-letters")
	nag.Acknowledge(dead, "AwsSolutions-SQS3", "The queue is itself where failures end: those of the function's asynchronous invocations and of its schedule.")
	f := function.New(this, "Function", function.Props{
		Environment:         env,
		Name:                "health",
		Description:         "Gathers the health of targets and what they depend on, and serves it",
		Entry:               props.Entry,
		Memory:              memory,
		Timeout:             FunctionTimeout,
		ReservedConcurrency: concurrency,
		Variables:           variables(env),
		Network:             &function.Network{Subnets: props.Subnets, SecurityGroup: props.SecurityGroup},
		// A measurement is of its moment: one that failed is reported, and the next one made.
		Async: &function.Async{MaximumAge: spec.HealthInterval, Retries: 0, DeadLetterQueue: dead},
	})
	h.FunctionName, h.LogGroupName = f.Name, f.LogGroupName

	f.Describe("DescribeTargets", "Elastic Load Balancing",
		"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags",
		"elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
		"elasticloadbalancing:DescribeTargetHealth")
	f.Describe("DescribeGroups", "Auto Scaling", "autoscaling:DescribeAutoScalingGroups")
	f.Describe("DescribeInstances", "EC2", "ec2:DescribeInstances")

	if env.HealthAggregate.Replacement.PerHour > 0 {
		allowReplacement(f, cdk.Stack_Of(this), env)
	}

	function.NewSchedule(this, "Measure", function.ScheduleProps{
		Environment:     env,
		Name:            "health",
		Description:     "Measures the health of all targets",
		Every:           spec.HealthInterval,
		Target:          f.ARN,
		Action:          function.ActionInvoke,
		DeadLetterQueue: dead,
	})
	h.TargetGroupARN = *targetGroup(this, f).AttrTargetGroupArn()
	return h
}

// variables tell the function what to measure, and whether to have instances replaced.
func variables(env *spec.Environment) map[string]string {
	v := map[string]string{
		spec.VariableLoadBalancer: env.LoadBalancer.Name,
		spec.VariableHealthPath:   env.HealthAggregate.CheckPath,
	}
	if r := env.HealthAggregate.Replacement; r.PerHour > 0 {
		v[spec.VariableReplacementsPerHour] = strconv.Itoa(r.PerHour)
		v[spec.VariableReplacementZoneQuorum] = strconv.Itoa(r.ZoneQuorum)
	}
	return v
}

// allowReplacement lets the function tell Auto Scaling that instances of these groups are not
// healthy, and count those that were replaced.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func allowReplacement(f *function.Function, stack cdk.Stack, env *spec.Environment) {
	var groups []string
	for _, name := range slices.Sorted(maps.Keys(env.Fleets)) {
		groups = append(groups, env.ResourceName(name))
	}
	policy := f.Allow("Replacement", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings("autoscaling:SetInstanceHealth"),
		Resources: function.GroupARNs(stack, groups),
	}))
	nag.Acknowledge(policy, "AwsSolutions-IAM5", function.AnyGroupID)
	f.Describe("DescribeReplacements", "Auto Scaling", "autoscaling:DescribeScalingActivities")
}

// targetGroup has the function as its one target. Its health is not checked: with no other
// target there is none to prefer, and every check would be a measurement.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func targetGroup(this constructs.Construct, f *function.Function) elbv2.CfnTargetGroup {
	stack := cdk.Stack_Of(this)
	// The load balancer refuses a function that it may not invoke, so the permission comes
	// before the group and cannot name it.
	permission := lambda.NewCfnPermission(this, new("Invocation"), &lambda.CfnPermissionProps{
		Action:        new(function.ActionInvoke),
		FunctionName:  &f.ARN,
		Principal:     new("elasticloadbalancing.amazonaws.com"),
		SourceAccount: stack.Account(),
		SourceArn: stack.FormatArn(&cdk.ArnComponents{
			Service: new("elasticloadbalancing"), Resource: new("targetgroup"), ResourceName: new("*"),
		}),
	})
	group := elbv2.NewCfnTargetGroup(this, new("TargetGroup"), &elbv2.CfnTargetGroupProps{
		TargetType:         new("lambda"),
		HealthCheckEnabled: new(false),
		Targets:            convert.Union(&elbv2.CfnTargetGroup_TargetDescriptionProperty{Id: &f.ARN}),
		TargetGroupAttributes: convert.Union(&elbv2.CfnTargetGroup_TargetGroupAttributeProperty{
			// A header that a client repeats reaches the function as often.
			Key: new("lambda.multi_value_headers.enabled"), Value: new("true"),
		}),
	})
	group.Node().AddDependency(permission)
	return group
}
