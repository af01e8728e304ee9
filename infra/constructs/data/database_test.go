package data_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
)

func TestDatabaseIsAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		in := m.env.Data.Database
		if !in.Created() {
			return
		}
		instance := m.named(t, "AWS::RDS::DBInstance", "DBInstanceIdentifier", m.data.Database.Instance)
		instance.want(t, map[string]any{
			"Engine":                             in.Engine,
			"EngineVersion":                      in.EngineVersion,
			"DBInstanceClass":                    in.InstanceClass,
			"DBName":                             m.data.Database.Name,
			"AllocatedStorage":                   strconv.Itoa(in.AllocatedStorage),
			"MaxAllocatedStorage":                min(4*in.AllocatedStorage, 65536),
			"StorageType":                        "gp3",
			"BackupRetentionPeriod":              days(in.BackupRetention.Hours()),
			"DeletionProtection":                 in.DeletionProtection,
			"MultiAZ":                            in.MultiAZ,
			"Port":                               strconv.Itoa(network.DatabasePort),
			"VPCSecurityGroups":                  []string{databaseGroup},
			"DBSubnetGroupName":                  ref(m.one(t, "AWS::RDS::DBSubnetGroup").id),
			"DBParameterGroupName":               ref(m.one(t, "AWS::RDS::DBParameterGroup").id),
			"CopyTagsToSnapshot":                 true,
			"AutoMinorVersionUpgrade":            true,
			"EnableIAMDatabaseAuthentication":    true,
			"EnableCloudwatchLogsExports":        []string{"postgresql", "upgrade"},
			"DatabaseInsightsMode":               "standard",
			"EnablePerformanceInsights":          true,
			"PerformanceInsightsRetentionPeriod": 7,
			"PreferredBackupWindow":              "01:00-02:00",
			"PreferredMaintenanceWindow":         "sun:03:00-sun:04:00",
		})
		major, _, _ := strings.Cut(in.EngineVersion, ".")
		m.one(t, "AWS::RDS::DBParameterGroup").want(t, map[string]any{
			"Family": "postgres" + major,
			"Parameters": map[string]string{
				"rds.force_ssl": "1", "max_connections": strconv.Itoa(in.MaxConnections), "log_min_duration_statement": "1000",
			},
		})
		m.one(t, "AWS::RDS::DBSubnetGroup").want(t, map[string]any{"SubnetIds": subnets})
	})
}

func TestReplicasAreAsManyAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		in := m.env.Data.Database
		if !in.Created() {
			return
		}
		if got := len(m.of("AWS::RDS::DBInstance")) - 1; got != in.ReadReplicas || len(m.data.Database.Replicas) != in.ReadReplicas {
			t.Fatalf("%d replicas and %d handles, want %d", got, len(m.data.Database.Replicas), in.ReadReplicas)
		}
		source := m.named(t, "AWS::RDS::DBInstance", "DBInstanceIdentifier", m.data.Database.Instance)
		for i, r := range m.data.Database.Replicas {
			instance := m.named(t, "AWS::RDS::DBInstance", "DBInstanceIdentifier", r.Instance)
			if want := m.env.ResourceName(fmt.Sprintf("database-replica-%d", i+1)); m.env.Name == "prod" && r.Instance != want {
				t.Errorf("replica %d is %s, want %s", i+1, r.Instance, want)
			}
			instance.want(t, map[string]any{
				"SourceDBInstanceIdentifier": ref(source.id),
				"DBInstanceClass":            in.InstanceClass,
				"MaxAllocatedStorage":        source.Properties["MaxAllocatedStorage"],
				"Port":                       strconv.Itoa(network.DatabasePort),
				"VPCSecurityGroups":          []string{databaseGroup},
				"DBParameterGroupName":       source.Properties["DBParameterGroupName"],
				"EnablePerformanceInsights":  true,
				// CloudFormation refuses what a replica has from its source.
				"Engine": nil, "EngineVersion": nil, "StorageEncrypted": nil, "AllocatedStorage": nil, "DBName": nil,
				"MasterUsername": nil, "MasterUserPassword": nil, "BackupRetentionPeriod": nil, "DeletionProtection": nil,
			})
			if got, want := m.shown(t, r.Host), text(t, attribute(instance.id, "Endpoint.Address")); got != want || r.Port != network.DatabasePort {
				t.Errorf("replica %d is at %s:%d, want %s:%d", i+1, got, r.Port, want, network.DatabasePort)
			}
		}
	})
}

