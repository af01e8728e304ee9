package cost

import (
	"fmt"
	"math"

	"github.com/evenkeel/evenkeel/infra/template"
)

// autoScalingGroup prices a group's instances, their volumes and their detailed monitoring.
//
// https://aws.amazon.com/ec2/pricing/on-demand/
func autoScalingGroup(s *sheet, r *template.Resource) {
	count := r.Number("MinSize")
	if r.Has("DesiredCapacity") {
		count = r.Number("DesiredCapacity")
	}
	specification := "LaunchTemplate"
	if r.Has("MixedInstancesPolicy") {
		specification = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"
	}
	launch, _, ok := s.assembly.Target(s.stack, r.Get(specification+".LaunchTemplateId"))
	if !ok || math.IsNaN(count) {
		s.unknown("instances: how many, or of which launch template, is not in the templates")
		return
	}
	instance := launch.String("LaunchTemplateData.InstanceType")
	if first := r.String("MixedInstancesPolicy.LaunchTemplate.Overrides[0].InstanceType"); first != "" {
		instance = first
	}
	spot := spotInstances(r, count)
	if count > spot {
		s.add(instance, (count-spot)*HoursPerMonth, "hour", "ec2", instance)
	}
	if spot > 0 {
		s.discounted(instance+" spot", spot*HoursPerMonth, "hour", "ec2", instance, SpotDiscount)
	}
	volumes(s, launch, count)
	if launch.Bool("LaunchTemplateData.Monitoring.Enabled") && count > 0 {
		s.add("detailed monitoring", count*InstanceMetrics, "metric", "cloudwatch", "metric")
	}
}

// spotInstances is how many of the group's instances are spot instances. On-demand instances
// beyond the base are rounded up.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-instance-purchasing-options.html
func spotInstances(r *template.Resource, count float64) float64 {
	const distribution = "MixedInstancesPolicy.InstancesDistribution"
	if !r.Has(distribution + ".OnDemandPercentageAboveBaseCapacity") {
		return 0 // its default is 100 % on demand
	}
	beyond := max(0, count-r.Number(distribution+".OnDemandBaseCapacity"))
	return beyond - math.Ceil(beyond*r.Number(distribution+".OnDemandPercentageAboveBaseCapacity")/100)
}

// volumes prices the volumes of count instances of a launch template.
//
// https://aws.amazon.com/ebs/pricing/
func volumes(s *sheet, launch *template.Resource, count float64) {
	if count == 0 {
		return
	}
	const (
		mappings = "LaunchTemplateData.BlockDeviceMappings"
		// What a gp3 volume has without being paid for.
		freeIOPS, freeThroughput = 3000, 125
	)
	devices := len(launch.List(mappings))
	if devices == 0 {
		s.add("volume gp3", count*RootVolumeGB, "GB", "ebs", "gp3")
	}
	for i := range devices {
		ebs := fmt.Sprintf("%s[%d].Ebs.", mappings, i)
		kind, size := launch.String(ebs+"VolumeType"), launch.Number(ebs+"VolumeSize")
		if kind == "" {
			kind = "gp2"
		}
		if size == 0 {
			size = RootVolumeGB
		}
		s.add("volume "+kind, count*size, "GB", "ebs", kind)
		if launch.Number(ebs+"Iops") > freeIOPS || launch.Number(ebs+"Throughput") > freeThroughput {
			s.unknown(fmt.Sprintf("volume %s: more than %d IOPS or %d MB/s", kind, freeIOPS, freeThroughput))
		}
	}
}

// Lambda's own defaults.
const (
	functionMemory       = 128
	functionArchitecture = "x86_64"
)

// function prices a Lambda function's requests and memory.
//
// https://aws.amazon.com/lambda/pricing/
func function(s *sheet, r *template.Resource) {
	memory, architecture := r.Number("MemorySize"), r.String("Architectures[0]")
	if memory == 0 {
		memory = functionMemory
	}
	if architecture == "" {
		architecture = functionArchitecture
	}
	s.add("requests", Invocations/million, "million", "lambda", "million-requests")
	s.add(fmt.Sprintf("%.0f MB %s", memory, architecture), Invocations*Duration.Seconds()*memory/1024, "GB-second", "lambda", "gb-second-"+architecture)
}

func alias(s *sheet, r *template.Resource) {
	if r.Has("ProvisionedConcurrencyConfig") {
		s.unknown("provisioned concurrency")
	}
}
