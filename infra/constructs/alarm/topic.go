package alarm

import (
	"fmt"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	chatbot "github.com/aws/aws-cdk-go/awscdk/v2/awschatbot"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	kms "github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	sns "github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// TopicProps say who hears of alarms.
type TopicProps struct {
	Environment *spec.Environment
	// Name is the topic's, as given to env.ResourceName; see TopicName and EdgeTopicName.
	Name string
	// Slack posts to the environment's Slack channel from here. A channel takes one
	// configuration only, so it is for one topic of an environment; OtherTopicARNs hold the
	// rest. Default false.
	Slack bool
	// OtherTopicARNs are topics of other regions to post from too; they exist already.
	OtherTopicARNs []string
}

// Names of the topics: the region's, and that of the edge in us-east-1.
const (
	TopicName     = "alarms"
	EdgeTopicName = "alarms-edge"
)

// Topic is where alarms are told.
type Topic struct {
	ARN string
	// Key encrypts the topic. Other services that are to publish need to use it.
	Key kms.IKey
}

// NewTopic makes the topic, its key, and its subscriptions. People have to confirm the
// message that a subscribed address gets.
func NewTopic(scope constructs.Construct, id string, props TopicProps) *Topic {
	within := constructs.NewConstruct(scope, &id)
	env := props.Environment
	name := env.ResourceName(props.Name)

	key := kms.NewKey(within, new("Key"), &kms.KeyProps{
		Description:       new("Alarms of " + name),
		EnableKeyRotation: new(true),
		RemovalPolicy:     cdk.RemovalPolicy_DESTROY,
	})
	// CloudWatch cannot use the key that AWS keeps for SNS, whose policy nobody can change.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
	key.AddToResourcePolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Sid:        new("CloudWatchAlarms"),
		Principals: &[]iam.IPrincipal{cloudWatch()},
		Actions:    convert.Strings([]string{"kms:Decrypt", "kms:GenerateDataKey*"}),
		Resources:  convert.Strings([]string{"*"}),
		Conditions: ownAccount(within),
	}), nil)

	topic := sns.NewTopic(within, new("Topic"), &sns.TopicProps{
		TopicName: &name, DisplayName: &name, MasterKey: key, EnforceSSL: new(true),
	})
	topic.AddToResourcePolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Sid:        new("CloudWatchAlarms"),
		Principals: &[]iam.IPrincipal{cloudWatch()},
		Actions:    convert.Strings([]string{"sns:Publish"}),
		Resources:  &[]*string{topic.TopicArn()},
		Conditions: ownAccount(within),
	}))
	for _, address := range env.Alarms.Notify.Email {
		sns.NewSubscription(within, &address, &sns.SubscriptionProps{
			Topic: topic, Protocol: sns.SubscriptionProtocol_EMAIL, Endpoint: &address,
		})
	}
	if slack := env.Alarms.Notify.Slack; props.Slack && slack != (spec.Slack{}) {
		newSlack(within, env, slack, append([]string{*topic.TopicArn()}, props.OtherTopicARNs...))
	}
	return &Topic{ARN: *topic.TopicArn(), Key: key}
}

// TopicARN is the ARN of a topic of that name in a region of the scope's account, for stacks
// of other regions.
func TopicARN(scope constructs.Construct, env *spec.Environment, name, region string) string {
	return *cdk.Stack_Of(scope).FormatArn(&cdk.ArnComponents{
		Service: new("sns"), Region: &region, Resource: new(env.ResourceName(name)),
	})
}

func cloudWatch() iam.IPrincipal {
	return iam.NewServicePrincipal(new("cloudwatch.amazonaws.com"), nil)
}

// ownAccount keeps CloudWatch from being used by alarms of others.
func ownAccount(scope constructs.Construct) *map[string]any {
	return &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *cdk.Stack_Of(scope).Account()}}
}

// newSlack posts to a Slack channel. The channel's members can read what a notification
// shows, and nothing else: without a guardrail, they could do what an administrator can.
//
// https://docs.aws.amazon.com/chatbot/latest/adminguide/understanding-permissions.html
func newSlack(scope constructs.Construct, env *spec.Environment, slack spec.Slack, topics []string) {
	policy := iam.NewManagedPolicy(scope, new("SlackPolicy"), &iam.ManagedPolicyProps{
		Description: new(fmt.Sprintf("What the Slack channel of %s's alarms may read", env.ResourceName(TopicName))),
		Statements: &[]iam.PolicyStatement{iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Actions:   convert.Strings([]string{"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"}),
			Resources: convert.Strings([]string{"*"}),
		})},
	})
	nag.Acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", "Reading metrics has no resource to be limited to; nothing but alarms and metrics can be read.")
	role := iam.NewRole(scope, new("SlackRole"), &iam.RoleProps{
		AssumedBy:       iam.NewServicePrincipal(new("chatbot.amazonaws.com"), nil),
		ManagedPolicies: &[]iam.IManagedPolicy{policy},
	})
	arns := make([]any, len(topics))
	for i, arn := range topics {
		arns[i] = arn
	}
	chatbot.NewCfnSlackChannelConfiguration(scope, new("Slack"), &chatbot.CfnSlackChannelConfigurationProps{
		ConfigurationName: new(env.ResourceName(TopicName)),
		SlackWorkspaceId:  &slack.Workspace,
		SlackChannelId:    &slack.Channel,
		IamRoleArn:        role.RoleArn(),
		GuardrailPolicies: &[]*string{policy.ManagedPolicyArn()},
		SnsTopicArns:      &arns,
		LoggingLevel:      new("ERROR"),
	})
}
