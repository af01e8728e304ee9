package spec

import (
	"fmt"
	"regexp"
	"time"
)

// Fleet is a group of equal instances: an EC2 Auto Scaling group. One with queues runs
// Celery workers, one without serves the target group that names it.
type Fleet struct {
	// InstanceType is EC2's, such as t3.large.
	InstanceType string `yaml:"instance_type"`
	// InstanceTypes are further types to take when there is none of InstanceType, all of its
	// architecture; at most 39. Default: none.
	InstanceTypes []string `yaml:"instance_types"`
	// AMI is the image's id. Default: the newest Amazon Linux 2023 of the architecture.
	AMI string `yaml:"ami"`
	// VolumeSize of the root volume, in GiB: 8 to 16384. Default 20.
	VolumeSize int `yaml:"volume_size"`
	// Spot says how much of the fleet is spare capacity that AWS may take back.
	Spot Spot `yaml:"spot"`
	// Capacity is how many instances there are.
	Capacity Capacity `yaml:"capacity"`
	// Scaling says when there are more or fewer.
	Scaling Scaling `yaml:"scaling"`
	// HealthCheckGracePeriod is how long a new instance may be unhealthy: 0s to 2h. Default
	// 300s.
	HealthCheckGracePeriod time.Duration `yaml:"health_check_grace_period"`
	// UserData is the script that an instance starts with; relative paths start at the
	// environment file's folder. Default: none.
	UserData string `yaml:"user_data"`
	// Release is the S3 object that instances start the application from, such as
	// s3://releases/app-1.0.0.tar.gz; they may read it and find its name in RELEASE. Default:
	// none.
	Release string `yaml:"release"`
	// Queues are those that the fleet's workers consume. Default: none, no workers.
	Queues []string `yaml:"queues"`
	// Concurrency is how many tasks a worker runs at once: 1 to 1000; with Queues only.
	Concurrency int `yaml:"concurrency"`
	// Maintenance says how far capacity may move while instances are replaced.
	Maintenance Maintenance `yaml:"maintenance"`
	// Drain says how an instance ends.
	Drain Drain `yaml:"drain"`
}

// Limits of an Auto Scaling group and what we put on it.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const (
	MaxCapacity    = 10000
	MaxConcurrency = 1000
	MaxGracePeriod = 2 * time.Hour
	MaxWarmup      = 2 * time.Hour

	// MaxInstanceTypes is how many overrides a group has, the first type one of them.
	MaxInstanceTypes  = 40
	DefaultVolumeSize = 20
)

var (
	amiShape          = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	instanceTypeShape = regexp.MustCompile(`^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.(nano|micro|small|medium|large|[0-9]*xlarge|metal(-[0-9]+xl)?)$`)
	queueShape        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	releaseShape      = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]{1,900}$`)
	drainPathShape    = regexp.MustCompile(`^(/[!-~]*)?$`)
	fileShape         = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,1000}$`)
)

func (f *Fleet) setDefaults() {
	f.HealthCheckGracePeriod = 300 * time.Second
	f.VolumeSize = DefaultVolumeSize
}

func (f *Fleet) complete() { f.Capacity.complete() }

func (f *Fleet) limits() limits {
	return limits{
		"instance_type":             required(like(instanceTypeShape, "an EC2 instance type such as t3.large")),
		"instance_types":            both(atMost(MaxInstanceTypes-1), each(like(instanceTypeShape, "an EC2 instance type such as t3.large"))),
		"ami":                       like(amiShape, "the id of an AMI"),
		"volume_size":               between(8, 16384),
		"health_check_grace_period": seconds(0, MaxGracePeriod),
		"user_data":                 like(fileShape, "a file"),
		"release":                   like(releaseShape, "an object such as s3://releases/app-1.0.0.tar.gz"),
		"queues":                    each(like(queueShape, "1 to 128 letters, digits and _ . -")),
		"concurrency":               zeroOr("no workers", between(1, MaxConcurrency)),
	}
}

