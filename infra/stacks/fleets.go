package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/infra/constructs/fleet"
	"github.com/evenkeel/evenkeel/infra/refusal"
	"github.com/evenkeel/evenkeel/spec"
)

func (b *builder) newFleets() {
	env := b.Environment
	if len(env.Fleets) == 0 {
		return
	}
	stack := b.stack("fleets", env.AWS.Region, "Auto Scaling groups of "+env.App+" "+env.Name)
	b.fleets = map[string]*fleet.Fleet{}
	inUse := env.InUseTargetGroups()
	if b.drainStack != nil {
		stack.AddStackDependency(b.drainStack, new("what completes the hooks of ending instances outlives the groups"))
	}
	for _, name := range slices.Sorted(maps.Keys(env.Fleets)) {
		f := env.Fleets[name]
		var groups []fleet.TargetGroup
		for i := range env.TargetGroups {
			if g := &env.TargetGroups[i]; g.Fleet == name {
				made := b.balancer.TargetGroups[g.Name]
				groups = append(groups, fleet.TargetGroup{ARN: made.ARN, FullName: made.FullName, InUse: inUse[g.Name]})
			}
		}
		script := ""
		if f.UserData != "" {
			var err error
			if script, err = refusal.UserData(b.Folder, f.UserData); err != nil {
				panic(fmt.Sprintf("stacks: user data of fleet %s was not inspected: %v", name, err))
			}
		}
		access := b.data.Access()
		variables := access.Environment
		variables["AWS_REGION"] = env.AWS.Region
		variables["AWS_DEFAULT_REGION"] = env.AWS.Region
		variables["LOG_GROUP"] = fleet.LogGroupName(env, name)
		if f.Release != "" {
			variables["RELEASE"] = f.Release
		}
		if len(f.Queues) > 0 {
			variables["WORKER_QUEUES"] = strings.Join(f.Queues, ",")
			variables["WORKER_CONCURRENCY"] = strconv.Itoa(f.Concurrency)
		}
		hook := b.hook(name, f)
		if hook != nil {
			// What the agent on the instance goes by.
			variables[spec.VariableGroup] = env.ResourceName(name)
			variables[spec.VariableHook] = hook.Name
			variables[spec.VariableDrainHeartbeat] = f.Drain.Heartbeat.String()
			variables[spec.VariableDrainMaximum] = f.Drain.Maximum.String()
			variables[spec.VariableDrainOnTimeout] = f.Drain.OnTimeout
		}
		b.fleets[name] = fleet.New(stack, "Fleet-"+name, fleet.Props{
			Environment:   env,
			Name:          name,
			Subnets:       b.network.PrivateSubnets,
			SecurityGroup: b.network.Groups.Fleets[name],
			TargetGroups:  groups,
			LoadBalancer:  b.balancer.FullName,
			UserData:      script,
			Variables:     variables,
			Secrets:       access.Secrets,
			Buckets:       access.Buckets,
			Release:       f.Release,
			BrokerName:    b.brokerName(),
			Hook:          hook,
		})
		output(stack, "Group-"+name, "Auto Scaling group of fleet "+name, b.fleets[name].GroupName)
	}
}

func (b *builder) brokerName() string {
	if b.data.Broker == nil {
		return ""
	}
	return b.data.Broker.Name
}

// hook is the lifecycle hook of a fleet; nil while there is no function to complete it.
func (b *builder) hook(name string, f spec.Fleet) *fleet.Hook {
	if b.drain == nil {
		return nil
	}
	h := drain.Hook(f, b.Environment.DrainGroup(name))
	return &fleet.Hook{
		Name:             h.Name,
		Transition:       h.Transition,
		HeartbeatTimeout: h.HeartbeatTimeout,
		DefaultResult:    h.DefaultResult,
		Metadata:         h.NotificationMetadata,
		QueueARN:         b.drain.QueueARN,
		RoleARN:          b.drain.NotificationRoleARN,
	}
}
