package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/targethealth"
)

// scaling is Auto Scaling: what it has done, and which instances it was told to replace.
type scaling struct {
	activities []asgtypes.Activity
	replaced   []string
	err        error
}

func (s *scaling) DescribeScalingActivities(_ context.Context, in *autoscaling.DescribeScalingActivitiesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeScalingActivitiesOutput, error) {
	if *in.AutoScalingGroupName != "web" {
		return nil, errors.New("another group")
	}
	out := &autoscaling.DescribeScalingActivitiesOutput{}
	out.Activities, out.NextToken = page(s.activities, in.NextToken)
	return out, nil
}

func (s *scaling) SetInstanceHealth(_ context.Context, in *autoscaling.SetInstanceHealthInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error) {
	if *in.HealthStatus != "Unhealthy" || !*in.ShouldRespectGracePeriod {
		return nil, errors.New("not as it should be")
	}
	if s.err != nil {
		return nil, s.err
	}
	s.replaced = append(s.replaced, *in.InstanceId)
	return &autoscaling.SetInstanceHealthOutput{}, nil
}

// fleetOf is an observation of n instances in each of two zones, of which some fail by
// themselves.
func fleetOf(n int, failing ...string) *aggregate.Observation {
	now := time.Now()
	o := &aggregate.Observation{
		Begun: now, Ended: now, Groups: []aggregate.Group{{Name: "web"}}, Fleets: []aggregate.Fleet{{Name: "web", Desired: 2 * n, Groups: []string{"web"}}},
	}
	for i := range 2 * n {
		id, zone := fmt.Sprintf("i-%d", i), string(rune('a'+i%2))
		outcome := aggregate.Passed
		if slices.Contains(failing, id) {
			outcome = aggregate.TimedOut
		}
		o.Groups[0].Targets = append(o.Groups[0].Targets, aggregate.Target{
			ID: id, Instance: id, Address: id, Zone: zone, State: targethealth.Healthy, Deep: &aggregate.Result{Outcome: outcome},
		})
		o.Fleets[0].Instances = append(o.Fleets[0].Instances, aggregate.Instance{ID: id, Zone: zone, Lifecycle: aggregate.InService})
	}
	return o
}

// replacement is an activity of so long ago.
func replacement(ago time.Duration) asgtypes.Activity {
	return asgtypes.Activity{
		StartTime: aws.Time(time.Now().Add(-ago)),
		Cause:     aws.String("At 2026-03-01T11:00:00Z an instance was taken out of service in response to a user health-check."),
	}
}

func TestBrokenInstanceIsReplaced(t *testing.T) {
	launch := asgtypes.Activity{StartTime: aws.Time(time.Now()), Cause: aws.String("an instance was started in response to a difference between desired and actual capacity")}
	all := func(o *aggregate.Observation) {
		for i := range o.Groups[0].Targets {
			o.Groups[0].Targets[i].Deep.Outcome = aggregate.TimedOut
		}
	}
	for name, c := range map[string]struct {
		size       int
		failing    []string
		change     func(*aggregate.Observation)
		activities []asgtypes.Activity
		rounds     int
		want       []string
	}{
		"after three rounds":            {4, []string{"i-0"}, nil, nil, 3, []string{"i-0"}},
		"not before":                    {4, []string{"i-0"}, nil, nil, 2, nil},
		"one a round, the first first":  {5, []string{"i-3", "i-0"}, nil, nil, 3, []string{"i-0"}},
		"nobody when all pass":          {4, nil, nil, nil, 9, nil},
		"nobody when all fail":          {4, nil, all, nil, 9, nil},
		"not in a zone of one":          {1, []string{"i-0"}, nil, nil, 9, nil},
		"not in a zone of two":          {2, []string{"i-0"}, nil, nil, 9, nil},
		"not when another of few fails": {3, []string{"i-0", "i-2"}, nil, nil, 9, nil},
		"not when the other zone is short": {4, []string{"i-0"}, func(o *aggregate.Observation) {
			for _, i := range []int{1, 3} {
				o.Groups[0].Targets[i].State = targethealth.Unhealthy
			}
		}, nil, 9, nil},
		"not when not all is seen":     {4, []string{"i-0"}, func(o *aggregate.Observation) { o.Problems = []string{"x"} }, nil, 9, nil},
		"not when the budget is spent": {4, []string{"i-0"}, nil, []asgtypes.Activity{launch, replacement(time.Minute), replacement(59 * time.Minute)}, 3, nil},
		"when it was spent long ago":   {4, []string{"i-0"}, nil, []asgtypes.Activity{launch, launch, replacement(time.Minute), replacement(61 * time.Minute)}, 3, []string{"i-0"}},
		"not when others are about to go": {8, []string{"i-0"}, func(o *aggregate.Observation) {
			o.Fleets[0].Instances[1].Unhealthy, o.Fleets[0].Instances[3].Unhealthy = true, true
		}, nil, 9, nil},
		"not twice":             {4, []string{"i-0"}, func(o *aggregate.Observation) { o.Fleets[0].Instances[0].Unhealthy = true }, nil, 9, nil},
		"not what is unhealthy": {4, []string{"i-0"}, func(o *aggregate.Observation) { o.Groups[0].Targets[0].State = targethealth.Unhealthy }, nil, 9, nil},
		"not what is leaving":   {4, []string{"i-0"}, func(o *aggregate.Observation) { o.Fleets[0].Instances[0].Lifecycle = "Terminating:Wait" }, nil, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scaling{activities: c.activities}
			log := &bytes.Buffer{}
			m := &mender{limits: mendLimits{perHour: 2, quorum: 60}, groups: s}
			for range c.rounds {
				o := fleetOf(c.size, c.failing...)
				if c.change != nil {
					c.change(o)
				}
				if err := m.mend(t.Context(), o, slog.New(slog.NewJSONHandler(log, nil))); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, s.replaced); diff != "" {
				t.Errorf("%s%s", diff, log)
			}
			if c.want != nil && !strings.Contains(log.String(), `"instance is replaced"`) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// TestRoundsAreInARow: a round in which the instance passes begins anew.
func TestRoundsAreInARow(t *testing.T) {
	s := &scaling{}
	m := &mender{limits: mendLimits{perHour: 2, quorum: 60}, groups: s}
	for _, failing := range [][]string{{"i-0"}, {"i-0"}, nil, {"i-0"}, {"i-0"}} {
		if err := m.mend(t.Context(), fleetOf(4, failing...), slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	if s.replaced != nil {
		t.Errorf("replaced %q", s.replaced)
	}
	s.err = errDenied
	if err := m.mend(t.Context(), fleetOf(4, "i-0"), slog.New(slog.DiscardHandler)); !errors.Is(err, errDenied) || !strings.HasPrefix(err.Error(), "set health of i-0: ") {
		t.Errorf("got %v", err)
	}
}
