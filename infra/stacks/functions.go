package stacks

import (
	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/infra/constructs/health"
)

// newDrain makes the stack that fleets depend on: it is there before the first of their
// instances and goes after the last, as an instance whose hook nobody completes ends late.
func (b *builder) newDrain() {
	env := b.Environment
	if b.Functions.Drain == "" || len(env.Fleets) == 0 {
		return
	}
	b.drainStack = b.stack("drain", env.AWS.Region, "What drains instances of "+env.App+" "+env.Name+" before they end")
	b.drain = drain.New(b.drainStack, "Drain", drain.Props{
		Environment:   env,
		Entry:         b.Functions.Drain,
		Fleets:        env.Fleets,
		Subnets:       b.network.PrivateSubnets,
		SecurityGroup: b.network.Groups.Functions,
	})
	output(b.drainStack, "Queue", "The queue of the instances that drain", b.drain.QueueURL)
	output(b.drainStack, "LogGroup", "The log of the drain function", b.drain.LogGroupName)
}

func (b *builder) newHealth() {
	env := b.Environment
	if b.Functions.Health == "" {
		return
	}
	stack := b.stack("health", env.AWS.Region, "What gathers the health of "+env.App+" "+env.Name)
	b.health = health.New(stack, "Health", health.Props{
		Environment:   env,
		Entry:         b.Functions.Health,
		Subnets:       b.network.PrivateSubnets,
		SecurityGroup: b.network.Groups.Functions,
	})
	output(stack, "LogGroup", "The log of the health function", b.health.LogGroupName)
}
