package drain

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// allow gives the function what a step of a drain does, and no more.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
func allow(this constructs.Construct, f *function.Function, env *spec.Environment, queue sqs.Queue, groups []string) {
	stack := cdk.Stack_Of(this)
	f.Allow("Queue", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions: jsii.Strings(
			"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
			"sqs:ReceiveMessage", "sqs:SendMessage",
		),
		Resources: convert.List(queue.QueueArn()),
	}))

	actions := f.Allow("LifecycleActions", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings("autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"),
		Resources: function.GroupARNs(stack, groups),
	}))
	nag.Acknowledge(actions, "AwsSolutions-IAM5", function.AnyGroupID)

	f.Describe("DescribeGroups", "Auto Scaling",
		"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLifecycleHooks")
	f.Describe("DescribeInstances", "EC2", "ec2:DescribeInstances")
	f.Describe("DescribeTargets", "Elastic Load Balancing",
		"elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth")

	targets := f.Allow("Deregistration", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions: jsii.Strings("elasticloadbalancing:DeregisterTargets"),
		Resources: convert.List(stack.FormatArn(&cdk.ArnComponents{
			Service: new("elasticloadbalancing"), Resource: new("targetgroup"), ResourceName: new("*"),
		})),
		Conditions: &map[string]any{"StringEquals": map[string]any{
			"aws:ResourceTag/" + spec.TagApp:         env.App,
			"aws:ResourceTag/" + spec.TagEnvironment: env.Name,
		}},
	}))
	nag.Acknowledge(targets, "AwsSolutions-IAM5", "Target groups are made after the drain and their names by AWS; the tags that only this environment's resources have stand in for the ARNs.")
}
