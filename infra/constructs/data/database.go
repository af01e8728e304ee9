package data

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	rds "github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	secrets "github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Limits of RDS: characters of an identifier, GiB of a volume, and characters of the name of
// a Lambda function.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
const (
	maxDatabaseName = 63
	maxStorage      = 65536
	maxFunctionName = 64
)

// storageGrowth is by how much a volume grows by itself.
const storageGrowth = 4

// slowStatement is from when on a statement is in the log.
const slowStatement = time.Second

// insightsRetention is how long Performance Insights keeps what it costs nothing to keep, in
// days.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.cost.html
const insightsRetention = 7

// When services do what needs a quiet hour, in UTC: one after the other, so that never all
// of them restart at once.
const (
	databaseBackupWindow      = "01:00-02:00"
	databaseMaintenanceWindow = "sun:03:00-sun:04:00"
	cacheSnapshotWindow       = "02:00-03:00"
	cacheMaintenanceWindow    = "sun:04:00-sun:05:00"
	brokerMaintenanceDay      = "SUNDAY"
	brokerMaintenanceTime     = "05:00"
)

// rotationDays is how often the database's password changes.
const rotationDays = 30

// rotationTransform makes the function that rotates, by a template of Secrets Manager.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-secretsmanager.html
const rotationTransform = "AWS::SecretsManager-2024-09-16"

// punctuation is what a rotated password has none of, as the first one has none.
const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// Settings of the connection pool: how much of the database's connections it takes, leaving
// the rest to people and to rotation, how much of them it keeps open when nobody needs them,
// and how long a client waits for one.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-connections.html
const (
	poolConnections     = 90
	poolIdleConnections = 50
	poolBorrowTimeout   = 30 * time.Second
	poolIdleClient      = 30 * time.Minute
)

// databaseLogs are what RDS for PostgreSQL has to export.
var databaseLogs = []string{"postgresql", "upgrade"}

// Database is a PostgreSQL database.
type Database struct {
	// Endpoint is what the application connects to: the connection pool if there is one,
	// otherwise the instance.
	Endpoint
	// Name of the database in the instance. This, Instance, Replicas and Pool are empty for a
	// database that exists.
	Name string
	// Instance is the instance's identifier, which metrics have as DBInstanceIdentifier.
	Instance string
	// Replicas are read replicas. The pool does not lead to them.
	Replicas []Replica
	// Pool is the name of the connection pool, which metrics have as ProxyName; empty without
	// one.
	Pool string
}

// Replica is a read replica.
type Replica struct {
	// Instance is its identifier.
	Instance string
	Host     string
	Port     int
}

func newDatabase(this constructs.Construct, props Props) *Database {
	settings := &props.Environment.Data.Database
	switch {
	case settings.Engine == "":
		return nil
	case !settings.Created():
		return &Database{Endpoint: existing(settings.Existing)}
	}
	env := props.Environment
	secret := newSecret(this, "DatabaseSecret", "User and password of the database of "+env.App+" "+env.Name, userName)
	d := &Database{Name: databaseName(env), Instance: resourceName(env, "database", maxDatabaseName)}
	plan := databasePlan{
		env:     env,
		subnets: databaseSubnets(this, props),
		params:  databaseParameters(this, settings),
		group:   props.DatabaseGroup,
	}
	instance := d.primary(this, plan, secret)
	d.Endpoint = Endpoint{Host: *instance.AttrEndpointAddress(), Port: network.DatabasePort, SecretARN: *secret.SecretArn()}
	attachment := secrets.NewCfnSecretTargetAttachment(this, new("DatabaseSecretAttachment"), &secrets.CfnSecretTargetAttachmentProps{
		SecretId:   secret.SecretArn(),
		TargetId:   instance.Ref(),
		TargetType: new("AWS::RDS::DBInstance"),
	})
	rotate(this, props, attachment)
	for i := range settings.ReadReplicas {
		d.Replicas = append(d.Replicas, newReplica(this, plan, instance, i+1))
	}
	if settings.ConnectionPool {
		d.pool(this, props, instance, secret)
	}
	return d
}

// databaseName is the application's, as an identifier of PostgreSQL.
func databaseName(env *spec.Environment) string {
	return strings.ReplaceAll(slug(env.App), "-", "_")
}

// databasePlan is what the instance and its replicas have in common.
type databasePlan struct {
	env     *spec.Environment
	subnets rds.CfnDBSubnetGroup
	params  rds.CfnDBParameterGroup
	group   string
}

func databaseSubnets(this constructs.Construct, props Props) rds.CfnDBSubnetGroup {
	return rds.NewCfnDBSubnetGroup(this, new("DatabaseSubnetGroup"), &rds.CfnDBSubnetGroupProps{
		DbSubnetGroupDescription: new("private subnets"),
		SubnetIds:                convert.References(props.PrivateSubnets),
	})
}

