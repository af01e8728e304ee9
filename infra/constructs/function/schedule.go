package function

import (
	"fmt"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	scheduler "github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// ScheduleProps says what happens again and again.
type ScheduleProps struct {
	Environment *spec.Environment
	// Name of the schedule and of its group, which is its alone:
	// <app>-<environment>-<name>.
	Name string
	// Description is a sentence for the console.
	Description string
	// Every is the time between two runs, in whole minutes.
	Every time.Duration
	// Target is the ARN of a function or a queue, and Action what is done to it:
	// ActionInvoke or ActionSend.
	Target, Action string
	// Input is the event or message, as JSON.
	Input string
	// DeadLetterQueue gets a run that could not be delivered before the next was due.
	DeadLetterQueue sqs.Queue
}

// Values of ScheduleProps.Action.
const (
	ActionInvoke = "lambda:InvokeFunction"
	ActionSend   = "sqs:SendMessage"
)

// deliveryRetries bounds how often a run is tried again before the next one is due.
const deliveryRetries = 3

// NewSchedule makes an EventBridge schedule and the role by which it reaches its target and
// nothing else.
//
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html
func NewSchedule(scope constructs.Construct, id string, props ScheduleProps) {
	this := constructs.NewConstruct(scope, &id)
	name := props.Environment.ResourceName(props.Name)
	// Roles can be held to a group of schedules, not to one of them.
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
	group := scheduler.NewCfnScheduleGroup(this, new("Group"), &scheduler.CfnScheduleGroupProps{Name: &name})
	role := iam.NewRole(this, new("Role"), &iam.RoleProps{
		Description: new("What schedule " + name + " may do"),
		AssumedBy: iam.NewServicePrincipal(new("scheduler.amazonaws.com"), &iam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{
				"aws:SourceAccount": cdk.Stack_Of(this).Account(),
				"aws:SourceArn":     group.AttrArn(),
			}},
		}),
	})
	iam.NewPolicy(role, new("Target"), &iam.PolicyProps{
		Roles: convert.List[iam.IRole](role),
		Statements: convert.List(
			iam.NewPolicyStatement(&iam.PolicyStatementProps{
				Actions: jsii.Strings(props.Action), Resources: jsii.Strings(props.Target),
			}),
			iam.NewPolicyStatement(&iam.PolicyStatementProps{
				Actions: jsii.Strings(ActionSend), Resources: convert.List(props.DeadLetterQueue.QueueArn()),
			}),
		),
	})
	schedule := scheduler.NewCfnSchedule(this, new("Resource"), &scheduler.CfnScheduleProps{
		Name:               &name,
		GroupName:          group.Ref(),
		Description:        &props.Description,
		ScheduleExpression: new(rate(props.Every)),
		FlexibleTimeWindow: &scheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: new("OFF")},
		Target: &scheduler.CfnSchedule_TargetProperty{
			Arn:              &props.Target,
			RoleArn:          role.RoleArn(),
			Input:            convert.Optional(props.Input),
			DeadLetterConfig: &scheduler.CfnSchedule_DeadLetterConfigProperty{Arn: props.DeadLetterQueue.QueueArn()},
			RetryPolicy: &scheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: convert.Seconds(props.Every),
				MaximumRetryAttempts:     jsii.Number(deliveryRetries),
			},
		},
	})
	schedule.Node().AddDependency(role)
}

// rate is EventBridge Scheduler's expression for a time between two runs.
//
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
func rate(every time.Duration) string {
	if every == time.Minute {
		return "rate(1 minute)"
	}
	return fmt.Sprintf("rate(%d minutes)", int(every/time.Minute))
}
