package alarm

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// busyCPU is the utilization, in percent, above which a machine has no reserve.
	busyCPU = 90
	// stuckSlack is how much longer than it may take a termination takes before it is stuck:
	// the time that EC2 itself needs.
	stuckSlack = 15 * time.Minute
	// waitingTasks is how many tasks may wait for each instance where the environment file
	// does not say: enough for short tasks, too many for long ones.
	waitingTasks = 100
)

// Kinds of alarms on a fleet.
var (
	FleetAtMaximum = Kind{
		Name: "fleet-at-maximum", Severity: Warning,
		Meaning: "A fleet is as large as it may get; it cannot grow with further load.",
		Measure: "GroupInServiceInstances, Minimum; for fleets that scale", Limit: "≥ `fleets.*.capacity.max`", Comparison: AtLeast,
		Window: minutes(15, 15), Missing: Insufficient, MissingReason: "groups report every minute; silence means that metrics collection is off",
	}
	FleetCPU = Kind{
		Name: "fleet-cpu", Severity: Warning,
		Meaning: "The instances of a fleet have no CPU left.",
		Measure: "CPUUtilization, Average", Limit: fmt.Sprintf("> %d%%, or halfway from `fleets.*.scaling.cpu_utilization` to 100%% if that is more", busyCPU), Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: NotBreaching, MissingReason: "a fleet may have no instance",
	}
	TerminatingStuck = Kind{
		Name: "terminating-stuck", Severity: Warning,
		Meaning: "Instances of a fleet have been terminating for longer than draining may take.",
		Measure: "GroupTerminatingInstances, Minimum", Limit: "> 0", Comparison: Above,
		WindowWords: "all of: `fleets.*.drain.maximum` + the longest `target_groups[].deregistration_delay` + 15 min",
		Missing:     Insufficient, MissingReason: "groups report every minute; silence means that metrics collection is off",
	}
	QueueDepth = Kind{
		Name: "queue-depth", Severity: Warning,
		Meaning: "More tasks wait in a queue than its fleet can work off at its largest.",
		Measure: "MessageReadyCount, Maximum; where the broker is created", Limit: fmt.Sprintf("> `fleets.*.scaling.queue_depth` (%d where it is 0) × `fleets.*.capacity.max`", waitingTasks), Comparison: Above,
		Window: minutes(15, 15), Missing: NotBreaching, MissingReason: "a queue that no worker has declared yet does not exist",
	}
)

// GroupMetric is a metric of an Auto Scaling group.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
func GroupMetric(groupName, metric, statistic string) Metric {
	return Metric{
		Namespace: "AWS/AutoScaling", Name: metric, Statistic: statistic,
		Dimensions: []Dimension{{"AutoScalingGroupName", groupName}},
	}
}

// CPUMetric is the utilization of an Auto Scaling group's instances, in percent.
func CPUMetric(groupName string) Metric {
	return Metric{
		Namespace: "AWS/EC2", Name: "CPUUtilization", Statistic: "Average",
		Dimensions: []Dimension{{"AutoScalingGroupName", groupName}},
	}
}

// QueueMetric is a metric of one queue of a RabbitMQ broker, in the default virtual host.
//
// https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/rabbitmq-logging-monitoring.html
func QueueMetric(broker, queue, metric, statistic string) Metric {
	m := BrokerMetric(broker, metric, statistic)
	m.Dimensions = append(m.Dimensions, Dimension{"VirtualHost", "/"}, Dimension{"Queue", queue})
	return m
}

func (l *list) fleet(subject Fleet, broker *Broker) {
	fleet, ok := l.env.Fleets[subject.Name]
	if !ok {
		panic(fmt.Sprintf("alarm: the environment has no fleet %q", subject.Name))
	}
	// A fleet of one size is always at its maximum.
	if fleet.Capacity.Max > fleet.Capacity.Min {
		l.add(FleetAtMaximum, subject.Name, float64(fleet.Capacity.Max), GroupMetric(subject.GroupName, "GroupInServiceInstances", "Minimum"))
	}
	l.add(FleetCPU, subject.Name, max(busyCPU, float64(fleet.Scaling.CPUUtilization+100)/2), CPUMetric(subject.GroupName))
	l.add(TerminatingStuck, subject.Name, 0, GroupMetric(subject.GroupName, "GroupTerminatingInstances", "Minimum")).
		Window = stuckWindow(fleet.Drain.Maximum + l.deregistrationDelay(subject.Name) + stuckSlack)
	if broker == nil {
		return
	}
	for _, queue := range fleet.Queues {
		l.add(QueueDepth, queue, float64(waiting(fleet.Scaling)*fleet.Capacity.Max), QueueMetric(broker.Name, queue, "MessageReadyCount", "Maximum"))
	}
}

func waiting(s spec.Scaling) int {
	if s.QueueDepth == 0 {
		return waitingTasks
	}
	return s.QueueDepth
}

// deregistrationDelay is the longest that passes before the lifecycle hook begins: a group
// waits for its target groups first.
func (l *list) deregistrationDelay(fleet string) time.Duration {
	var longest time.Duration
	for i := range l.env.TargetGroups {
		if g := &l.env.TargetGroups[i]; g.Fleet == fleet {
			longest = max(longest, g.DeregistrationDelay)
		}
	}
	return longest
}

// stuckWindow covers d. CloudWatch looks back one day in periods of less than an hour, and a
// week in others.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func stuckWindow(d time.Duration) Window {
	period := time.Minute
	switch {
	case d > 24*time.Hour:
		period = time.Hour
	case d > time.Hour:
		period = 5 * time.Minute
	}
	n := int((d + period - 1) / period)
	return Window{Period: period, Periods: n, Datapoints: n}
}
