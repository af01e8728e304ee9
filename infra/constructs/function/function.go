// Package function makes AWS Lambda functions in Go and what all of them need: a role that
// may do nothing but what it is told, a log group, traces, schedules and dead-letter queues.
package function

import (
	"maps"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	lambda "github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	logs "github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	sqs "github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	golambda "github.com/aws/aws-cdk-go/awscdklambdagoalpha/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says what a function runs and how much of AWS it takes.
type Props struct {
	Environment *spec.Environment
	// Name is what the function does, as a verb or noun such as drain. The function is called
	// <app>-<environment>-<name>.
	Name string
	// Description is a sentence for the console; at most 256 characters.
	Description string
	// Entry is the folder of a Go command in a module, relative to where the program runs.
	Entry string
	// Memory in MiB: 128 to 10240. CPU grows with it.
	Memory int
	// Timeout of one invocation: 1s to 15m.
	Timeout time.Duration
	// ReservedConcurrency is how many invocations may run at once. As many are taken from what
	// the rest of the account has, of which AWS leaves at least 100.
	//
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
	ReservedConcurrency int
	// Variables are the function's environment variables, beside spec.VariableApp and
	// spec.VariableEnvironment, which every function has.
	Variables map[string]string
	// Network is where the function runs. Default: outside any VPC.
	Network *Network
	// Async says what becomes of asynchronous invocations. Default: AWS's own, which is two
	// more tries within six hours and then nothing.
	Async *Async
	// SendsToItself is for functions whose own messages invoke them again. AWS stops others
	// after some 16 rounds.
	//
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
	SendsToItself bool
}

// Network is a place in a VPC.
type Network struct {
	// Subnets are ids of private subnets, in different zones.
	Subnets []string
	// SecurityGroup is the id of the function's own.
	SecurityGroup string
}

// Async says how long and how often AWS tries an asynchronous invocation, and where one goes
// that failed.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
type Async struct {
	// MaximumAge is how long an event may wait for its turn: 1m to 6h.
	MaximumAge time.Duration
	// Retries after an error: 0 to 2.
	Retries int
	// DeadLetterQueue gets what failed or grew too old.
	DeadLetterQueue sqs.Queue
}

// LogGroupPrefix begins the name of every function's log group.
const LogGroupPrefix = "/aws/lambda/"

// goFlags make a build say nothing of where, when and from which commit it was made, so that
// the same source is the same asset on every machine and is not deployed again. As GOFLAGS
// they also stand in for those of the machine. lambda.norpc leaves out the RPC server that
// only the retired go1.x runtime spoke to.
//
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
const goFlags = "-trimpath -buildvcs=false -tags=lambda.norpc '-ldflags=-s -w'"

// Function is a Lambda function, and the handles that others need.
type Function struct {
	// Name is known before the function exists, and makes nobody depend on it.
	Name string
	// ARN makes who uses it depend on the function.
	ARN string
	// LogGroupName is that of the function's own log group.
	LogGroupName string

	role iam.Role
}

// New makes a function. Code is compiled on this machine when its stack is synthesized, or
// in a container when there is no Go; stacks that the context aws:cdk:bundling-stacks does
// not match are synthesized without.
func New(scope constructs.Construct, id string, props Props) *Function {
	this := constructs.NewConstruct(scope, &id)
	f := &Function{Name: props.Environment.ResourceName(props.Name)}
	f.LogGroupName = LogGroupPrefix + f.Name

	logGroup := logs.NewCfnLogGroup(this, new("LogGroup"), &logs.CfnLogGroupProps{
		LogGroupName:    &f.LogGroupName,
		RetentionInDays: jsii.Number(props.Environment.AWS.LogRetentionDays),
	})
	logGroup.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)

	f.role = iam.NewRole(this, new("Role"), &iam.RoleProps{
		Description: new("What function " + f.Name + " may do"),
		AssumedBy:   iam.NewServicePrincipal(new("lambda.amazonaws.com"), nil),
	})
	f.Allow("Logs", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions: jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
		// The attribute ends in :*, which stands for the group's streams.
		Resources: convert.List(logGroup.AttrArn()),
	}))
	traces := f.Allow("Traces", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
		Resources: jsii.Strings("*"),
	}))
	nag.Acknowledge(traces, "AwsSolutions-IAM5[Resource::*]", "X-Ray has no resource to name for traces that are written: its actions take * only.")

	variables := map[string]string{
		spec.VariableApp:         props.Environment.App,
		spec.VariableEnvironment: props.Environment.Name,
	}
	maps.Copy(variables, props.Variables)
	recursion := lambda.RecursiveLoop_TERMINATE
	if props.SendsToItself {
		recursion = lambda.RecursiveLoop_ALLOW
	}
	code := golambda.NewGoFunction(this, new("Code"), &golambda.GoFunctionProps{
		FunctionName: &f.Name,
		Description:  &props.Description,
		Entry:        &props.Entry,
		Bundling: &golambda.BundlingOptions{
			// A go.work above the module would choose other versions than go.mod.
			Environment: convert.Map(map[string]string{"GOFLAGS": goFlags, "GOWORK": "off"}),
			CgoEnabled:  new(false),
		},
		Runtime:                      lambda.Runtime_PROVIDED_AL2023(),
		Architecture:                 lambda.Architecture_ARM_64(),
		MemorySize:                   jsii.Number(props.Memory),
		Timeout:                      convert.Duration(props.Timeout),
		ReservedConcurrentExecutions: jsii.Number(props.ReservedConcurrency),
		RecursiveLoop:                recursion,
		Environment:                  convert.Map(variables),
		LogGroup:                     logs.LogGroup_FromLogGroupName(this, new("OwnLogGroup"), logGroup.Ref()),
		LoggingFormat:                lambda.LoggingFormat_JSON,
		Role:                         f.role,
	})
	resource := code.Node().DefaultChild().(lambda.CfnFunction)
	// Here and not among the properties, which would give the role a second, broader policy.
	resource.SetTracingConfig(&lambda.CfnFunction_TracingConfigProperty{Mode: new("Active")})
	if props.Network != nil {
		f.joinNetwork(this, resource, props.Network)
	}
	f.ARN = *resource.AttrArn()
	if props.Async != nil {
		f.configureAsync(this, resource, props.Async)
	}
	return f
}

