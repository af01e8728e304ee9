package spec

import "regexp"

// Data is what the application keeps its state in: created on AWS, or pointed at with
// `existing`. A part without an engine is not there.
type Data struct {
	// Database is RDS with, for its connection pool, RDS Proxy.
	Database Database `yaml:"database"`
	// Cache is ElastiCache.
	Cache Cache `yaml:"cache"`
	// Broker is Amazon MQ.
	Broker Broker `yaml:"broker"`
}

// Limits of the services.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.Redis.Groups.html
const (
	MaxReadReplicas  = 15
	MaxCacheReplicas = 5
)

var (
	databaseClassShape = regexp.MustCompile(`^db\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	cacheNodeShape     = regexp.MustCompile(`^cache\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	brokerTypeShape    = regexp.MustCompile(`^mq\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	endpointShape      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?:[0-9]{1,5}$`)
	secretARNShape     = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$`)
)

// Database is the relational database.
type Database struct {
	// Engine is postgres. Default: no database.
	Engine string `yaml:"engine"`
	// InstanceClass is RDS's. Default db.t4g.medium.
	InstanceClass string `yaml:"instance_class"`
	// MultiAZ keeps a standby in another zone. Default false.
	MultiAZ bool `yaml:"multi_az"`
	// ReadReplicas is 0 to 15. Default 0.
	ReadReplicas int `yaml:"read_replicas"`
	// ConnectionPool puts RDS Proxy in front. Default false.
	ConnectionPool bool `yaml:"connection_pool"`
	// Existing points at a database that is there already; then nothing is created.
	Existing Existing `yaml:"existing"`
}

func (d *Database) absent() bool { return *d == Database{} }

func (d *Database) limits() limits {
	return limits{
		"engine":         required(oneOf("postgres")),
		"instance_class": like(databaseClassShape, "an RDS instance class such as db.t4g.medium"),
		"read_replicas":  between(0, MaxReadReplicas),
	}
}

func (d *Database) check(c *checker, path string) {
	d.Existing.alone(c, path, d.InstanceClass != "" || d.MultiAZ || d.ReadReplicas > 0 || d.ConnectionPool)
}

// Cache is the cache.
type Cache struct {
	// Engine is valkey or redis. Default: no cache.
	Engine string `yaml:"engine"`
	// NodeType is ElastiCache's. Default cache.t4g.small.
	NodeType string `yaml:"node_type"`
	// Replicas is 0 to 5. Default 0.
	Replicas int `yaml:"replicas"`
	// Existing points at a cache that is there already; then nothing is created.
	Existing Existing `yaml:"existing"`
}

func (k *Cache) absent() bool { return *k == Cache{} }

func (k *Cache) limits() limits {
	return limits{
		"engine":    required(oneOf("valkey", "redis")),
		"node_type": like(cacheNodeShape, "an ElastiCache node type such as cache.t4g.small"),
		"replicas":  between(0, MaxCacheReplicas),
	}
}

func (k *Cache) check(c *checker, path string) {
	k.Existing.alone(c, path, k.NodeType != "" || k.Replicas > 0)
}

// Broker is the message broker of the workers.
type Broker struct {
	// Engine is rabbitmq. Default: no broker.
	Engine string `yaml:"engine"`
	// InstanceType is Amazon MQ's. Default mq.m7g.medium.
	InstanceType string `yaml:"instance_type"`
	// Deployment is single or cluster. Default: single.
	Deployment string `yaml:"deployment"`
	// Existing points at a broker that is there already; then nothing is created.
	Existing Existing `yaml:"existing"`
}

// Values of Broker.Deployment.
const (
	BrokerSingle  = "single"
	BrokerCluster = "cluster"
)

func (b *Broker) absent() bool { return *b == Broker{} }

func (b *Broker) limits() limits {
	return limits{
		"engine":        required(oneOf("rabbitmq")),
		"instance_type": like(brokerTypeShape, "an Amazon MQ instance type such as mq.m7g.medium"),
		"deployment":    oneOf(BrokerSingle, BrokerCluster),
	}
}

func (b *Broker) check(c *checker, path string) {
	b.Existing.alone(c, path, b.InstanceType != "" || b.Deployment != "")
}

// Existing points at a service that is there already.
type Existing struct {
	// Endpoint is host:port.
	Endpoint string `yaml:"endpoint"`
	// SecretARN is the Secrets Manager secret with user and password. Default: none.
	SecretARN string `yaml:"secret_arn"`
}

func (x *Existing) absent() bool { return *x == Existing{} }

func (x *Existing) limits() limits {
	return limits{
		"endpoint":   required(like(endpointShape, "host:port")),
		"secret_arn": like(secretARNShape, "the ARN of a Secrets Manager secret"),
	}
}

// alone refuses settings of what is created beside something that exists.
func (x *Existing) alone(c *checker, path string, created bool) {
	if !x.absent() && created {
		c.refuse(field(path, "existing"), "stands beside settings of what is created", quote(x.Endpoint), "engine and existing, or no existing")
	}
}
