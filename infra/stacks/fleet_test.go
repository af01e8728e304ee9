package stacks_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

// TestFleetsAreAsTheFileSays holds every group to its fleet.
func TestFleetsAreAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		groups := s.assembly.All("AWS::AutoScaling::AutoScalingGroup")
		if len(groups) != len(s.env.Fleets) {
			t.Fatalf("%d groups for %d fleets", len(groups), len(s.env.Fleets))
		}
		for _, group := range groups {
			name, f := fleetOf(t, s, group)
			if group.Has("DesiredCapacity") {
				t.Errorf("%s: every deploy sets the capacity back to %v", name, group.Get("DesiredCapacity"))
			}
			served := slices.ContainsFunc(s.env.TargetGroups, func(g spec.TargetGroup) bool { return g.Fleet == name })
			kind, wantGroups := "EC2", 0
			for i := range s.env.TargetGroups {
				if s.env.TargetGroups[i].Fleet == name {
					kind, wantGroups = "ELB", wantGroups+1
				}
			}
			if len(f.Queues) > 0 && served {
				t.Errorf("%s: workers are in a target group", name)
			}
			if n := len(group.List("TargetGroupARNs")); n != wantGroups {
				t.Errorf("%s: %d target groups, want %d", name, n, wantGroups)
			}
			for property, want := range map[string]string{
				"MinSize":                count(float64(f.Capacity.Min)),
				"MaxSize":                count(float64(f.Capacity.Max)),
				"HealthCheckType":        kind,
				"HealthCheckGracePeriod": count(f.HealthCheckGracePeriod.Seconds()),
				"DefaultInstanceWarmup":  count(f.Scaling.Warmup.Seconds()),
				"CapacityRebalance":      fmt.Sprint(f.Spot.CapacityRebalancing),
				"DeletionProtection":     "prevent-force-deletion",
				"InstanceMaintenancePolicy.MinHealthyPercentage": count(float64(f.Maintenance.MinHealthyPercentage)),
				"InstanceMaintenancePolicy.MaxHealthyPercentage": count(float64(f.Maintenance.MaxHealthyPercentage)),
			} {
				if got := group.String(property); got != want {
					t.Errorf("%s: %s is %q, want %q", name, property, got, want)
				}
			}
			if policy := fmt.Sprint(group.UpdatePolicy); !strings.Contains(policy, "AutoScalingInstanceRefresh") || !strings.Contains(policy, "SkipMatching:true") {
				t.Errorf("%s: instances are not replaced by an instance refresh: %s", name, policy)
			}
			holdToSpot(t, group, name, f)
			holdToTemplate(t, s, group, name, f)
		}
	})
}

func holdToSpot(t *testing.T, group *template.Resource, name string, f spec.Fleet) {
	t.Helper()
	mixed := f.Spot.Percentage > 0 || len(f.InstanceTypes) > 0
	if mixed == group.Has("LaunchTemplate") || mixed != group.Has("MixedInstancesPolicy") {
		t.Errorf("%s: a launch template or a mixed instances policy, the other one was wanted", name)
	}
	if !mixed {
		return
	}
	distribution := "MixedInstancesPolicy.InstancesDistribution."
	if got, want := group.Number(distribution+"OnDemandPercentageAboveBaseCapacity"), 100-f.Spot.Percentage; got != float64(want) {
		t.Errorf("%s: %v %% on demand, want %d", name, got, want)
	}
	if got := group.Number(distribution + "OnDemandBaseCapacity"); got != float64(f.Spot.OnDemandBase) {
		t.Errorf("%s: %v always on demand, want %d", name, got, f.Spot.OnDemandBase)
	}
	if n := len(group.List("MixedInstancesPolicy.LaunchTemplate.Overrides")); n != 1+len(f.InstanceTypes) {
		t.Errorf("%s: %d types, want %d", name, n, 1+len(f.InstanceTypes))
	}
}