func (f *Fleet) check(c *checker, path string) {
	switch {
	case len(f.Queues) > 0 && f.Concurrency == 0:
		c.refuse(field(path, "concurrency"), "is missing", "", "1 to 1000, as the fleet has queues")
	case len(f.Queues) == 0 && f.Concurrency > 0:
		c.refuse(field(path, "concurrency"), "is for fleets with queues", fmt.Sprint(f.Concurrency), "no such key, or queues")
	}
	seen := map[string]string{}
	for i, q := range f.Queues {
		c.unique(seen, q, element(field(path, "queues"), i))
	}
	types := map[string]string{f.InstanceType: field(path, "instance_type")}
	for i, t := range f.InstanceTypes {
		at := element(field(path, "instance_types"), i)
		c.unique(types, t, at)
		if Architecture(t) != f.Architecture() {
			c.refuse(at, "has another architecture than instance_type", quote(t), "a type of "+f.Architecture())
		}
	}
	if f.Scaling.QueueDepth > 0 && len(f.Queues) == 0 {
		c.refuse(field(path, "scaling.queue_depth"), "needs queues", fmt.Sprint(f.Scaling.QueueDepth), "0, or queues")
	}
	served := c.isUnread("target_groups")
	asked := served
	for i := range c.env.TargetGroups {
		g := &c.env.TargetGroups[i]
		names := path == field("fleets", g.Fleet)
		served = served || names
		asked = asked || names && g.ProtocolVersion != ProtocolVersionGRPC
	}
	if f.Scaling.RequestCountPerTarget > 0 && !served {
		c.refuse(field(path, "scaling.request_count_per_target"), "needs a target group that names this fleet", fmt.Sprint(f.Scaling.RequestCountPerTarget), "0")
	}
	if at := field(path, "drain.endpoint"); f.Drain.Endpoint != "" {
		switch {
		case len(f.Queues) > 0:
			c.refuse(at, "is for fleets without queues", quote(f.Drain.Endpoint), "no such key, or no queues")
		case !asked:
			c.refuse(at, "needs a target group that names this fleet and is not of gRPC", quote(f.Drain.Endpoint), "no such key")
		}
	}
}

// Architectures of instances, as EC2 calls them.
const (
	ArchitectureX86 = "x86_64"
	ArchitectureARM = "arm64"
)

// gravitonShape: a g after the generation, as in t4g and m7gd, is AWS's own processor; g5g too.
var gravitonShape = regexp.MustCompile(`^([a-z]+[0-9]+g[a-z]*|a1)\.`)

// Architecture is that of an instance type, which its name tells.
//
// https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
func Architecture(instanceType string) string {
	if gravitonShape.MatchString(instanceType) {
		return ArchitectureARM
	}
	return ArchitectureX86
}

// Architecture is that of the fleet's instances.
func (f *Fleet) Architecture() string { return Architecture(f.InstanceType) }

// Spot says how much of a fleet is spare capacity, which AWS may take back with two
// minutes' notice.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups.html
type Spot struct {
	// Percentage of the instances beyond OnDemandBase that are spot instances: 0 to 100.
	// Default 0.
	Percentage int `yaml:"percentage"`
	// OnDemandBase is how many instances are never spot instances. Default 0.
	OnDemandBase int `yaml:"on_demand_base"`
	// CapacityRebalancing replaces instances that are likely to be taken back before they are.
	// Default false.
	CapacityRebalancing bool `yaml:"capacity_rebalancing"`
}

func (s *Spot) limits() limits {
	return limits{"percentage": between(0, 100), "on_demand_base": between(0, MaxCapacity)}
}

func (s *Spot) check(c *checker, path string) {
	if s.Percentage > 0 {
		return
	}
	if s.OnDemandBase > 0 {
		c.refuse(field(path, "on_demand_base"), "is for fleets with spot instances", fmt.Sprint(s.OnDemandBase), "0, or a percentage")
	}
	if s.CapacityRebalancing {
		c.refuse(field(path, "capacity_rebalancing"), "is for fleets with spot instances", "true", "false, or a percentage")
	}
}

// Maintenance says how far capacity may move while instances are replaced, in percent of
// the desired capacity.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-maintenance-policy.html
type Maintenance struct {
	// MinHealthyPercentage is the least: 0 to 100. Default 100, which launches before it ends.
	MinHealthyPercentage int `yaml:"min_healthy_percentage"`
	// MaxHealthyPercentage is the most: 100 to 200, and at most 100 above the least. Default
	// 110.
	MaxHealthyPercentage int `yaml:"max_healthy_percentage"`
}

func (m *Maintenance) setDefaults() { m.MinHealthyPercentage, m.MaxHealthyPercentage = 100, 110 }

func (m *Maintenance) limits() limits {
	return limits{"min_healthy_percentage": between(0, 100), "max_healthy_percentage": between(100, 200)}
}

func (m *Maintenance) check(c *checker, path string) {
	if m.MaxHealthyPercentage-m.MinHealthyPercentage > 100 {
		c.refuse(field(path, "max_healthy_percentage"), "is more than 100 above min_healthy_percentage", fmt.Sprint(m.MaxHealthyPercentage), fmt.Sprintf("at most %d", m.MinHealthyPercentage+100))
	}
	if m.MinHealthyPercentage == 100 && m.MaxHealthyPercentage == 100 {
		c.refuse(path, "leaves no instance to be replaced", "100 and 100", "a lower min_healthy_percentage or a higher max_healthy_percentage")
	}
}

// Capacity is the number of instances: 0 to 10000, with min <= desired <= max.
type Capacity struct {
	// Min is the least. Default 1.
	Min int `yaml:"min"`
	// Max is the most. Default 1.
	Max int `yaml:"max"`
	// Desired is what a new group begins with. Default: min.
	Desired int `yaml:"desired"`
}