func TestPasswordRotates(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		if !m.env.Data.Database.Created() {
			return
		}
		instance := m.named(t, "AWS::RDS::DBInstance", "DBInstanceIdentifier", m.data.Database.Instance)
		attachment := m.one(t, "AWS::SecretsManager::SecretTargetAttachment")
		attachment.want(t, map[string]any{"TargetId": ref(instance.id), "TargetType": "AWS::RDS::DBInstance"})
		if got, want := m.shown(t, m.data.Database.SecretARN), text(t, attachment.Properties["SecretId"]); got != want {
			t.Errorf("the database's secret is %s, that which rotates %s", got, want)
		}
		schedule := m.one(t, "AWS::SecretsManager::RotationSchedule")
		schedule.want(t, map[string]any{"SecretId": ref(attachment.id), "RotationRules": map[string]any{"AutomaticallyAfterDays": 30}})
		hosted := schedule.Properties["HostedRotationLambda"].(map[string]any)
		if hosted["RotationType"] != "PostgreSQLSingleUser" || hosted["VpcSecurityGroupIds"] != databaseGroup || hosted["VpcSubnetIds"] != strings.Join(subnets, ",") {
			t.Errorf("it rotates with %s", text(t, hosted))
		}
		// What a rotated password is made of is what the first one is made of.
		for c := '!'; c <= '~'; c++ {
			letter := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
			if strings.ContainsRune(hosted["ExcludeCharacters"].(string), c) == letter {
				t.Errorf("a rotated password and the first one differ in whether they have %q", c)
			}
		}
		if m.transform != "AWS::SecretsManager-2024-09-16" {
			t.Errorf("transform %v would make no function", m.transform)
		}
	})
}

func TestPoolStandsInFrontWhereTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		in := m.env.Data.Database
		if !in.Created() {
			return
		}
		instance := m.named(t, "AWS::RDS::DBInstance", "DBInstanceIdentifier", m.data.Database.Instance)
		host, port := attribute(instance.id, "Endpoint.Address"), network.DatabasePort
		if pools := m.of("AWS::RDS::DBProxy"); len(pools) > 0 != in.ConnectionPool || (m.data.Database.Pool != "") != in.ConnectionPool {
			t.Fatalf("%d pools, handle %q, want one: %v", len(pools), m.data.Database.Pool, in.ConnectionPool)
		}
		if in.ConnectionPool {
			pool := m.named(t, "AWS::RDS::DBProxy", "DBProxyName", m.data.Database.Pool)
			checkPool(t, m, pool, instance)
			host, port = attribute(pool.id, "Endpoint"), network.PoolPort
		}
		if got, want := m.shown(t, m.data.Database.Host), text(t, host); got != want || m.data.Database.Port != port {
			t.Errorf("the application connects to %s:%d, want %s:%d", got, m.data.Database.Port, want, port)
		}
	})
}

func checkPool(t *testing.T, m made, pool, instance resource) {
	t.Helper()
	secret := ref(m.named(t, "AWS::SecretsManager::Secret", "Description", "User and password of the database of "+m.env.App+" "+m.env.Name).id)
	role := m.one(t, "AWS::IAM::Role")
	pool.want(t, map[string]any{
		"EngineFamily":        "POSTGRESQL",
		"RequireTLS":          true,
		"DebugLogging":        false,
		"IdleClientTimeout":   1800,
		"VpcSubnetIds":        subnets,
		"VpcSecurityGroupIds": []string{databaseGroup},
		"RoleArn":             attribute(role.id, "Arn"),
		"Auth": []any{map[string]any{
			"AuthScheme": "SECRETS", "SecretArn": secret, "IAMAuth": "DISABLED", "ClientPasswordAuthType": "POSTGRES_SCRAM_SHA_256",
		}},
	})
	m.one(t, "AWS::RDS::DBProxyTargetGroup").want(t, map[string]any{
		"DBProxyName":           ref(pool.id),
		"TargetGroupName":       "default",
		"DBInstanceIdentifiers": []any{ref(instance.id)},
		"ConnectionPoolConfigurationInfo": map[string]any{
			"MaxConnectionsPercent": 90, "MaxIdleConnectionsPercent": 50, "ConnectionBorrowTimeout": 30,
		},
	})
	role.want(t, map[string]any{"ManagedPolicyArns": nil, "Policies": []any{map[string]any{
		"PolicyName": "secret",
		"PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Action":   []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
			"Effect":   "Allow",
			"Resource": secret,
		}}},
	}}})
}