// databaseParameters sets what RDS has no properties for. The number of connections changes
// when the instance next restarts.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html
func databaseParameters(this constructs.Construct, settings *spec.Database) rds.CfnDBParameterGroup {
	major, _, _ := strings.Cut(settings.EngineVersion, ".")
	return rds.NewCfnDBParameterGroup(this, new("DatabaseParameters"), &rds.CfnDBParameterGroupProps{
		Description: new("TLS only, connections, slow statements"),
		Family:      new(spec.EnginePostgres + major),
		Parameters: map[string]string{
			"rds.force_ssl":              "1",
			"max_connections":            strconv.Itoa(settings.MaxConnections),
			"log_min_duration_statement": strconv.FormatInt(slowStatement.Milliseconds(), 10),
		},
	})
}

// primary makes the instance that is written to.
func (d *Database) primary(this constructs.Construct, plan databasePlan, secret secrets.Secret) rds.CfnDBInstance {
	settings := &plan.env.Data.Database
	props := plan.instance(d.Instance)
	props.Engine = new(spec.EnginePostgres)
	props.EngineVersion = &settings.EngineVersion
	props.DbName = &d.Name
	props.AllocatedStorage = new(strconv.Itoa(settings.AllocatedStorage))
	props.StorageEncrypted = new(true)
	props.MultiAz = new(settings.MultiAZ)
	props.DeletionProtection = new(settings.DeletionProtection)
	props.BackupRetentionPeriod = jsii.Number(int(settings.BackupRetention / (24 * time.Hour)))
	props.PreferredBackupWindow = new(databaseBackupWindow)
	props.MasterUsername = new(userName)
	props.MasterUserPassword = password(secret)
	instance := plan.make(this, "Database", props)
	instance.ApplyRemovalPolicy(cdk.RemovalPolicy_SNAPSHOT, nil)
	if !settings.MultiAZ {
		nag.Acknowledge(instance, "AwsSolutions-RDS3", "The environment file asks for one zone; where that is not enough it says multi_az.")
	}
	if !settings.DeletionProtection {
		nag.Acknowledge(instance, "AwsSolutions-RDS10", "The environment file asks for none, and a deleted database leaves its last snapshot.")
	}
	return instance
}

// newReplica makes a read replica. Version, storage and encryption are its source's; it holds
// nothing of its own, so that it goes without a snapshot and without being protected.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html
func newReplica(this constructs.Construct, plan databasePlan, source rds.CfnDBInstance, number int) Replica {
	r := Replica{Instance: resourceName(plan.env, fmt.Sprintf("database-replica-%d", number), maxDatabaseName), Port: network.DatabasePort}
	props := plan.instance(r.Instance)
	props.SourceDbInstanceIdentifier = source.Ref()
	instance := plan.make(this, fmt.Sprintf("DatabaseReplica%d", number), props)
	instance.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)
	r.Host = *instance.AttrEndpointAddress()
	nag.Acknowledge(instance, "AwsSolutions-RDS2", "A replica is encrypted as its source is, and CloudFormation wants nothing said about it.")
	nag.Acknowledge(instance, "AwsSolutions-RDS3", "A replica is a copy in another place already; there can be more of them.")
	nag.Acknowledge(instance, "AwsSolutions-RDS10", "A replica holds nothing of its own, and read_replicas must be able to take one away.")
	nag.Acknowledge(instance, "AwsSolutions-RDS11", "The port is not the default; the rule looks for an engine, which a replica has from its source.")
	return r
}

// instance is what the instance that is written to and its replicas have in common.
func (p databasePlan) instance(identifier string) *rds.CfnDBInstanceProps {
	settings := &p.env.Data.Database
	props := &rds.CfnDBInstanceProps{
		DbInstanceIdentifier:    &identifier,
		DbInstanceClass:         &settings.InstanceClass,
		DbSubnetGroupName:       p.subnets.Ref(),
		DbParameterGroupName:    p.params.Ref(),
		VpcSecurityGroups:       convert.References([]string{p.group}),
		Port:                    new(strconv.Itoa(network.DatabasePort)),
		PubliclyAccessible:      new(false),
		StorageType:             new("gp3"),
		CopyTagsToSnapshot:      new(true),
		AutoMinorVersionUpgrade: new(true),
		// Only what the file says: a major version is raised by changing engine_version.
		AllowMajorVersionUpgrade:           new(true),
		PreferredMaintenanceWindow:         new(databaseMaintenanceWindow),
		EnableIamDatabaseAuthentication:    new(true),
		EnableCloudwatchLogsExports:        convert.Strings(databaseLogs),
		DatabaseInsightsMode:               new("standard"),
		EnablePerformanceInsights:          new(true),
		PerformanceInsightsRetentionPeriod: jsii.Number(insightsRetention),
	}
	if most := min(storageGrowth*settings.AllocatedStorage, maxStorage); most > settings.AllocatedStorage {
		props.MaxAllocatedStorage = jsii.Number(most)
	}
	return props
}

