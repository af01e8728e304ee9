package spec

// HealthAggregate says how the health of an environment is gathered: by a function on AWS, by
// the container from its own state elsewhere. Both serve it at AggregatePath.
type HealthAggregate struct {
	// CheckPath is the path, with its query, of the application's own deep check, which the
	// function on AWS asks every target for: a JSON document of the state of its database, cache
	// and workers. It decides on no target. Default: none, which asks nobody.
	CheckPath string `yaml:"check_path"`
}

func (h *HealthAggregate) limits() limits {
	return limits{"check_path": both(both(that("visible ASCII", isVisible), length(MaxHealthCheckPath)), like(slashFirst, "a slash first"))}
}
