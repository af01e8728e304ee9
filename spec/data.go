package spec

import (
	"cmp"
	"regexp"
	"time"
)

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

// Defaults of what is created.
const (
	DefaultDatabaseVersion     = "17"
	DefaultDatabaseClass       = "db.t4g.medium"
	DefaultAllocatedStorage    = 20
	DefaultDatabaseConnections = 200
	DefaultBackupRetention     = 7 * day
	DefaultValkeyVersion       = "8.0"
	DefaultRedisVersion        = "7.1"
	DefaultCacheNodeType       = "cache.t4g.small"
	DefaultBrokerVersion       = "3.13"
	DefaultBrokerType          = "mq.m7g.medium"
)

// Values of the engines.
const (
	EnginePostgres = "postgres"
	EngineValkey   = "valkey"
	EngineRedis    = "redis"
	EngineRabbitMQ = "rabbitmq"
)

// complete gives what is created its defaults; what is absent or exists has none.
func (d *Data) complete() {
	if db := &d.Database; db.Created() {
		db.EngineVersion = cmp.Or(db.EngineVersion, DefaultDatabaseVersion)
		db.InstanceClass = cmp.Or(db.InstanceClass, DefaultDatabaseClass)
		db.AllocatedStorage = cmp.Or(db.AllocatedStorage, DefaultAllocatedStorage)
		db.MaxConnections = cmp.Or(db.MaxConnections, DefaultDatabaseConnections)
		db.BackupRetention = cmp.Or(db.BackupRetention, DefaultBackupRetention)
	}
	if k := &d.Cache; k.Created() {
		version := DefaultValkeyVersion
		if k.Engine == EngineRedis {
			version = DefaultRedisVersion
		}
		k.EngineVersion = cmp.Or(k.EngineVersion, version)
		k.NodeType = cmp.Or(k.NodeType, DefaultCacheNodeType)
	}
	if b := &d.Broker; b.Created() {
		b.EngineVersion = cmp.Or(b.EngineVersion, DefaultBrokerVersion)
		b.InstanceType = cmp.Or(b.InstanceType, DefaultBrokerType)
		b.Deployment = cmp.Or(b.Deployment, BrokerSingle)
	}
}

