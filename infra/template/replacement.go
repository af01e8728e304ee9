package template

// replacement is what CloudFormation documents about a type of resource that holds state, or
// an address that others know.
type replacement struct {
	// properties are those with "Update requires: Replacement", and those that may require it,
	// depending on what changes.
	properties []string
	// page is where that stands.
	page string
}

const pages = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"

// replacing is by type. A type that is not here can be made anew without loss.
var replacing = map[string]replacement{
	"AWS::AmazonMQ::Broker": {
		[]string{"AuthenticationStrategy", "BrokerName", "DeploymentMode", "EncryptionOptions", "EngineType", "PubliclyAccessible", "StorageType", "SubnetIds"},
		pages + "aws-resource-amazonmq-broker.html",
	},
	"AWS::AutoScaling::AutoScalingGroup": {
		[]string{"AutoScalingGroupName", "InstanceId"},
		pages + "aws-resource-autoscaling-autoscalinggroup.html",
	},
	// Its domain name goes with it; no property replaces it.
	"AWS::CloudFront::Distribution": {
		nil,
		pages + "aws-resource-cloudfront-distribution.html",
	},
	// Its address is in the allow lists of others.
	"AWS::EC2::EIP": {
		[]string{"Address", "Domain", "IpamPoolId", "NetworkBorderGroup", "TransferAddress"},
		pages + "aws-resource-ec2-eip.html",
	},
	"AWS::EC2::Subnet": {
		[]string{
			"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6CidrBlock",
			"Ipv6IpamPoolId", "Ipv6Native", "Ipv6NetmaskLength", "OutpostArn", "VpcId",
		},
		pages + "aws-resource-ec2-subnet.html",
	},
	"AWS::EC2::VPC": {
		[]string{"CidrBlock", "InstanceTenancy", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl"},
		pages + "aws-resource-ec2-vpc.html",
	},
	"AWS::ElastiCache::ReplicationGroup": {
		[]string{
			"AtRestEncryptionEnabled", "CacheSubnetGroupName", "DataTieringEnabled", "Engine", "GlobalReplicationGroupId", "KmsKeyId",
			"NetworkType", "NodeGroupConfiguration", "NumNodeGroups", "Port", "PreferredCacheClusterAZs", "ReplicasPerNodeGroup",
			"ReplicationGroupId", "SnapshotArns", "SnapshotName",
		},
		pages + "aws-resource-elasticache-replicationgroup.html",
	},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {
		[]string{"Name", "Scheme", "Type"},
		pages + "aws-resource-elasticloadbalancingv2-loadbalancer.html",
	},
	"AWS::ElasticLoadBalancingV2::TargetGroup": {
		[]string{"IpAddressType", "Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"},
		pages + "aws-resource-elasticloadbalancingv2-targetgroup.html",
	},
	// CloudFormation refuses these rather than replace a key.
	"AWS::KMS::Key": {
		[]string{"KeySpec", "KeyUsage", "MultiRegion", "Origin"},
		pages + "aws-resource-kms-key.html",
	},
	"AWS::Logs::LogGroup": {
		[]string{"LogGroupName"},
		pages + "aws-resource-logs-loggroup.html",
	},
	"AWS::RDS::DBInstance": {
		[]string{
			"AvailabilityZone", "BackupTarget", "CharacterSetName", "CustomIAMInstanceProfile", "DBClusterIdentifier",
			"DBClusterSnapshotIdentifier", "DBInstanceIdentifier", "DBName", "DBSnapshotIdentifier", "DBSubnetGroupName", "DBSystemId",
			"Engine", "KmsKeyId", "MasterUsername", "NcharCharacterSetName", "PerformanceInsightsKMSKeyId", "Port", "RestoreTime",
			"SourceDBClusterIdentifier", "SourceDBInstanceAutomatedBackupsArn", "SourceDBInstanceIdentifier", "SourceDbiResourceId",
			"SourceRegion", "StorageEncrypted", "Timezone", "UseLatestRestorableTime",
		},
		pages + "aws-resource-rds-dbinstance.html",
	},
	"AWS::RDS::DBProxy": {
		[]string{"DBProxyName", "EndpointNetworkType", "EngineFamily", "TargetConnectionNetworkType", "VpcSubnetIds"},
		pages + "aws-resource-rds-dbproxy.html",
	},
	"AWS::S3::Bucket": {
		[]string{"BucketName", "BucketNamePrefix", "BucketNamespace", "ObjectLockEnabled"},
		pages + "aws-resource-s3-bucket.html",
	},
	"AWS::SecretsManager::Secret": {
		[]string{"Name"},
		pages + "aws-resource-secretsmanager-secret.html",
	},
	// People confirmed their subscriptions to it.
	"AWS::SNS::Topic": {
		[]string{"FifoTopic", "TopicName"},
		pages + "aws-resource-sns-topic.html",
	},
	"AWS::SQS::Queue": {
		[]string{"FifoQueue", "QueueName"},
		pages + "aws-resource-sqs-queue.html",
	},
}