func (n *Capacity) setDefaults() { n.Min, n.Max = 1, 1 }

func (n *Capacity) complete() {
	if n.Desired == 0 {
		n.Desired = n.Min
	}
}

func (n *Capacity) limits() limits {
	return limits{"min": between(0, MaxCapacity), "max": between(0, MaxCapacity), "desired": between(0, MaxCapacity)}
}

func (n *Capacity) check(c *checker, path string) {
	if n.Min > n.Max {
		c.refuse(field(path, "min"), "is above max", fmt.Sprint(n.Min), fmt.Sprintf("at most %d", n.Max))
		return
	}
	if n.Desired < n.Min || n.Desired > n.Max {
		c.refuse(field(path, "desired"), "is not between min and max", fmt.Sprint(n.Desired), fmt.Sprintf("%d to %d", n.Min, n.Max))
	}
}

// Scaling holds the targets that capacity follows.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
type Scaling struct {
	// CPUUtilization is the mean to keep, in percent: 1 to 100, or 0 for off. Default 0.
	CPUUtilization int `yaml:"cpu_utilization"`
	// RequestCountPerTarget is the mean to keep, in requests per target and minute, or 0 for
	// off. Default 0.
	RequestCountPerTarget int `yaml:"request_count_per_target"`
	// QueueDepth is how many waiting tasks there may be for each instance, in the queue that
	// has the most, or 0 for off; fleets with Queues only. Default 0.
	QueueDepth int `yaml:"queue_depth"`
	// Warmup is how long a new instance's numbers do not count: 0s to 2h. Default 300s.
	Warmup time.Duration `yaml:"warmup"`
}

func (s *Scaling) setDefaults() { s.Warmup = 300 * time.Second }

func (s *Scaling) limits() limits {
	return limits{
		"cpu_utilization":          zeroOr("off", between(1, 100)),
		"request_count_per_target": between(0, 1_000_000_000),
		"queue_depth":              between(0, 1_000_000),
		"warmup":                   seconds(0, MaxWarmup),
	}
}

// Drain says how an instance ends: a lifecycle hook holds it while it finishes.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
type Drain struct {
	// Heartbeat is how long the hook waits for a sign of life: 30s to 2h. Default 5m.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Maximum is the most that draining takes: at least one heartbeat, at most 100 of them
	// and 48h. Default 15m.
	Maximum time.Duration `yaml:"maximum"`
	// OnTimeout is what happens then: continue ends the instance, retain keeps it for people
	// to look at. Default continue.
	OnTimeout string `yaml:"on_timeout"`
	// Endpoint is the path, with its query, that an ending instance without targets left is
	// asked for at the port of the fleet's first target group that is not of gRPC, such as
	// /drain/; at most 128 bytes. The application answers GET with 200 and the JSON
	// {"active": N}, N being how many requests it has in progress; other keys are ignored. The
	// instance ends once N is 0. Anything else, or nothing within 2s, tells nothing: after
	// three such answers in a row, or when the instance is gone, it is waited for no more. Only
	// for fleets without Queues that such a target group names. Default: none, the target groups
	// alone decide.
	Endpoint string `yaml:"endpoint"`
}

// Values of Drain.OnTimeout.
const (
	DrainContinue = "continue"
	DrainRetain   = "retain"
)

// Limits of a lifecycle hook.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
const (
	MinHeartbeat  = 30 * time.Second
	MaxHeartbeat  = 2 * time.Hour
	MaxHeartbeats = 100
	MaxDrain      = 48 * time.Hour

	// MaxDrainEndpoint is in bytes, of which JSON writes some as six: the hook's metadata has
	// room for 1023.
	MaxDrainEndpoint = 128
)

func (d *Drain) setDefaults() {
	d.Heartbeat, d.Maximum, d.OnTimeout = 5*time.Minute, 15*time.Minute, DrainContinue
}

func (d *Drain) limits() limits {
	return limits{
		"heartbeat":  seconds(MinHeartbeat, MaxHeartbeat),
		"maximum":    seconds(MinHeartbeat, MaxDrain),
		"on_timeout": required(oneOf(DrainContinue, DrainRetain)),
		"endpoint":   both(length(MaxDrainEndpoint), like(drainPathShape, "visible ASCII, a slash first, or nothing")),
	}
}

func (d *Drain) check(c *checker, path string) {
	if most := d.Heartbeat * MaxHeartbeats; d.Heartbeat > 0 && d.Maximum > most {
		c.refuse(field(path, "maximum"), "is more than 100 heartbeats", showDuration(d.Maximum), "at most "+showDuration(most))
	}
	if d.Maximum < d.Heartbeat {
		c.refuse(field(path, "maximum"), "is less than one heartbeat", showDuration(d.Maximum), "at least "+showDuration(d.Heartbeat))
	}
}