var (
	databaseClassShape = regexp.MustCompile(`^db\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	cacheNodeShape     = regexp.MustCompile(`^cache\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	brokerTypeShape    = regexp.MustCompile(`^mq\.[a-z][a-z0-9]*[0-9][a-z0-9]*\.(micro|small|medium|large|[0-9]*xlarge)$`)
	versionShape       = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,2}){0,2}$`)
	endpointShape      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?:[0-9]{1,5}$`)
	secretARNShape     = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$`)
)

// Database is the relational database.
type Database struct {
	// Engine is postgres. Default: no database.
	Engine string `yaml:"engine"`
	// EngineVersion is the major version, with or without the minor one. Default "17".
	EngineVersion string `yaml:"engine_version"`
	// InstanceClass is RDS's. Default db.t4g.medium.
	InstanceClass string `yaml:"instance_class"`
	// AllocatedStorage is the size of the volume, in GiB: 20 to 65536; it grows to four times
	// that by itself. Default 20.
	AllocatedStorage int `yaml:"allocated_storage"`
	// MaxConnections is how many connections the database takes: 20 to 8388607. Default 200.
	MaxConnections int `yaml:"max_connections"`
	// BackupRetention is how long daily backups are kept: 1 to 35 days (24h to 840h). Default
	// 168h, 7 days.
	BackupRetention time.Duration `yaml:"backup_retention"`
	// DeletionProtection keeps the database from being deleted. Default false.
	DeletionProtection bool `yaml:"deletion_protection"`
	// MultiAZ keeps a standby in another zone. Default false.
	MultiAZ bool `yaml:"multi_az"`
	// ReadReplicas is 0 to 15. Default 0.
	ReadReplicas int `yaml:"read_replicas"`
	// ConnectionPool puts RDS Proxy in front. Default false.
	ConnectionPool bool `yaml:"connection_pool"`
	// Existing points at a database that is there already; then nothing is created.
	Existing Existing `yaml:"existing"`
}

// Created tells whether AWS makes the database, as opposed to none or one that exists.
func (d *Database) Created() bool { return d.Engine != "" && d.Existing.absent() }

func (d *Database) absent() bool { return *d == Database{} }

func (d *Database) limits() limits {
	return limits{
		"engine":         required(oneOf(EnginePostgres)),
		"engine_version": like(versionShape, "a version such as 17 or 17.6"),
		"instance_class": like(databaseClassShape, "an RDS instance class such as db.t4g.medium"),

		"allocated_storage": zeroOr("the default", between(20, 65536)),
		"max_connections":   zeroOr("the default", between(20, 8388607)),
		"backup_retention":  zeroOr("the default", days(1, 35)),
		"read_replicas":     between(0, MaxReadReplicas),
	}
}

func (d *Database) check(c *checker, path string) {
	made := *d
	made.Existing = Existing{}
	d.Existing.alone(c, path, made != Database{Engine: d.Engine})
}

// Cache is the cache.
type Cache struct {
	// Engine is valkey or redis. Default: no cache.
	Engine string `yaml:"engine"`
	// EngineVersion is the engine's. Default "8.0" of valkey, "7.1" of redis.
	EngineVersion string `yaml:"engine_version"`
	// NodeType is ElastiCache's. Default cache.t4g.small.
	NodeType string `yaml:"node_type"`
	// Replicas is 0 to 5. Default 0.
	Replicas int `yaml:"replicas"`
	// SnapshotRetention is how long daily snapshots are kept: 0 to 35 days (0h to 840h), 0 for
	// none. Default 0h.
	SnapshotRetention time.Duration `yaml:"snapshot_retention"`
	// Existing points at a cache that is there already; then nothing is created.
	Existing Existing `yaml:"existing"`
}

// Created tells whether AWS makes the cache, as opposed to none or one that exists.
func (k *Cache) Created() bool { return k.Engine != "" && k.Existing.absent() }

func (k *Cache) absent() bool { return *k == Cache{} }

func (k *Cache) limits() limits {
	return limits{
		"engine":    required(oneOf(EngineValkey, EngineRedis)),
		"node_type": like(cacheNodeShape, "an ElastiCache node type such as cache.t4g.small"),

		"engine_version":     like(versionShape, "a version such as 8.0"),
		"snapshot_retention": days(0, 35),
		"replicas":           between(0, MaxCacheReplicas),
	}
}

func (k *Cache) check(c *checker, path string) {
	made := *k
	made.Existing = Existing{}
	k.Existing.alone(c, path, made != Cache{Engine: k.Engine})
}

// Broker is the message broker of the workers.
type Broker struct {
	// Engine is rabbitmq. Default: no broker.
	Engine string `yaml:"engine"`
	// EngineVersion is RabbitMQ's. Default "3.13".
	EngineVersion string `yaml:"engine_version"`
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

// Created tells whether AWS makes the broker, as opposed to none or one that exists.
func (b *Broker) Created() bool { return b.Engine != "" && b.Existing.absent() }

func (b *Broker) absent() bool { return *b == Broker{} }

func (b *Broker) limits() limits {
	return limits{
		"engine":         required(oneOf(EngineRabbitMQ)),
		"engine_version": like(versionShape, "a version such as 3.13"),
		"instance_type":  like(brokerTypeShape, "an Amazon MQ instance type such as mq.m7g.medium"),
		"deployment":     oneOf(BrokerSingle, BrokerCluster),
	}
}

func (b *Broker) check(c *checker, path string) {
	made := *b
	made.Existing = Existing{}
	b.Existing.alone(c, path, made != Broker{Engine: b.Engine})
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