// Allow gives the function's role a policy of its own, so that a finding on it can be
// acknowledged without accepting any other. The function is made after the policy and
// removed before it.
func (f *Function) Allow(id string, statements ...iam.PolicyStatement) iam.Policy {
	return iam.NewPolicy(f.role, &id, &iam.PolicyProps{
		Roles:      convert.List[iam.IRole](f.role),
		Statements: &statements,
	})
}

// Describe lets the function do actions that AWS lets nobody do in part: those that only
// read, and that the service has no resource for. The service's name is that which people
// know it by.
func (f *Function) Describe(id, service string, actions ...string) {
	policy := f.Allow(id, iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: jsii.Strings("*"),
	}))
	nag.Acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", service+" has no resource to name for what is described: such actions take * only.")
}

func (f *Function) configureAsync(this constructs.Construct, resource lambda.CfnFunction, async *Async) {
	f.Allow("Failures", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings("sqs:SendMessage"),
		Resources: convert.List(async.DeadLetterQueue.QueueArn()),
	}))
	lambda.NewCfnEventInvokeConfig(this, new("Async"), &lambda.CfnEventInvokeConfigProps{
		FunctionName:             resource.Ref(),
		Qualifier:                new("$LATEST"),
		MaximumEventAgeInSeconds: convert.Seconds(async.MaximumAge),
		MaximumRetryAttempts:     jsii.Number(async.Retries),
		DestinationConfig: &lambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &lambda.CfnEventInvokeConfig_OnFailureProperty{Destination: async.DeadLetterQueue.QueueArn()},
		},
	})
}
