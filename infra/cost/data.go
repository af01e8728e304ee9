package cost

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/infra/template"
)

const databaseType = "AWS::RDS::DBInstance"

// database prices an RDS instance and its storage; a standby in another zone costs both again.
//
// https://aws.amazon.com/rds/postgresql/pricing/
func database(s *sheet, r *template.Resource) {
	source := r
	if r.Has("SourceDBInstanceIdentifier") {
		if source = s.database(r.Get("SourceDBInstanceIdentifier")); source == nil {
			s.unknown("replica of a database that is not in the templates")
			return
		}
	}
	if engine := cmp.Or(r.String("Engine"), source.String("Engine")); engine != "postgres" {
		s.unknown("database engine " + engine)
		return
	}
	class := cmp.Or(r.String("DBInstanceClass"), source.String("DBInstanceClass"))
	size := cmp.Or(r.Number("AllocatedStorage"), source.Number("AllocatedStorage"))
	storage := cmp.Or(r.String("StorageType"), source.String("StorageType"), "gp2")
	what, copies := class, 1.0
	if r.Bool("MultiAZ") {
		what, copies = class+" Multi-AZ", 2
	}
	s.add(what, copies*HoursPerMonth, "hour", "rds", class)
	s.add("storage "+storage, copies*size, "GB", "rds-storage", storage)
	if r.Bool("ManageMasterUserPassword") {
		secret(s, r)
	}
	const freeRetention = 7 // days that Performance Insights keeps for nothing
	if r.Number("PerformanceInsightsRetentionPeriod") > freeRetention {
		s.unknown("Performance Insights beyond 7 days")
	}
}

// database is the instance that a value refers to, by reference or by identifier.
func (s *sheet) database(value any) *template.Resource {
	if r, _, ok := s.assembly.Target(s.stack, value); ok && r.Type == databaseType {
		return r
	}
	identifier := s.assembly.Render(s.stack, value)
	for _, r := range s.assembly.All(databaseType) {
		if identifier != "" && r.String("DBInstanceIdentifier") == identifier {
			return r
		}
	}
	return nil
}

// databaseProxy prices RDS Proxy: each vCPU of the instances behind it.
//
// https://aws.amazon.com/rds/proxy/pricing/
func databaseProxy(s *sheet, r *template.Resource) {
	var sum float64
	for _, group := range s.stack.All("AWS::RDS::DBProxyTargetGroup") {
		proxy, _, ok := s.assembly.Target(group.Stack, group.Get("DBProxyName"))
		if !(ok && proxy == r) && group.String("DBProxyName") != r.String("DBProxyName") {
			continue
		}
		for _, identifier := range group.List("DBInstanceIdentifiers") {
			if db := s.database(identifier); db != nil {
				sum += vCPUs(db.String("DBInstanceClass"))
			}
		}
	}
	if sum == 0 {
		s.unknown("RDS Proxy: its instances' vCPUs are not in the templates")
		return
	}
	s.add("RDS Proxy", sum*HoursPerMonth, "vCPU-hour", "rds-proxy", "vcpu-hour")
}

// vCPUs of an instance class, which its size tells: 2 up to large, and 4 for each x of xlarge.
// It is 0 for what is no class.
func vCPUs(class string) float64 {
	_, size, ok := strings.Cut(strings.TrimPrefix(class, "db."), ".")
	if !ok {
		return 0
	}
	times, extra := strings.CutSuffix(size, "xlarge")
	switch {
	case !extra:
		return 2
	case times == "":
		return 4
	}
	n, err := strconv.Atoi(times)
	if err != nil {
		return 0
	}
	return float64(4 * n)
}

// proxyEndpoint prices a further endpoint of RDS Proxy, which is an interface endpoint.
func proxyEndpoint(s *sheet, r *template.Resource) { s.interfaces("VpcSubnetIds", r) }

// replicationGroup prices ElastiCache's nodes.
//
// https://aws.amazon.com/elasticache/pricing/
func replicationGroup(s *sheet, r *template.Resource) {
	nodes := r.Number("NumCacheClusters")
	if nodes == 0 {
		nodes = cmp.Or(r.Number("NumNodeGroups"), 1) * (1 + r.Number("ReplicasPerNodeGroup"))
	}
	node, engine := r.String("CacheNodeType"), cmp.Or(r.String("Engine"), "redis")
	switch engine {
	case "redis":
		s.add(node, nodes*HoursPerMonth, "hour", "elasticache", node)
	case "valkey":
		s.discounted(node+" Valkey", nodes*HoursPerMonth, "hour", "elasticache", node, ValkeyDiscount)
	default:
		s.unknown("cache engine " + engine)
	}
}

// broker prices Amazon MQ for RabbitMQ; a cluster has three nodes.
//
// https://aws.amazon.com/amazon-mq/pricing/
func broker(s *sheet, r *template.Resource) {
	nodes := map[string]float64{"SINGLE_INSTANCE": 1, "CLUSTER_MULTI_AZ": 3}[r.String("DeploymentMode")]
	if engine := strings.ToUpper(r.String("EngineType")); engine != "RABBITMQ" || nodes == 0 {
		s.unknown("broker " + engine + " " + r.String("DeploymentMode"))
		return
	}
	instance := r.String("HostInstanceType")
	s.add(instance, nodes*HoursPerMonth, "hour", "mq", instance)
	s.add("storage", nodes*BrokerGB, "GB", "mq-storage", "ebs")
}

// bucket prices what a bucket holds.
//
// https://aws.amazon.com/s3/pricing/
func bucket(s *sheet, _ *template.Resource) { s.add("storage", BucketGB, "GB", "s3", "gb") }

// key prices a KMS key.
//
// https://aws.amazon.com/kms/pricing/
func key(s *sheet, _ *template.Resource) { s.add("key", 1, "month", "kms", "key") }

// secret prices a secret.
//
// https://aws.amazon.com/secrets-manager/pricing/
func secret(s *sheet, _ *template.Resource) {
	s.add("secret", 1, "month", "secrets-manager", "secret")
}
