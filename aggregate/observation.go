// Package aggregate makes one picture of an environment's health of what was seen of it: the
// document at spec.AggregatePath. The health function fills an [Observation] from AWS's APIs
// and the container from its own state; [Build] makes the same [Document] of both.
//
// Build only decides: it is given observations and the time. The application's own check of
// each target, a deep check, is made by a [Checker] and parsed by [ParseReport].
//
// What targets depend on together fails on all of them together. The document says so and
// tells an alarm; nothing here takes a target out of service.
package aggregate

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Observation is what one round of looking has seen of an environment.
type Observation struct {
	App, Environment string
	// LoadBalancer is its name.
	LoadBalancer string
	// Begun and Ended are when the round was. What was seen is as old as its end.
	Begun, Ended time.Time
	Groups       []Group
	// Fleets are Auto Scaling groups; the container has none.
	Fleets []Fleet
	// Problems are what could not be seen, for whoever may read the document: no addresses,
	// accounts or messages of others.
	Problems []string
}

// Group is a target group as it was seen.
type Group struct {
	Name string
	// Unseen says that the targets could not be listed; Targets means nothing then.
	Unseen bool
	// Idle says that no listener sends requests to the group, so that its health is nobody's.
	Idle bool
	// MinimumHealthy is the threshold below which requests go to all targets.
	MinimumHealthy spec.MinimumHealthyTargets
	Targets        []Target
}

// Target is a registered or draining target as it was seen.
type Target struct {
	// ID is what the target was registered as.
	ID string
	// Instance is the id of the EC2 instance behind it; empty if none is known.
	Instance string
	// Address is host:port where the target was asked. It tells apart who answered, and is in
	// no document.
	Address string
	// Zone is the availability zone; empty for none.
	Zone   string
	State  targethealth.State
	Reason targethealth.Reason
	// Since is when the target came into its state, or was first seen in it. Zero: unknown.
	Since time.Time
	// Deep is what the application's own check gave; nil if the target was not asked.
	Deep *Result
}

// Fleet is an Auto Scaling group as it was seen.
type Fleet struct {
	Name    string
	Desired int
	// Groups are names of the target groups that it fills. A fleet of workers fills none.
	Groups    []string
	Instances []Instance
}

// Instance is a member of a fleet.
type Instance struct {
	ID, Zone string
	// Lifecycle is Auto Scaling's word, such as InService or Terminating:Wait.
	//
	// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
	Lifecycle string
	// Unhealthy says that Auto Scaling is about to replace the instance.
	Unhealthy bool
}

// InService is the Lifecycle of an instance that its fleet counts on.
const InService = "InService"

// Complete reports whether all was seen: every group, every fleet, and an answer or its
// absence from every target that was to be asked.
func (o *Observation) Complete() bool {
	if len(o.Problems) > 0 {
		return false
	}
	for i := range o.Groups {
		if o.Groups[i].Unseen {
			return false
		}
		for _, t := range o.Groups[i].Targets {
			if t.Deep != nil && t.Deep.Outcome == NotAsked {
				return false
			}
		}
	}
	return true
}

// Asked reports whether targets of that state are asked by a deep check: all but those that
// get no requests.
func Asked(s targethealth.State) bool {
	return s != targethealth.Draining && s != targethealth.Unused
}
