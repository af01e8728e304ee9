package alarm

import "github.com/evenkeel/evenkeel/spec"

// healthyShare: the statistics are those on which all of the load balancer's own nodes agree,
// as a node that was just added sees every target as not yet healthy.
const healthyShare = "100 × HealthyHostCount, Maximum / (HealthyHostCount, Maximum + UnHealthyHostCount, Minimum)"

// Kinds of alarms on a target group, one alarm for each group that a rule forwards to.
var (
	UnhealthyTargets = Kind{
		Name: "unhealthy-targets", Severity: Warning,
		Meaning: "Targets fail their health checks.",
		Measure: "UnHealthyHostCount, Minimum", Limit: "> `alarms.unhealthy_targets`", Comparison: Above,
		Window: minutes(5, 5), Missing: NotBreaching, MissingReason: "a group without targets is for healthy-targets-critical to tell of",
	}
	HealthyTargets = Kind{
		Name: "healthy-targets", Severity: Warning,
		Meaning: "Too small a share of a target group is healthy.",
		Measure: healthyShare, Limit: "< `alarms.healthy_targets.warning`", Comparison: Below,
		Window: minutes(3, 3), Missing: NotBreaching, MissingReason: "a group without targets is for healthy-targets-critical to tell of",
	}
	HealthyTargetsCritical = Kind{
		Name: "healthy-targets-critical", Severity: Critical,
		Meaning: "So small a share of a target group is healthy, or registered at all, that the service counts as down.",
		Measure: healthyShare, Limit: "< `alarms.healthy_targets.critical`", Comparison: Below,
		Window: minutes(3, 3), Missing: Breaching, MissingReason: "the load balancer reports nothing when no target is registered, and no target is the smallest share there is",
	}
	UnhealthyRouting = Kind{
		Name: "unhealthy-routing", Severity: Critical,
		Meaning: "A target group fails open: requests go to all of its targets, because too few are healthy.",
		Measure: "UnhealthyRoutingRequestCount, Sum", Limit: "> 0", Comparison: Above,
		Window: minutes(2, 3), Missing: NotBreaching, MissingReason: onlyIfNotZero,
	}
)

// TargetGroupMetric is a metric of one target group of the load balancer.
func TargetGroupMetric(loadBalancer string, group TargetGroup, metric spec.Metric, statistic string) Metric {
	m := LoadBalancerMetric(loadBalancer, metric, statistic)
	m.Dimensions = append(m.Dimensions, Dimension{spec.DimensionTargetGroup.CloudWatch, group.FullName})
	return m
}

func (l *list) targetGroup(loadBalancer string, group TargetGroup) {
	// A group that no rule forwards to has unused targets, and one that is not in the file,
	// such as that of a function, has none that are checked: neither has health to watch.
	if !l.env.InUseTargetGroups()[group.Name] {
		return
	}
	healthy := TargetGroupMetric(loadBalancer, group, spec.MetricHealthyHostCount, "Maximum").as("healthy")
	unhealthy := TargetGroupMetric(loadBalancer, group, spec.MetricUnHealthyHostCount, "Minimum").as("unhealthy")
	share := []Formula{{"share", "IF(healthy + unhealthy > 0, 100 * healthy / (healthy + unhealthy), 0)"}}
	l.add(UnhealthyTargets, group.Name, float64(l.env.Alarms.UnhealthyTargets), unhealthy)
	l.add(HealthyTargets, group.Name, float64(l.env.Alarms.HealthyTargets.Warning), healthy, unhealthy).Formulas = share
	l.add(HealthyTargetsCritical, group.Name, float64(l.env.Alarms.HealthyTargets.Critical), healthy, unhealthy).Formulas = share
	l.add(UnhealthyRouting, group.Name, 0, TargetGroupMetric(loadBalancer, group, spec.MetricUnhealthyRoutingRequestCount, "Sum"))
}