// make makes the instance and, before it, the groups of its logs.
func (p databasePlan) make(this constructs.Construct, id string, props *rds.CfnDBInstanceProps) rds.CfnDBInstance {
	instance := rds.NewCfnDBInstance(this, &id, props)
	for _, log := range databaseLogs {
		instance.AddResourceDependency(logGroup(this, id+"Log-"+log, "/aws/rds/instance/"+*props.DbInstanceIdentifier+"/"+log, p.env), new(logsFirst))
	}
	return instance
}

// rotate changes the password every 30 days. The function is in the database's own security
// group, which lets its members reach the database and the API of Secrets Manager.
//
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html
func rotate(this constructs.Construct, props Props, attachment secrets.CfnSecretTargetAttachment) {
	cdk.Stack_Of(this).AddTransform(new(rotationTransform))
	name := resourceName(props.Environment, "database-rotation", maxFunctionName)
	schedule := secrets.NewCfnRotationSchedule(this, new("DatabaseRotation"), &secrets.CfnRotationScheduleProps{
		SecretId: attachment.Ref(),
		HostedRotationLambda: &secrets.CfnRotationSchedule_HostedRotationLambdaProperty{
			RotationType:        new("PostgreSQLSingleUser"),
			RotationLambdaName:  &name,
			ExcludeCharacters:   new(punctuation),
			VpcSecurityGroupIds: &props.DatabaseGroup,
			VpcSubnetIds:        cdk.Fn_Join(new(","), convert.Strings(props.PrivateSubnets)),
		},
		RotationRules: &secrets.CfnRotationSchedule_RotationRulesProperty{AutomaticallyAfterDays: jsii.Number(rotationDays)},
	})
	schedule.AddResourceDependency(logGroup(this, "DatabaseRotationLog", "/aws/lambda/"+name, props.Environment), new(logsFirst))
}

// pool puts RDS Proxy in front of the instance, in the database's own security group. From
// then on the endpoint is the pool's.
//
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html
func (d *Database) pool(this constructs.Construct, props Props, instance rds.CfnDBInstance, secret secrets.Secret) {
	d.Pool = resourceName(props.Environment, "database", maxDatabaseName)
	pool := rds.NewCfnDBProxy(this, new("DatabasePool"), &rds.CfnDBProxyProps{
		DbProxyName:  &d.Pool,
		EngineFamily: new("POSTGRESQL"),
		Auth: convert.Union(&rds.CfnDBProxy_AuthFormatProperty{
			AuthScheme:             new("SECRETS"),
			SecretArn:              secret.SecretArn(),
			IamAuth:                new("DISABLED"),
			ClientPasswordAuthType: new("POSTGRES_SCRAM_SHA_256"),
		}),
		RoleArn:             poolRole(this, secret).RoleArn(),
		VpcSubnetIds:        convert.References(props.PrivateSubnets),
		VpcSecurityGroupIds: convert.References([]string{props.DatabaseGroup}),
		RequireTls:          new(true),
		IdleClientTimeout:   convert.Seconds(poolIdleClient),
		// With it, statements and what is in them would be in the log.
		DebugLogging: new(false),
	})
	pool.AddResourceDependency(logGroup(this, "DatabasePoolLog", "/aws/rds/proxy/"+d.Pool, props.Environment), new(logsFirst))
	rds.NewCfnDBProxyTargetGroup(this, new("DatabasePoolTargets"), &rds.CfnDBProxyTargetGroupProps{
		DbProxyName: pool.Ref(),
		// RDS knows no other name.
		TargetGroupName:       new("default"),
		DbInstanceIdentifiers: convert.List(instance.Ref()),
		ConnectionPoolConfigurationInfo: &rds.CfnDBProxyTargetGroup_ConnectionPoolConfigurationInfoFormatProperty{
			MaxConnectionsPercent:     jsii.Number(poolConnections),
			MaxIdleConnectionsPercent: jsii.Number(poolIdleConnections),
			ConnectionBorrowTimeout:   convert.Seconds(poolBorrowTimeout),
		},
	})
	d.Host, d.Port = *pool.AttrEndpoint(), network.PoolPort
}

// poolRole lets the pool read the one secret. Its policy is in it, so that the pool is not
// made before the policy is.
func poolRole(this constructs.Construct, secret secrets.Secret) iam.Role {
	return iam.NewRole(this, new("DatabasePoolRole"), &iam.RoleProps{
		Description: new("lets RDS Proxy read the database's secret"),
		AssumedBy:   iam.NewServicePrincipal(new("rds.amazonaws.com"), nil),
		InlinePolicies: &map[string]iam.PolicyDocument{
			"secret": iam.NewPolicyDocument(&iam.PolicyDocumentProps{
				Statements: convert.List(iam.NewPolicyStatement(&iam.PolicyStatementProps{
					Actions:   jsii.Strings("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
					Resources: convert.List(secret.SecretArn()),
				})),
			}),
		},
	})
}
