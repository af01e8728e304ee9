package alarm

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Inventory lists the alarms of what exists, with thresholds from the environment file.
func Inventory(env *spec.Environment, subjects Subjects) []Alarm {
	l := &list{env: env}
	if subjects.LoadBalancer != "" {
		l.loadBalancer(subjects.LoadBalancer)
		for _, g := range subjects.TargetGroups {
			l.targetGroup(subjects.LoadBalancer, g)
		}
	}
	for _, f := range subjects.Fleets {
		l.fleet(f, subjects.Broker)
	}
	if subjects.Drain != nil {
		l.drain(subjects.Drain)
	}
	if subjects.Health != nil {
		l.health(subjects.Health)
	}
	if subjects.Database != nil {
		l.database(subjects.Database)
	}
	if subjects.Cache != nil {
		l.cache(subjects.Cache)
	}
	if subjects.Broker != nil {
		l.broker(subjects.Broker)
	}
	for _, c := range subjects.Certificates {
		l.certificate(c)
	}
	if subjects.Distribution != nil {
		l.distribution(subjects.Distribution)
	}
	if subjects.WebACL != nil {
		l.webACL(subjects.WebACL)
	}
	return l.alarms
}

// Kinds lists every kind of alarm there can be, in the order of docs/reference/alarms.md.
func Kinds() []Kind {
	return []Kind{
		ServiceDown,
		ErrorRate, ErrorRateCritical, TargetErrorRate, LoadBalancerErrorRate,
		ResponseTime, ResponseTimeAnomaly,
		Connections, RejectedConnections, TargetConnectionErrors, TargetTLSErrors, ClientTLSErrors,
		UnhealthyTargets, HealthyTargets, HealthyTargetsCritical, UnhealthyRouting,
		FleetAtMaximum, FleetCPU, TerminatingStuck, QueueDepth,
		DrainQueueAge, DrainDeadLetters, DrainErrors, DrainThrottles, DrainOutcome,
		HealthErrors, HealthAge, DeepHealth,
		DatabaseConnections, DatabaseProxyConnections, DatabaseCPU, DatabaseStorage, DatabaseReplicaLag,
		CacheCPU, CacheMemory, CacheEvictions,
		BrokerMemory, BrokerDisk,
		CertificateExpiry,
		EdgeErrorRate, WAFBlocked,
	}
}

// list is an inventory in the making.
type list struct {
	env    *spec.Environment
	alarms []Alarm
}

// add appends an alarm on a metric, or on formulas of several, and returns it for what is
// unusual about it.
func (l *list) add(kind Kind, subject string, threshold float64, metrics ...Metric) *Alarm {
	l.alarms = append(l.alarms, Alarm{
		Kind: kind, Name: Name(l.env, kind, subject), Subject: subject,
		Metrics: metrics, Threshold: threshold, Window: kind.Window,
	})
	return &l.alarms[len(l.alarms)-1]
}

// minutes is a window of one-minute periods.
func minutes(datapoints, periods int) Window {
	return Window{Period: time.Minute, Periods: periods, Datapoints: datapoints}
}

// bandWidth is how many standard deviations from the usual are still usual. Two is
// CloudWatch's own default.
const bandWidth = 2
