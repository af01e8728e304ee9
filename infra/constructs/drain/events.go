package drain

import (
	"maps"
	"slices"
	"time"

	events "github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// forward is a kind of events and how long they are worth delivering.
type forward struct {
	description string
	pattern     map[string]any
	maximumAge  time.Duration
}

// deliveryRetries bounds how often EventBridge tries again within an event's age.
const deliveryRetries = 185

// terminations are the events of the groups' own hook. One that is late finds the action
// completed and does no harm.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
func terminations(groups []string) forward {
	return forward{
		description: "Instances that are to end, to the drain's queue",
		pattern: map[string]any{
			"source":      []string{"aws.autoscaling"},
			"detail-type": []string{"EC2 Instance-terminate Lifecycle Action"},
			"detail": map[string]any{
				"AutoScalingGroupName": groups,
				"LifecycleHookName":    []string{spec.DrainHook},
			},
		},
		maximumAge: time.Hour,
	}
}

// interruptions are the notices that EC2 gives before it takes back a spot instance. They
// name the instance and not its group, so the function is told of the whole account's and
// passes over those that are not the environment's.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
func interruptions() forward {
	return forward{
		description: "Spot instances that are or may be taken back, to the drain's queue",
		pattern: map[string]any{
			"source":      []string{"aws.ec2"},
			"detail-type": []string{"EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation"},
		},
		// The instance is gone two minutes after the warning.
		maximumAge: 2 * time.Minute,
	}
}

// usesSpot tells whether any fleet has instances that may be taken back.
func usesSpot(fleets map[string]spec.Fleet) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(fleets)), func(f spec.Fleet) bool { return f.Spot.Percentage > 0 })
}

// sendEvents has EventBridge send events to the queue, and to dead those that it cannot.
func sendEvents(this constructs.Construct, id string, queue, dead sqs.Queue, f forward) {
	rule := events.NewCfnRule(this, &id, &events.CfnRuleProps{
		Description:  &f.description,
		EventPattern: f.pattern,
		Targets: convert.Union(&events.CfnRule_TargetProperty{
			Id:               new("Queue"),
			Arn:              queue.QueueArn(),
			DeadLetterConfig: &events.CfnRule_DeadLetterConfigProperty{Arn: dead.QueueArn()},
			RetryPolicy: &events.CfnRule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: convert.Seconds(f.maximumAge),
				MaximumRetryAttempts:     jsii.Number(deliveryRetries),
			},
		}),
	})
	for _, q := range []sqs.Queue{queue, dead} {
		q.AddToResourcePolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid:        new(id + "FromEventBridge"),
			Principals: convert.List[iam.IPrincipal](iam.NewServicePrincipal(new("events.amazonaws.com"), nil)),
			Actions:    jsii.Strings("sqs:SendMessage"),
			Resources:  convert.List(q.QueueArn()),
			Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
		}))
	}
}
