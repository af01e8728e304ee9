package alarm

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	gibibyte = 1 << 30
	// littleStorage is the share of the volume that is free when RDS makes it larger by
	// itself; an alarm after that has had its time means that it does not.
	littleStorage = spec.Percent(10)
	// lateReplica is how far behind a read replica may be, in seconds, before people read
	// what they have just changed.
	lateReplica = 60
	// fullMemory is the share of memory in use at which an engine is about to refuse writes
	// or throw things away.
	fullMemory = spec.Percent(80)
	// littleDisk is how many times its limit a broker has free before it is close to it.
	littleDisk = 2
)

const alwaysReported = "the service reports every minute; silence is news"

// Kinds of alarms on the database, the cache and the broker.
var (
	DatabaseConnections = Kind{
		Name: "database-connections", Severity: Warning,
		Meaning: "The database has almost as many connections as it takes.",
		Measure: "DatabaseConnections, Maximum", Limit: "> `alarms.connections` of `data.database.max_connections`", Comparison: Above,
		Window: minutes(5, 5), Missing: Insufficient, MissingReason: alwaysReported,
	}
	DatabaseProxyConnections = Kind{
		Name: "database-proxy-connections", Severity: Warning,
		Meaning: "The connection pool has lent almost all connections that it may open.",
		Measure: "100 × DatabaseConnectionsCurrentlyBorrowed / MaxDatabaseConnectionsAllowed of the RDS Proxy", Limit: "> `alarms.connections`", Comparison: Above,
		Window: minutes(5, 5), Missing: NotBreaching, MissingReason: "a proxy without a client reports nothing",
	}
	DatabaseCPU = Kind{
		Name: "database-cpu", Severity: Warning,
		Meaning: "A database instance has no CPU left.",
		Measure: "CPUUtilization, Average", Limit: fmt.Sprintf("> %d%%", busyCPU), Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: Insufficient, MissingReason: alwaysReported,
	}
	DatabaseStorage = Kind{
		Name: "database-storage", Severity: Critical,
		Meaning: "A database instance is about to run out of storage, and storage does not grow by itself.",
		Measure: "FreeStorageSpace, Minimum", Limit: fmt.Sprintf("< %v of `data.database.allocated_storage`", littleStorage), Comparison: Below,
		Window: Window{Period: 5 * time.Minute, Periods: 6, Datapoints: 6}, Missing: Insufficient, MissingReason: alwaysReported,
	}
	DatabaseReplicaLag = Kind{
		Name: "database-replica-lag", Severity: Warning,
		Meaning: "A read replica is far behind: people read what is no longer so.",
		Measure: "ReplicaLag, Maximum", Limit: fmt.Sprintf("> %d s", lateReplica), Comparison: Above,
		Window: minutes(5, 5), Missing: Insufficient, MissingReason: alwaysReported,
	}
	CacheCPU = Kind{
		Name: "cache-cpu", Severity: Warning,
		Meaning: "The cache's engine has no CPU left; it works on one core.",
		Measure: "EngineCPUUtilization, Average", Limit: fmt.Sprintf("> %d%%", busyCPU), Comparison: Above,
		Window: minutes(10, 10), Missing: Insufficient, MissingReason: alwaysReported,
	}
	CacheMemory = Kind{
		Name: "cache-memory", Severity: Warning,
		Meaning: "The cache's memory is almost full.",
		Measure: "DatabaseMemoryUsagePercentage, Average", Limit: fmt.Sprintf("> %v", fullMemory), Comparison: Above,
		Window: minutes(10, 10), Missing: Insufficient, MissingReason: alwaysReported,
	}
	CacheEvictions = Kind{
		Name: "cache-evictions", Severity: Warning,
		Meaning: "The cache throws keys away to make room.",
		Measure: "Evictions, Sum", Limit: "> 0", Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: Insufficient, MissingReason: alwaysReported,
	}
	BrokerMemory = Kind{
		Name: "broker-memory", Severity: Critical,
		Meaning: "The broker is about to block publishers: its memory is almost at the limit.",
		Measure: "100 × RabbitMQMemUsed, Maximum / RabbitMQMemLimit, Minimum", Limit: fmt.Sprintf("> %v", fullMemory), Comparison: Above,
		Window: minutes(5, 5), Missing: Insufficient, MissingReason: alwaysReported,
	}
	BrokerDisk = Kind{
		Name: "broker-disk", Severity: Critical,
		Meaning: "The broker is about to block publishers: its disk is almost at the limit.",
		Measure: "RabbitMQDiskFree, Minimum / RabbitMQDiskFreeLimit, Maximum", Limit: fmt.Sprintf("< %d", littleDisk), Comparison: Below,
		Window: minutes(5, 5), Missing: Insufficient, MissingReason: alwaysReported,
	}
)

