package spec

import "time"

// What the functions on AWS and those who set them up have to agree on. The functions know
// no CDK and the CDK app knows no function, so that they meet here.

// Variables of the functions' environment.
const (
	// VariableApp and VariableEnvironment are the values of TagApp and TagEnvironment.
	VariableApp         = "APP"
	VariableEnvironment = "ENVIRONMENT"
	// VariableQueueURL is where the drain function sends a message that is not done.
	VariableQueueURL = "QUEUE_URL"
	// VariableGroups are the names of the environment's Auto Scaling groups, with commas.
	VariableGroups = "AUTO_SCALING_GROUPS"
	// VariableHook is the name of their lifecycle hook.
	VariableHook = "LIFECYCLE_HOOK"
	// VariableLoadBalancer is the name of the load balancer whose health is gathered.
	VariableLoadBalancer = "LOAD_BALANCER"
	// VariableHealthPath is the path, with its query, of the application's own deep check.
	VariableHealthPath = "HEALTH_PATH"
	// VariableReplacementsPerHour and VariableReplacementZoneQuorum are those of Replacement; not
	// set where no instance is to be replaced.
	VariableReplacementsPerHour   = "SET_INSTANCE_HEALTH_PER_HOUR"
	VariableReplacementZoneQuorum = "SET_INSTANCE_HEALTH_ZONE_QUORUM"
)

// Variables of the agent on an instance.
const (
	// VariableGroup is the name of the instance's Auto Scaling group.
	VariableGroup = "AUTO_SCALING_GROUP"
	// VariableDrainHeartbeat, VariableDrainMaximum and VariableDrainOnTimeout are those of the
	// fleet's drain.
	VariableDrainHeartbeat = "DRAIN_HEARTBEAT"
	VariableDrainMaximum   = "DRAIN_MAXIMUM"
	VariableDrainOnTimeout = "DRAIN_ON_TIMEOUT"
)

// DrainHook is the name of every group's lifecycle hook, and the only one whose actions the
// drain function completes: other hooks on a group are other people's.
const DrainHook = "drain"

// DrainReconcileMessage is the message by which the schedule tells the drain function to look
// for instances whose messages were lost.
const DrainReconcileMessage = `{"source":"evenkeel.schedule","detail-type":"Reconcile"}`

// DrainMetadata is what the drain function needs to know of a fleet to end its instances. It
// comes with the hook's event, and a description of the hook has it too, so that an instance
// whose event was lost is drained by the same rules. Durations are as time.ParseDuration
// reads them.
type DrainMetadata struct {
	Heartbeat string `json:"heartbeat"`
	Maximum   string `json:"maximum"`
	OnTimeout string `json:"on_timeout"`
	// Workers tells whether the fleet runs workers, which are in no target group and end when
	// their tasks have.
	Workers bool `json:"workers,omitempty"`
	// Endpoint is the path at which an instance says how much it has in progress, Port where
	// and TLS how it is asked; empty without one.
	Endpoint string `json:"endpoint,omitempty"`
	Port     int    `json:"port,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
}

// DrainMetadata is that of a fleet, whose instances are asked as targets of group; nil if
// there is none to ask them by.
func (f *Fleet) DrainMetadata(group *TargetGroup) DrainMetadata {
	m := DrainMetadata{
		Heartbeat: f.Drain.Heartbeat.String(), Maximum: f.Drain.Maximum.String(), OnTimeout: f.Drain.OnTimeout, Workers: len(f.Queues) > 0,
	}
	if f.Drain.Endpoint != "" && group != nil {
		m.Endpoint, m.Port, m.TLS = f.Drain.Endpoint, group.Port, group.Protocol == ProtocolHTTPS
	}
	return m
}

// DrainGroup is the target group by whose port a fleet's instances are asked for
// Drain.Endpoint, or nil.
func (e *Environment) DrainGroup(fleet string) *TargetGroup {
	for i := range e.TargetGroups {
		if g := &e.TargetGroups[i]; g.Fleet == fleet && g.ProtocolVersion != ProtocolVersionGRPC {
			return g
		}
	}
	return nil
}

// AggregatePath is the path, and no other, at which the health of an environment is served:
// by the health function behind the load balancer, and by the container itself.
const AggregatePath = "/health/aggregate"

// AggregatePriority is that of the rule by which HTTPS listeners serve it: before all of the
// file, of which none has it on AWS.
const AggregatePriority = 1

// HealthInterval is the time between two measurements of the health function.
const HealthInterval = time.Minute

// FunctionNamespace is the CloudWatch namespace of what our own functions report.
const FunctionNamespace = "evenkeel"

// DimensionEnvironment is the only dimension of the metrics that alarms watch:
// <app>-<environment>. Each further value of a dimension would be billed as a further metric;
// what an instance did is in the function's log.
const DimensionEnvironment = "Environment"

// FunctionScope is the value of DimensionEnvironment.
func FunctionScope(app, environment string) string { return app + "-" + environment }

// Metrics of the drain function.
const (
	// MetricDrainStarted counts drains that began, once each.
	MetricDrainStarted = "DrainStarted"
	// MetricDrainCompleted counts those that ended because the instance was done.
	MetricDrainCompleted = "DrainCompleted"
	// MetricDrainAbandoned counts those that ended because drain.maximum had passed.
	MetricDrainAbandoned = "DrainAbandoned"
	// MetricDrainFailed counts those that ended with an error that no retry mends.
	MetricDrainFailed = "DrainFailed"
	// MetricDrainDuration is the time from the hook's event to the drain's end, in seconds.
	MetricDrainDuration = "DrainDuration"
	// MetricDrainHeartbeats counts heartbeats sent.
	MetricDrainHeartbeats = "DrainHeartbeats"
)

// Metrics of the health function.
const (
	// MetricHealthAge is how long ago the last complete round of checks ended, in seconds.
	MetricHealthAge = "HealthAge"
	// MetricDeepHealthyShare is the share of targets, in percent, that answer the
	// application's own check with success, in the target group with the smallest.
	MetricDeepHealthyShare = "DeepHealthyShare"
)
