package balance

// AWS publishes that an anomalous target gets little and then gradually more, not the curve.
const (
	// minMitigation is the share that an anomalous target keeps, of what it would have: so
	// little that few clients notice, and enough to see whether it still fails.
	minMitigation = 0.05
	// recovery is the factor by which the share grows with each evaluation: from the least to
	// the whole in eight, which is 40 s.
	recovery = 1.5
)

// Mitigate returns the next [Target.Mitigation] of a target after the previous one, once
// every [EvaluationInterval]: an anomalous target drops to the least share at once, others
// rise to 1 step by step. A previous of 0 is taken as 1.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func Mitigate(previous float64, anomalous bool) float64 {
	switch {
	case anomalous:
		return minMitigation
	case previous <= 0 || previous >= 1:
		return 1
	default:
		return min(1, max(minMitigation, previous)*recovery)
	}
}