func holdToTemplate(t *testing.T, s *synthesized, group *template.Resource, name string, f spec.Fleet) {
	t.Helper()
	id := group.Get("LaunchTemplate.LaunchTemplateId")
	if id == nil {
		id = group.Get("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId")
	}
	launch, _, ok := s.assembly.Target(group.Stack, id)
	if !ok {
		t.Fatalf("%s has no launch template", name)
	}
	image := f.AMI
	if image == "" {
		image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-" + f.Architecture()
	}
	for property, want := range map[string]string{
		"ImageId":                                 image,
		"InstanceType":                            f.InstanceType,
		"BlockDeviceMappings[0].Ebs.VolumeSize":   count(float64(f.VolumeSize)),
		"BlockDeviceMappings[0].Ebs.VolumeType":   "gp3",
		"MetadataOptions.HttpTokens":              "required",
		"MetadataOptions.HttpPutResponseHopLimit": "2",
		"Monitoring.Enabled":                      "true",
	} {
		if got := launch.String("LaunchTemplateData." + property); got != want {
			t.Errorf("%s: %s is %q, want %q", name, property, got, want)
		}
	}
	if launch.Has("LaunchTemplateData.NetworkInterfaces") || launch.Has("LaunchTemplateData.KeyName") {
		t.Errorf("%s: instances have a public address or a key", name)
	}
	userData(t, s, launch, name, f)
}

// userData has a shell read the script, without running it.
func userData(t *testing.T, s *synthesized, launch *template.Resource, name string, f spec.Fleet) {
	t.Helper()
	script := launch.String("LaunchTemplateData.UserData")
	if !strings.HasPrefix(script, "#!") {
		t.Fatalf("%s: user data begins with %.40q", name, script)
	}
	for _, want := range []string{"AWS_REGION=" + s.env.AWS.Region, "LOG_GROUP=/" + s.env.App + "/" + s.env.Name + "/" + name} {
		if !strings.Contains(script, want+"\n") {
			t.Errorf("%s: user data has no %s", name, want)
		}
	}
	for _, want := range []string{"/etc/" + s.env.App + ".env", "WORKER_QUEUES=" + strings.Join(f.Queues, ",")} {
		if len(f.Queues) > 0 && !strings.Contains(script, want) {
			t.Errorf("%s: user data has no %s", name, want)
		}
	}
	shell := exec.CommandContext(t.Context(), "bash", "-n")
	shell.Stdin = strings.NewReader(script)
	if out, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%s: no shell reads the user data: %v\n%s", name, err, out)
	}
}

// TestFleetsScaleAsTheFileSays: a policy for each target, and none else.
func TestFleetsScaleAsTheFileSays(t *testing.T) {
	queues := 0
	each(t, func(t *testing.T, s *synthesized) {
		for _, group := range s.assembly.All("AWS::AutoScaling::AutoScalingGroup") {
			name, f := fleetOf(t, s, group)
			got := map[string]float64{}
			for _, p := range s.assembly.All("AWS::AutoScaling::ScalingPolicy") {
				of, _, _ := s.assembly.Target(p.Stack, p.Get("AutoScalingGroupName"))
				if of != group {
					continue
				}
				metric := p.String("TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType")
				if metric == "ALBRequestCountPerTarget" {
					label := p.String("TargetTrackingConfiguration.PredefinedMetricSpecification.ResourceLabel")
					if strings.Count(label, "${") != 2 || !strings.Contains(label, "LoadBalancerFullName}/${") || !strings.Contains(label, "TargetGroupFullName}") {
						t.Errorf("%s: scales by %s, want the load balancer's and the group's full names", name, label)
					}
				}
				if metric == "" {
					metric = "queues"
					queues++
					if n := len(p.List("TargetTrackingConfiguration.CustomizedMetricSpecification.Metrics")); n != len(f.Queues)+2 {
						t.Errorf("%s: %d metrics, want one for each queue, the instances and the quotient", name, n)
					}
				}
				got[metric] += p.Number("TargetTrackingConfiguration.TargetValue")
			}
			want := map[string]float64{}
			if n := f.Scaling.CPUUtilization; n > 0 {
				want["ASGAverageCPUUtilization"] = float64(n)
			}
			if n := f.Scaling.QueueDepth; n > 0 {
				want["queues"] = float64(n)
			}
			for i := range s.env.TargetGroups {
				if n := f.Scaling.RequestCountPerTarget; n > 0 && s.env.TargetGroups[i].Fleet == name {
					want["ALBRequestCountPerTarget"] += float64(n)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s scales on %v, want %v", name, got, want)
			}
		}
	})
	if queues == 0 {
		t.Error("no fleet scales on its queues")
	}
}
