// Package drain makes what lets instances finish before they end: a queue to which lifecycle
// hooks and events lead, the function that reads it, and a schedule that finds what got
// lost.
//
// An instance that is to end is held by its group's hook, and a message of it is sent twice:
// by Auto Scaling to the queue, and by EventBridge, on whose events AWS promises no more
// than its best. The function takes one step of a drain at a time: it looks, decides, and
// completes the action or records a heartbeat and sends the message again with a delay. A
// drain may so take as long as AWS lets a hook wait, and no invocation more than seconds.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
package drain

import (
	"maps"
	"slices"
	"strings"
	"time"

	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	lambda "github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says whose instances are drained, and by which code.
type Props struct {
	Environment *spec.Environment
	// Entry is the folder of the function's command. Without one there is no drain.
	Entry string
	// Fleets by their names in the environment file. Their groups are called
	// <app>-<environment>-<fleet>. Without any there is no drain.
	Fleets map[string]spec.Fleet
	// Subnets are ids of private subnets from which instances are reached, and SecurityGroup
	// that of one that they let in and that lets out to AWS's APIs: for InNetwork alone.
	Subnets       []string
	SecurityGroup string
}

// Drain is what a group needs for its hook, and what alarms watch.
type Drain struct {
	// QueueARN is the hook's NotificationTargetARN, and NotificationRoleARN its RoleARN.
	QueueARN, NotificationRoleARN string
	// QueueURL is where messages of drains are sent.
	QueueURL string
	// QueueName, DeadLetterQueueName and FunctionName are dimensions of metrics. They are known
	// before the resources exist, and make nobody depend on them.
	QueueName, DeadLetterQueueName, FunctionName string
	// LogGroupName is that of the function.
	LogGroupName string
}

// Times of the function and its queue.
const (
	// FunctionTimeout bounds one invocation: a batch of steps of a few seconds each.
	FunctionTimeout = 30 * time.Second
	// VisibilityTimeout is how long a message stays hidden from others once it is read: six
	// times the function's timeout, as AWS advises. When a step crashes, the message is back
	// after it.
	//
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	VisibilityTimeout = 6 * FunctionTimeout
	// Retention outlives every drain, even one that nobody reads the messages of.
	Retention = 4 * 24 * time.Hour
	// ReconcileInterval is how often instances are looked for whose messages were lost.
	ReconcileInterval = time.Minute
)

const (
	// maxReceives is how often a step may fail before its message is set aside. One that is
	// sent again is a new message and counts from the start.
	maxReceives = 5
	// batchSize is how many messages one invocation takes, so that instances that end together
	// are described together.
	batchSize = 10
	// concurrency bounds invocations, and with them calls of APIs that AWS throttles. That
	// many are kept for the function, so that a read message never waits for a place to run.
	concurrency = 5
	memory      = 256
)

// New makes the drain of an environment's fleets, or nothing and returns nil when there is
// no code for it or nothing to drain.
//
// The stack of the groups has to depend on that of the drain: a hook whose queue, role or
// function is gone holds every instance of its group for a full heartbeat.
func New(scope constructs.Construct, id string, props Props) *Drain {
	if props.Entry == "" || len(props.Fleets) == 0 {
		return nil
	}
	this := constructs.NewConstruct(scope, &id)
	env := props.Environment
	groups := make([]string, 0, len(props.Fleets))
	for _, fleet := range slices.Sorted(maps.Keys(props.Fleets)) {
		groups = append(groups, env.ResourceName(fleet))
	}

	d := &Drain{
		QueueName:           env.ResourceName("drain"),
		DeadLetterQueueName: env.ResourceName("drain-dead-letters"),
	}
	dead := function.NewDeadLetterQueue(this, "DeadLetterQueue", env, "drain-dead-letters")
	queue := sqs.NewQueue(this, new("Queue"), &sqs.QueueProps{
		QueueName:         &d.QueueName,
		Encryption:        sqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        new(true),
		VisibilityTimeout: convert.Duration(VisibilityTimeout),
		RetentionPeriod:   convert.Duration(Retention),
		DeadLetterQueue:   &sqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(maxReceives)},
	})
	d.QueueARN, d.QueueURL = *queue.QueueArn(), *queue.QueueUrl()
	d.NotificationRoleARN = *notificationRole(this, queue).RoleArn()

	var network *function.Network
	if InNetwork(props.Fleets) {
		network = &function.Network{Subnets: props.Subnets, SecurityGroup: props.SecurityGroup}
	}
	f := function.New(this, "Function", function.Props{
		Environment:         env,
		Name:                "drain",
		Description:         "Takes one step of draining instances that are to end",
		Entry:               props.Entry,
		Memory:              memory,
		Timeout:             FunctionTimeout,
		ReservedConcurrency: concurrency,
		SendsToItself:       true,
		Network:             network,
		Variables: map[string]string{
			spec.VariableQueueURL: d.QueueURL,
			spec.VariableGroups:   strings.Join(groups, ","),
			spec.VariableHook:     spec.DrainHook,
		},
	})
	d.FunctionName, d.LogGroupName = f.Name, f.LogGroupName
	allow(this, f, env, queue, groups)
	lambda.NewCfnEventSourceMapping(this, new("Messages"), &lambda.CfnEventSourceMappingProps{
		FunctionName:          &f.ARN,
		EventSourceArn:        &d.QueueARN,
		BatchSize:             jsii.Number(batchSize),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig:         &lambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(concurrency)},
	})

	sendEvents(this, "Terminations", queue, dead, terminations(groups))
	if usesSpot(props.Fleets) {
		sendEvents(this, "Interruptions", queue, dead, interruptions())
	}
	function.NewSchedule(this, "Reconcile", function.ScheduleProps{
		Environment:     env,
		Name:            "drain",
		Description:     "Looks for ending instances whose messages were lost",
		Every:           ReconcileInterval,
		Target:          d.QueueARN,
		Action:          function.ActionSend,
		Input:           spec.DrainReconcileMessage,
		DeadLetterQueue: dead,
	})
	return d
}

// InNetwork tells whether the function runs in the network: it asks applications itself when
// any fleet has an endpoint for it.
func InNetwork(fleets map[string]spec.Fleet) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(fleets)), func(f spec.Fleet) bool { return f.Drain.Endpoint != "" })
}

// notificationRole is the role by which Auto Scaling sends a hook's messages, with the
// actions of the managed policy AutoScalingNotificationAccessRole on this queue alone.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html
func notificationRole(this constructs.Construct, queue sqs.Queue) iam.Role {
	role := iam.NewRole(this, new("NotificationRole"), &iam.RoleProps{
		Description: new("Lets Auto Scaling tell the drain's queue of instances that are to end"),
		AssumedBy:   iam.NewServicePrincipal(new("autoscaling.amazonaws.com"), nil),
	})
	iam.NewPolicy(role, new("Send"), &iam.PolicyProps{
		Roles: convert.List[iam.IRole](role),
		Statements: convert.List(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Actions:   jsii.Strings("sqs:GetQueueUrl", "sqs:SendMessage"),
			Resources: convert.List(queue.QueueArn()),
		})),
	})
	return role
}
