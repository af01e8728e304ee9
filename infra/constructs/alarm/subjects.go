package alarm

// Subjects are what exists and can be watched. Any may be absent: a stack names what it has.
// Sizes and thresholds are not here, they stand in the environment file. Names and ids may be
// tokens; what becomes a part of an alarm's name may not.
type Subjects struct {
	// LoadBalancer is the full name, app/<name>/<id>. Empty: none.
	LoadBalancer string
	TargetGroups []TargetGroup
	Fleets       []Fleet
	Drain        *Drain
	Health       *Health
	Database     *Database
	Cache        *Cache
	Broker       *Broker
	Certificates []Certificate
	WebACL       *WebACL
	Distribution *Distribution
}

// TargetGroup is a target group of the load balancer. Its targets' health is watched if the
// environment file has it and a rule forwards to it.
type TargetGroup struct {
	// Name is the one in the environment file.
	Name string
	// FullName is targetgroup/<name>/<id>.
	FullName string
}

// Fleet is an Auto Scaling group with metrics collection enabled.
type Fleet struct {
	// Name is the key in the environment file.
	Name string
	// GroupName is the Auto Scaling group's.
	GroupName string
}

// Drain is the function that drains instances, with its queue.
type Drain struct {
	QueueName           string
	DeadLetterQueueName string
	FunctionName        string
}

// Health is the function that aggregates health.
type Health struct {
	FunctionName string
}

// Database is RDS.
type Database struct {
	// Identifier is the primary instance's.
	Identifier string
	// Replicas are the read replicas' identifiers.
	Replicas []string
	// ProxyName is the RDS Proxy's. Empty: none.
	ProxyName string
}

// Cache is ElastiCache.
type Cache struct {
	// ClusterIDs are the ids of a replication group's members, <group>-001 and on.
	ClusterIDs []string
}

// Broker is Amazon MQ with RabbitMQ.
type Broker struct {
	// Name is the broker's name, not its id.
	Name string
}

// Certificate is one of ACM.
type Certificate struct {
	// Name is the key in the environment file, or another name for people.
	Name string
	ARN  string
}

// WebACL is a web ACL of WAFv2.
type WebACL struct {
	// MetricName is that of the web ACL's visibility configuration.
	MetricName string
	// Region is the region of a web ACL that protects a load balancer. Empty: it protects a
	// CloudFront distribution, and its metrics are in us-east-1 without a region.
	Region string
}

// Distribution is a CloudFront distribution. Its metrics are in us-east-1 only, and so is its
// alarm.
type Distribution struct {
	ID string
}
