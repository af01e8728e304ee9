package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/targethealth"
)

// mendAPI is what replacing an instance takes.
type mendAPI interface {
	DescribeScalingActivities(context.Context, *autoscaling.DescribeScalingActivitiesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeScalingActivitiesOutput, error)
	SetInstanceHealth(context.Context, *autoscaling.SetInstanceHealthInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error)
}

// mendLimits bound what is replaced; the zero value is for nothing.
type mendLimits struct {
	// perHour is the budget of a fleet: replacements for health of the last hour count against
	// it whoever asked for them, so that no two processes have one each.
	perHour int
	// quorum is the share of its instances, in percent, that each zone must have left which
	// pass their own check.
	quorum int
}

const (
	// mendRounds is for how many rounds in a row an instance must have been at fault.
	mendRounds = 3
	// mendWindow is the time that a budget is for.
	mendWindow = time.Hour
	// mendTimeout bounds the calls that it takes.
	mendTimeout = 5 * time.Second
)

// mender has Auto Scaling replace instances that the load balancer takes for healthy and
// that are not, one a round at most. What targets share is no instance's fault.
type mender struct {
	limits mendLimits
	groups mendAPI
	// rounds is for how many rounds in a row an instance has been at fault, as far as this
	// process has seen.
	rounds map[string]int
}

// mend replaces an instance if that is due, safe and within the budget.
func (m *mender) mend(ctx context.Context, o *aggregate.Observation, log *slog.Logger) error {
	candidates := m.watch(o)
	if !o.Complete() {
		return nil // what was not seen may be what is left
	}
	for _, c := range candidates {
		if !m.safe(o, c) {
			log.Warn("instance is not replaced: too few others pass", slog.String("instance", c.instance.ID), slog.String("auto_scaling_group", c.fleet.Name))
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, mendTimeout)
		defer cancel()
		spent, err := m.spent(ctx, c.fleet, o.Ended)
		if err != nil {
			return err
		}
		if spent >= m.limits.perHour {
			log.Warn("instance is not replaced: budget is spent", slog.String("instance", c.instance.ID), slog.String("auto_scaling_group", c.fleet.Name), slog.Int("replaced", spent))
			return nil
		}
		if _, err := m.groups.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{
			InstanceId: &c.instance.ID, HealthStatus: aws.String(unhealthyInstance), ShouldRespectGracePeriod: aws.Bool(true),
		}); err != nil {
			return fmt.Errorf("set health of %s: %w", c.instance.ID, err)
		}
		log.Warn("instance is replaced", slog.String("instance", c.instance.ID), slog.String("auto_scaling_group", c.fleet.Name))
		return nil
	}
	return nil
}

// candidate is an instance at fault.
type candidate struct {
	fleet    *aggregate.Fleet
	instance aggregate.Instance
}

// watch counts rounds, and returns those instances whose time has come, by id.
func (m *mender) watch(o *aggregate.Observation) []candidate {
	targets := byInstance(o)
	var all []*aggregate.Target
	for i := range o.Groups {
		for j := range o.Groups[i].Targets {
			if t := &o.Groups[i].Targets[j]; t.Deep != nil {
				all = append(all, t)
			}
		}
	}
	blame := aggregate.Blame(all)
	rounds := map[string]int{}
	var due []candidate
	for i := range o.Fleets {
		f := &o.Fleets[i]
		for _, instance := range f.Instances {
			if instance.Lifecycle != aggregate.InService || instance.Unhealthy {
				continue
			}
			// Auto Scaling sees by itself what the load balancer takes for unhealthy.
			in := targets[instance.ID]
			if len(in) == 0 || slices.ContainsFunc(in, isNotHealthy) || !slices.ContainsFunc(in, blame) {
				continue
			}
			rounds[instance.ID] = m.rounds[instance.ID] + 1
			if rounds[instance.ID] >= mendRounds {
				due = append(due, candidate{f, instance})
			}
		}
	}
	m.rounds = rounds
	slices.SortFunc(due, func(a, b candidate) int { return cmp.Compare(a.instance.ID, b.instance.ID) })
	return due
}

func isNotHealthy(t *aggregate.Target) bool { return t.State != targethealth.Healthy }

func isNotPassed(t *aggregate.Target) bool {
	return isNotHealthy(t) || t.Deep == nil || t.Deep.Outcome != aggregate.Passed
}

func byInstance(o *aggregate.Observation) map[string][]*aggregate.Target {
	targets := map[string][]*aggregate.Target{}
	for i := range o.Groups {
		for j := range o.Groups[i].Targets {
			if t := &o.Groups[i].Targets[j]; t.Instance != "" {
				targets[t.Instance] = append(targets[t.Instance], t)
			}
		}
	}
	return targets
}

// safe reports whether every zone of the fleet has its quorum without the instance.
func (m *mender) safe(o *aggregate.Observation, c candidate) bool {
	targets := byInstance(o)
	all, passing := map[string]int{}, map[string]int{}
	for _, i := range c.fleet.Instances {
		if i.Lifecycle != aggregate.InService {
			continue
		}
		all[i.Zone]++
		in := targets[i.ID]
		if i.ID != c.instance.ID && !i.Unhealthy && len(in) > 0 && !slices.ContainsFunc(in, isNotPassed) {
			passing[i.Zone]++
		}
	}
	for zone, n := range all {
		if passing[zone]*100 < m.limits.quorum*n {
			return false
		}
	}
	return true
}

// replacementCause is in the cause of every activity that replaces an instance for its health,
// whoever found it unhealthy.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-healthchecks.html
const replacementCause = "taken out of service in response to"

// spent is how many instances of the fleet were replaced for their health in the last hour,
// or are about to be.
func (m *mender) spent(ctx context.Context, f *aggregate.Fleet, now time.Time) (int, error) {
	n := 0
	for _, i := range f.Instances {
		if i.Unhealthy && i.Lifecycle == aggregate.InService {
			n++
		}
	}
	pages := autoscaling.NewDescribeScalingActivitiesPaginator(m.groups, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &f.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("describe activities of %s: %w", f.Name, err)
		}
		for _, a := range page.Activities { // the newest first
			if a.StartTime != nil && now.Sub(*a.StartTime) > mendWindow {
				return n, nil
			}
			if strings.Contains(aws.ToString(a.Cause), replacementCause) {
				n++
			}
		}
	}
	return n, nil
}
