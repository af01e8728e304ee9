package function

import (
	"time"

	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// DeadLetterRetention is how long people have to look at what failed: the most that SQS
// keeps a message.
const DeadLetterRetention = 14 * 24 * time.Hour

// NewDeadLetterQueue makes the queue <app>-<environment>-<name> for what could not be
// delivered or handled. Whoever makes it sets an alarm on any message in it.
func NewDeadLetterQueue(scope constructs.Construct, id string, env *spec.Environment, name string) sqs.Queue {
	return sqs.NewQueue(scope, &id, &sqs.QueueProps{
		QueueName:       new(env.ResourceName(name)),
		Encryption:      sqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      new(true),
		RetentionPeriod: convert.Duration(DeadLetterRetention),
	})
}
