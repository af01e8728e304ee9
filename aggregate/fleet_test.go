package aggregate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
)

func TestFleetsAgree(t *testing.T) {
	one := says(aggregate.Failing, "1", aggregate.Down, aggregate.Up, aggregate.Up)
	shared := says(aggregate.Impaired, "1", aggregate.Up, aggregate.Down, aggregate.Up)
	for name, c := range map[string]struct {
		targets   []aggregate.Target
		instances []aggregate.Instance
		want      aggregate.FleetHealth
	}{
		"all three": {
			times(3, 0, up, passes("1")),
			[]aggregate.Instance{inService(0), inService(1), inService(2)},
			aggregate.FleetHealth{InService: 3, TargetHealthy: 3, DeepPassed: new(3)},
		},
		"without deep checks": {
			times(2, 0, up),
			[]aggregate.Instance{inService(0), inService(1)},
			aggregate.FleetHealth{InService: 2, TargetHealthy: 2},
		},
		"not registered": {
			times(2, 0, up),
			[]aggregate.Instance{inService(0), inService(1), inService(2)},
			aggregate.FleetHealth{InService: 3, TargetHealthy: 2, Zombies: []aggregate.Zombie{{"i-02", "a", "in_service_not_registered"}}},
		},
		"draining though in service": {
			[]aggregate.Target{target(0, up), target(1, draining)},
			[]aggregate.Instance{inService(0), inService(1)},
			aggregate.FleetHealth{InService: 2, TargetHealthy: 1, Zombies: []aggregate.Zombie{{"i-01", "b", "in_service_not_registered"}}},
		},
		"unhealthy": {
			[]aggregate.Target{target(0, up), target(1, down)},
			[]aggregate.Instance{inService(0), inService(1)},
			aggregate.FleetHealth{InService: 2, TargetHealthy: 1, Zombies: []aggregate.Zombie{{"i-01", "b", "in_service_target_unhealthy"}}},
		},
		"starting": {
			[]aggregate.Target{target(0, up), target(1, initial)},
			[]aggregate.Instance{inService(0), inService(1), instance(2, "Pending:Wait")},
			aggregate.FleetHealth{InService: 2, TargetHealthy: 1},
		},
		"kept aside": {
			times(1, 0, up),
			[]aggregate.Instance{inService(0), instance(1, "Standby"), instance(2, "Warmed:Stopped")},
			aggregate.FleetHealth{InService: 1, TargetHealthy: 1},
		},
		"broken by itself": {
			append(times(3, 0, up, passes("1")), target(3, up, one)),
			[]aggregate.Instance{inService(0), inService(1), inService(2), inService(3)},
			aggregate.FleetHealth{InService: 4, TargetHealthy: 4, DeepPassed: new(3), Zombies: []aggregate.Zombie{{"i-03", "b", "target_healthy_deep_failing"}}},
		},
		"hangs": {
			append(times(3, 0, up, passes("1")), target(3, up, ends(aggregate.TimedOut))),
			[]aggregate.Instance{inService(3)},
			aggregate.FleetHealth{InService: 1, TargetHealthy: 1, DeepPassed: new(0), Zombies: []aggregate.Zombie{
				{"i-00", "a", "registered_not_in_fleet"},
				{"i-01", "b", "registered_not_in_fleet"},
				{"i-02", "a", "registered_not_in_fleet"},
				{"i-03", "b", "target_healthy_deep_failing"},
			}},
		},
		"broken by what all share": {
			times(3, 0, up, shared),
			[]aggregate.Instance{inService(0), inService(1), inService(2)},
			aggregate.FleetHealth{InService: 3, TargetHealthy: 3, DeepPassed: new(0)},
		},
		"all hang, for whatever reason": {
			times(3, 0, up, ends(aggregate.TimedOut)),
			[]aggregate.Instance{inService(0), inService(1), inService(2)},
			aggregate.FleetHealth{InService: 3, TargetHealthy: 3, DeepPassed: new(0)},
		},
		"leaves and serves": {
			times(2, 0, up),
			[]aggregate.Instance{inService(0), instance(1, "Terminating:Wait")},
			aggregate.FleetHealth{InService: 1, TargetHealthy: 1, Zombies: []aggregate.Zombie{{"i-01", "b", "terminating_still_healthy"}}},
		},
		"leaves as it should": {
			[]aggregate.Target{target(0, up), target(1, draining)},
			[]aggregate.Instance{inService(0), instance(1, "Terminating:Wait"), instance(2, "Terminating:Proceed")},
			aggregate.FleetHealth{InService: 1, TargetHealthy: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := site([]aggregate.Group{group("web", c.targets...)}, fleet(c.instances...))
			c.want.Name, c.want.Desired = "syncapp-prod-web", len(c.instances)
			if c.want.Zombies == nil {
				c.want.Zombies = []aggregate.Zombie{}
			}
			if diff := cmp.Diff([]aggregate.FleetHealth{c.want}, aggregate.Build(o, quorum).Fleets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFleetsOfWorkersAndUnseenGroupsAreLeftOut: there is nothing to compare.
func TestFleetsOfWorkersAndUnseenGroupsAreLeftOut(t *testing.T) {
	workers := aggregate.Fleet{Name: "workers", Desired: 1, Instances: []aggregate.Instance{inService(1)}}
	o := site([]aggregate.Group{{Name: "web", Unseen: true}}, workers, fleet(inService(2)))
	if got := aggregate.Build(o, quorum).Fleets; len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestTwoFleetsInOneGroup(t *testing.T) {
	second := fleet(inService(2))
	second.Name = "syncapp-prod-spot"
	o := site([]aggregate.Group{group("web", times(4, 1, up)...)}, fleet(inService(1)), second)
	got := aggregate.Build(o, quorum).Fleets
	if len(got) != 2 || got[0].Name != "syncapp-prod-spot" || len(got[0].Zombies) != 0 || len(got[1].Zombies) != 2 {
		t.Errorf("two instances are in no fleet, and one names them: %+v", got)
	}
}

func TestZombiesAreCounted(t *testing.T) {
	var instances []aggregate.Instance
	for n := range 70 {
		instances = append(instances, inService(n))
	}
	got := aggregate.Build(site([]aggregate.Group{group("web", target(99, down))}, fleet(instances...)), quorum).Fleets[0]
	if len(got.Zombies) != aggregate.MaxZombies || got.Omitted != 21 {
		t.Errorf("%d are named and %d omitted", len(got.Zombies), got.Omitted)
	}
}