// DatabaseMetric is a metric of an RDS instance.
func DatabaseMetric(identifier, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/RDS", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"DBInstanceIdentifier", identifier}}}
}

// ProxyMetric is a metric of an RDS Proxy.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.monitoring.html
func ProxyMetric(proxyName, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/RDS", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"ProxyName", proxyName}}}
}

// CacheMetric is a metric of a member of an ElastiCache replication group.
func CacheMetric(clusterID, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/ElastiCache", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"CacheClusterId", clusterID}}}
}

// BrokerMetric is a metric of a RabbitMQ broker of Amazon MQ.
func BrokerMetric(name, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/AmazonMQ", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"Broker", name}}}
}

func (l *list) database(d *Database) {
	file := l.env.Data.Database
	for i, id := range append([]string{d.Identifier}, d.Replicas...) {
		subject := "primary"
		if i > 0 {
			subject = fmt.Sprintf("replica-%d", i)
		}
		l.add(DatabaseConnections, subject, l.env.Alarms.Connections.Fraction()*float64(file.MaxConnections), DatabaseMetric(id, "DatabaseConnections", "Maximum"))
		l.add(DatabaseCPU, subject, busyCPU, DatabaseMetric(id, "CPUUtilization", "Average"))
		l.add(DatabaseStorage, subject, littleStorage.Fraction()*float64(file.AllocatedStorage)*gibibyte, DatabaseMetric(id, "FreeStorageSpace", "Minimum"))
		if i > 0 {
			l.add(DatabaseReplicaLag, subject, lateReplica, DatabaseMetric(id, "ReplicaLag", "Maximum"))
		}
	}
	if d.ProxyName != "" {
		l.add(DatabaseProxyConnections, "", float64(l.env.Alarms.Connections),
			ProxyMetric(d.ProxyName, "DatabaseConnectionsCurrentlyBorrowed", "Sum").as("borrowed"),
			ProxyMetric(d.ProxyName, "MaxDatabaseConnectionsAllowed", "Sum").as("allowed"),
		).Formulas = []Formula{{"share", "100 * borrowed / allowed"}}
	}
}

func (l *list) cache(k *Cache) {
	for i, id := range k.ClusterIDs {
		subject := fmt.Sprintf("%03d", i+1) // as ElastiCache numbers them
		l.add(CacheCPU, subject, busyCPU, CacheMetric(id, "EngineCPUUtilization", "Average"))
		l.add(CacheMemory, subject, float64(fullMemory), CacheMetric(id, "DatabaseMemoryUsagePercentage", "Average"))
		l.add(CacheEvictions, subject, 0, CacheMetric(id, "Evictions", "Sum"))
	}
}

func (l *list) broker(b *Broker) {
	l.add(BrokerMemory, "", float64(fullMemory),
		BrokerMetric(b.Name, "RabbitMQMemUsed", "Maximum").as("used"),
		BrokerMetric(b.Name, "RabbitMQMemLimit", "Minimum").as("most"),
	).Formulas = []Formula{{"share", "100 * used / most"}}
	l.add(BrokerDisk, "", littleDisk,
		BrokerMetric(b.Name, "RabbitMQDiskFree", "Minimum").as("free"),
		BrokerMetric(b.Name, "RabbitMQDiskFreeLimit", "Maximum").as("least"),
	).Formulas = []Formula{{"times", "free / least"}}
}
