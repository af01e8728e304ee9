package data

import (
	"fmt"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	elasticache "github.com/aws/aws-cdk-go/awscdk/v2/awselasticache"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
)

// maxCacheName bounds a replication group's id, in characters.
//
// https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
const maxCacheName = 40

// cacheUser is who an authentication token belongs to.
const cacheUser = "default"

// cacheLogs are the logs of a node.
//
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Log_Delivery.html
var cacheLogs = []string{"slow-log", "engine-log"}

// Cache is a Valkey or Redis cache. Connections to one that is created are TLS.
type Cache struct {
	// Endpoint is the node that is written to.
	Endpoint
	// ReaderHost leads to the replicas, or without any to the one node. This and all below are
	// empty for a cache that exists.
	ReaderHost string
	// ReplicationGroup is its id, which metrics of the whole have as ReplicationGroupId.
	ReplicationGroup string
	// Nodes are the ids that metrics of a node have as CacheClusterId.
	Nodes []string
}

func newCache(this constructs.Construct, props Props) *Cache {
	settings := &props.Environment.Data.Cache
	switch {
	case settings.Engine == "":
		return nil
	case !settings.Created():
		return &Cache{Endpoint: existing(settings.Existing)}
	}
	env := props.Environment
	id := resourceName(env, "cache", maxCacheName)
	secret := newSecret(this, "CacheSecret", "User and password of the cache of "+env.App+" "+env.Name, cacheUser)
	nag.Acknowledge(secret, "AwsSolutions-SMG4", "Secrets Manager has no function that rotates an ElastiCache token; the token and the secret are changed by hand, together.")
	replicated := settings.Replicas > 0
	group := elasticache.NewCfnReplicationGroup(this, new("Cache"), &elasticache.CfnReplicationGroupProps{
		ReplicationGroupId:          &id,
		ReplicationGroupDescription: new("Cache of " + env.App + " " + env.Name),
		Engine:                      &settings.Engine,
		EngineVersion:               &settings.EngineVersion,
		CacheNodeType:               &settings.NodeType,
		NumCacheClusters:            jsii.Number(1 + settings.Replicas),
		AutomaticFailoverEnabled:    new(replicated),
		MultiAzEnabled:              new(replicated),
		Port:                        jsii.Number(network.CachePort),
		CacheSubnetGroupName:        cacheSubnets(this, props).Ref(),
		SecurityGroupIds:            convert.Strings([]string{props.CacheGroup}),
		AtRestEncryptionEnabled:     new(true),
		TransitEncryptionEnabled:    new(true),
		AuthToken:                   password(secret),
		SnapshotRetentionLimit:      jsii.Number(int(settings.SnapshotRetention / (24 * time.Hour))),
		SnapshotWindow:              new(cacheSnapshotWindow),
		AutoMinorVersionUpgrade:     new(true),
		PreferredMaintenanceWindow:  new(cacheMaintenanceWindow),
		LogDeliveryConfigurations:   cacheLogDelivery(this, props, id),
	})
	group.ApplyRemovalPolicy(cdk.RemovalPolicy_SNAPSHOT, nil)
	if !replicated {
		nag.Acknowledge(group, "AwsSolutions-AEC4", "The environment file asks for no replica; a cache in several zones has at least one.")
	}
	c := &Cache{
		Endpoint:         Endpoint{Host: *group.AttrPrimaryEndPointAddress(), Port: network.CachePort, SecretARN: *secret.SecretArn()},
		ReaderHost:       *group.AttrReaderEndPointAddress(),
		ReplicationGroup: id,
	}
	for i := range 1 + settings.Replicas {
		c.Nodes = append(c.Nodes, fmt.Sprintf("%s-%03d", id, i+1))
	}
	return c
}

func cacheSubnets(this constructs.Construct, props Props) elasticache.CfnSubnetGroup {
	return elasticache.NewCfnSubnetGroup(this, new("CacheSubnetGroup"), &elasticache.CfnSubnetGroupProps{
		Description: new("private subnets"),
		SubnetIds:   convert.References(props.PrivateSubnets),
	})
}

// cacheLogDelivery sends the logs to groups under /aws/vendedlogs, which share one resource
// policy of AWS's making and so do not outgrow its size.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
func cacheLogDelivery(this constructs.Construct, props Props, id string) any {
	var list []*elasticache.CfnReplicationGroup_LogDeliveryConfigurationRequestProperty
	for _, log := range cacheLogs {
		group := logGroup(this, "CacheLog-"+log, "/aws/vendedlogs/elasticache/"+id+"/"+log, props.Environment)
		list = append(list, &elasticache.CfnReplicationGroup_LogDeliveryConfigurationRequestProperty{
			LogType:         new(log),
			LogFormat:       new("json"),
			DestinationType: new("cloudwatch-logs"),
			DestinationDetails: &elasticache.CfnReplicationGroup_DestinationDetailsProperty{
				CloudWatchLogsDetails: &elasticache.CfnReplicationGroup_CloudWatchLogsDestinationDetailsProperty{LogGroup: group.Ref()},
			},
		})
	}
	return convert.Union(list...)
}
