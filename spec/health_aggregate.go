package spec

// HealthAggregate says how the health of an environment is gathered: by a function on AWS, by
// the container from its own state elsewhere. Both serve it at AggregatePath.
type HealthAggregate struct {
	// CheckPath is the path, with its query, of the application's own deep check, which the
	// function on AWS asks every target for: a JSON document of the state of its database, cache
	// and workers. It decides on no target. Default: none, which asks nobody.
	CheckPath string `yaml:"check_path"`
	// Replacement has Auto Scaling replace instances that fail their own deep check; AWS only.
	// Default: none are.
	Replacement Replacement `yaml:"replacement"`
}

// Replacement bounds the instances that are replaced because they alone fail the application's
// own deep check, three times in a row, while the load balancer takes them for healthy. What
// targets share is no instance's fault.
//
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceHealth.html
type Replacement struct {
	// PerHour is how many instances of a fleet may be replaced for their health in an hour, by
	// whomever: 1 to 100, or 0 for none. Default 0.
	PerHour int `yaml:"per_hour"`
	// ZoneQuorum is the share of a fleet's instances, in percent, that each zone must have left
	// which pass: 51 to 100. Default 0 stands for 51.
	ZoneQuorum int `yaml:"zone_quorum"`
}

// Limits of Replacement.
const (
	MaxReplacements = 100
	MinZoneQuorum   = 51
)

func (h *HealthAggregate) limits() limits {
	return limits{"check_path": both(both(that("visible ASCII", isVisible), length(MaxHealthCheckPath)), like(slashFirst, "a slash first"))}
}

func (h *HealthAggregate) check(c *checker, path string) {
	if !h.Replacement.absent() && h.CheckPath == "" {
		c.refuse(field(path, "check_path"), "is missing", "", "the application's deep check, by which instances are replaced")
	}
}

func (r *Replacement) absent() bool { return *r == Replacement{} }

func (r *Replacement) limits() limits {
	return limits{"per_hour": between(1, MaxReplacements), "zone_quorum": zeroOr("51", between(MinZoneQuorum, 100))}
}

// complete fills in the quorum.
func (r *Replacement) complete() {
	if r.PerHour > 0 && r.ZoneQuorum == 0 {
		r.ZoneQuorum = MinZoneQuorum
	}
}
