// Package stacks composes an environment's stacks of the constructs: which there are, where,
// and in which order they are made and deleted.
package stacks

import (
	"maps"
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/infra/constructs/data"
	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/infra/constructs/edge"
	"github.com/evenkeel/evenkeel/infra/constructs/fleet"
	"github.com/evenkeel/evenkeel/infra/constructs/health"
	"github.com/evenkeel/evenkeel/infra/constructs/loadbalancer"
	"github.com/evenkeel/evenkeel/infra/constructs/network"
	"github.com/evenkeel/evenkeel/infra/constructs/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// edgeRegion is where CloudFront looks for its certificate and its web ACL.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
const edgeRegion = "us-east-1"

// Functions are the folders of the Go commands that run as Lambda functions. Without a folder
// there is no function, and nothing that would need it.
type Functions struct {
	// Drain finishes what an instance does before it ends.
	Drain string
	// Health gathers the health of the environment.
	Health string
}

// Props says what to compose.
type Props struct {
	Environment *spec.Environment
	// Folder is the environment file's, where the scripts of fleets are looked for.
	Folder    string
	Functions Functions
}

// New makes the stacks of an environment. The error says what of it AWS does not take that
// only the constructs know of.
func New(app cdk.App, props Props) error {
	env := props.Environment
	b := builder{app: app, Props: props}
	b.networkStack = b.stack("network", env.AWS.Region, "Network of "+env.App+" "+env.Name)
	asks := props.Functions.Drain != "" && drain.InNetwork(env.Fleets)
	b.network = network.New(b.networkStack, "Network", network.Props{
		Environment: env, Functions: props.Functions.Health != "" || asks, Queues: asks,
	})
	b.newData()
	b.newDrain()
	b.newHealth()
	if err := b.newLoadBalancer(); err != nil {
		return err
	}
	b.newFleets()
	if err := b.newEdge(); err != nil {
		return err
	}
	b.newObservability()
	return nil
}

// builder carries what stacks hand to those after them.
type builder struct {
	Props
	app cdk.App

	network  *network.Network
	data     *data.Data
	drain    *drain.Drain
	health   *health.Health
	balancer *loadbalancer.LoadBalancer
	acl      *waf.WebACL
	fleets   map[string]*fleet.Fleet
	edge     *edge.Edge

	networkStack, drainStack, balancerStack, edgeStack cdk.Stack
	// vpcOrigin is how CloudFront reaches an internal load balancer.
	vpcOrigin string
	// edgeACL is the firewall in us-east-1; nil without one.
	edgeACL *alarm.WebACL
}

// stack makes a stack of the environment: <app>-<environment>-<name>.
func (b *builder) stack(name, region, description string) cdk.Stack {
	env := b.Environment
	stack := cdk.NewStack(b.app, new(env.ResourceName(name)), &cdk.StackProps{
		StackName:             new(env.ResourceName(name)),
		Description:           &description,
		Env:                   &cdk.Environment{Account: &env.AWS.Account, Region: &region},
		TerminationProtection: new(env.LoadBalancer.Attributes.DeletionProtection),
	})
	tags := cdk.Tags_Of(stack)
	tags.Add(new(spec.TagApp), &env.App, nil)
	tags.Add(new(spec.TagEnvironment), &env.Name, nil)
	for _, key := range slices.Sorted(maps.Keys(env.AWS.Tags)) {
		tags.Add(&key, new(env.AWS.Tags[key]), nil)
	}
	return stack
}

// output shows a value when the stack is deployed, and to scripts after that.
func output(scope constructs.Construct, id, description, value string) {
	cdk.NewCfnOutput(scope, &id, &cdk.CfnOutputProps{Description: &description, Value: &value})
}
