package cost_test

import (
	"testing"
)

const launch = `"Launch": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {
	"InstanceType": "t3.large",
	"Monitoring": {"Enabled": true},
	"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}, {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 5}}]
}}}, `

func TestAutoScalingGroups(t *testing.T) {
	const (
		id    = `"LaunchTemplateId": {"Ref": "Launch"}`
		plain = `"LaunchTemplate": {` + id + `}`
	)
	mixed := func(distribution, overrides string) string {
		return `"MixedInstancesPolicy": {"InstancesDistribution": {` + distribution + `}, "LaunchTemplate": {"LaunchTemplateSpecification": {` + id + `}, "Overrides": [` + overrides + `]}}`
	}
	for _, test := range []struct {
		name, properties string
		want             []string
	}{
		{"desired capacity", `"MinSize": "1", "MaxSize": "9", "DesiredCapacity": "2", ` + plain, []string{
			"Group: t3.large: 1460 hour * 0.1 = 146.0000",
			"Group: volume gp3: 40 GB * 0.1 = 4.0000",
			"Group: volume gp2: 10 GB * 0.2 = 2.0000",
			"Group: detailed monitoring: 14 metric * 0.3 = 4.2000",
		}},
		{"least capacity", `"MinSize": "1", "MaxSize": "9", ` + plain, []string{
			"Group: t3.large: 730 hour * 0.1 = 73.0000",
			"Group: volume gp3: 20 GB * 0.1 = 2.0000",
			"Group: volume gp2: 5 GB * 0.2 = 1.0000",
			"Group: detailed monitoring: 7 metric * 0.3 = 2.1000",
		}},
		{"none", `"MinSize": "0", "MaxSize": "9", ` + plain, nil},
		// One in the base, and of the five beyond it 30 % on demand: 1.5, so 2. Three are spot.
		{
			"spot", `"MinSize": "6", ` + mixed(`"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 30`, `{"InstanceType": "m7g.large"}, {"InstanceType": "m9g.large"}`),
			[]string{
				"Group: m7g.large: 2190 hour * 0.2 = 438.0000",
				"Group: m7g.large spot: 2190 hour * 0.08 = 175.2000",
				"Group: volume gp3: 120 GB * 0.1 = 12.0000",
				"Group: volume gp2: 30 GB * 0.2 = 6.0000",
				"Group: detailed monitoring: 42 metric * 0.3 = 12.6000",
			},
		},
		{"all spot", `"MinSize": "1", ` + mixed(`"OnDemandPercentageAboveBaseCapacity": 0`, ``), []string{
			"Group: t3.large spot: 730 hour * 0.04 = 29.2000",
			"Group: volume gp3: 20 GB * 0.1 = 2.0000",
			"Group: volume gp2: 5 GB * 0.2 = 1.0000",
			"Group: detailed monitoring: 7 metric * 0.3 = 2.1000",
		}},
		{"mixed, on demand by default", `"MinSize": "1", ` + mixed(``, ``), []string{
			"Group: t3.large: 730 hour * 0.1 = 73.0000",
			"Group: volume gp3: 20 GB * 0.1 = 2.0000",
			"Group: volume gp2: 5 GB * 0.2 = 1.0000",
			"Group: detailed monitoring: 7 metric * 0.3 = 2.1000",
		}},
		{"unknown launch template", `"MinSize": "1", "LaunchTemplate": {"LaunchTemplateId": "lt-123"}`, []string{
			"Group: instances: how many, or of which launch template, is not in the templates: NOT PRICED",
		}},
		{"unknown capacity", `"MinSize": {"Ref": "Size"}, ` + plain, []string{
			"Group: instances: how many, or of which launch template, is not in the templates: NOT PRICED",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, estimate(t, launch+`"Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {`+test.properties+`}}`), test.want...)
		})
	}
}

func TestFastVolumesAreNotPriced(t *testing.T) {
	check(
		t, estimate(t, `"L": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "t3.large", "BlockDeviceMappings": [{"Ebs": {"VolumeType": "gp3", "VolumeSize": 10, "Iops": 6000}}]}}},
		"Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "1", "LaunchTemplate": {"LaunchTemplateId": {"Ref": "L"}}}}`),
		"Group: t3.large: 730 hour * 0.1 = 73.0000",
		"Group: volume gp3: 10 GB * 0.1 = 1.0000",
		"Group: volume gp3: more than 3000 IOPS or 125 MB/s: NOT PRICED",
	)
}

const database = `"Database": {"Type": "AWS::RDS::DBInstance", "Properties": {
	"Engine": "postgres", "DBInstanceIdentifier": "main", "DBInstanceClass": "db.r6g.large", "AllocatedStorage": "100", "StorageType": "gp3", "MultiAZ": true}}, `

func TestDatabases(t *testing.T) {
	main := []string{
		"Database: db.r6g.large Multi-AZ: 1460 hour * 0.25 = 365.0000",
		"Database: storage gp3: 200 GB * 0.12 = 24.0000",
	}
	for _, test := range []struct {
		name, resources string
		want            []string
	}{
		{"one", `"R": {"Type": "AWS::IAM::Role"}`, nil},
		{"replica by reference", `"Replica": {"Type": "AWS::RDS::DBInstance", "Properties": {"SourceDBInstanceIdentifier": {"Ref": "Database"}, "DBInstanceClass": "db.r6g.2xlarge"}}`, []string{
			"Replica: db.r6g.2xlarge: 730 hour * 1 = 730.0000",
			"Replica: storage gp3: 100 GB * 0.12 = 12.0000",
		}},
		{"replica by name", `"Replica": {"Type": "AWS::RDS::DBInstance", "Properties": {"SourceDBInstanceIdentifier": "main"}}`, []string{
			"Replica: db.r6g.large: 730 hour * 0.25 = 182.5000",
			"Replica: storage gp3: 100 GB * 0.12 = 12.0000",
		}},
		{"replica of another", `"Replica": {"Type": "AWS::RDS::DBInstance", "Properties": {"SourceDBInstanceIdentifier": "other"}}`, []string{
			"Replica: replica of a database that is not in the templates: NOT PRICED",
		}},
		{
			"extras", `"X": {"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "postgres", "DBInstanceClass": "db.r6g.large", "AllocatedStorage": 20, "ManageMasterUserPassword": true, "PerformanceInsightsRetentionPeriod": 31}}`,
			[]string{
				"X: db.r6g.large: 730 hour * 0.25 = 182.5000",
				"X: storage gp2: 20 GB * 0.13 = 2.6000",
				"X: secret: 1 month * 0.4 = 0.4000",
				"X: Performance Insights beyond 7 days: NOT PRICED",
			},
		},
		{"another engine", `"X": {"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "oracle-ee", "DBInstanceClass": "db.r6g.large"}}`, []string{
			"X: database engine oracle-ee: NOT PRICED",
		}},
		// Two vCPUs of the large, eight of the 2xlarge.
		{
			"proxy", `"Proxy": {"Type": "AWS::RDS::DBProxy", "Properties": {"DBProxyName": "proxy"}},
			"Proxied": {"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "postgres", "DBInstanceClass": "db.r6g.2xlarge", "AllocatedStorage": 1, "StorageType": "gp3"}},
			"Targets": {"Type": "AWS::RDS::DBProxyTargetGroup", "Properties": {"DBProxyName": {"Ref": "Proxy"}, "DBInstanceIdentifiers": ["main", {"Ref": "Proxied"}]}},
			"Read": {"Type": "AWS::RDS::DBProxyEndpoint", "Properties": {"VpcSubnetIds": ["a", "b", "c"]}}`,
			[]string{
				"Proxied: db.r6g.2xlarge: 730 hour * 1 = 730.0000",
				"Proxied: storage gp3: 1 GB * 0.12 = 0.1200",
				"Proxy: RDS Proxy: 7300 vCPU-hour * 0.02 = 146.0000",
				"Read: interface endpoint: 2190 hour * 0.01 = 21.9000",
			},
		},
		{
			"proxy of another", `"Proxy": {"Type": "AWS::RDS::DBProxy", "Properties": {"DBProxyName": "proxy"}},
			"Targets": {"Type": "AWS::RDS::DBProxyTargetGroup", "Properties": {"DBProxyName": "other", "DBInstanceIdentifiers": ["main"]}}`,
			[]string{"Proxy: RDS Proxy: its instances' vCPUs are not in the templates: NOT PRICED"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, estimate(t, database+test.resources), append(main[:2:2], test.want...)...)
		})
	}
}

// TestTypes prices one resource of each other type, named X, with what it depends on.
func TestTypes(t *testing.T) {
	for _, test := range []struct {
		resourceType, properties string
		want                     []string
	}{
		{"AWS::ElastiCache::ReplicationGroup", `"Engine": "valkey", "CacheNodeType": "cache.r7g.large", "NumCacheClusters": 2`, []string{
			"X: cache.r7g.large Valkey: 1460 hour * 0.4 = 584.0000",
		}},
		{"AWS::ElastiCache::ReplicationGroup", `"CacheNodeType": "cache.r7g.large", "NumNodeGroups": 2, "ReplicasPerNodeGroup": 1`, []string{
			"X: cache.r7g.large: 2920 hour * 0.5 = 1460.0000",
		}},
		{"AWS::ElastiCache::ReplicationGroup", `"CacheNodeType": "cache.r7g.large"`, []string{"X: cache.r7g.large: 730 hour * 0.5 = 365.0000"}},
		{"AWS::ElastiCache::ReplicationGroup", `"Engine": "other"`, []string{"X: cache engine other: NOT PRICED"}},
		{"AWS::AmazonMQ::Broker", `"EngineType": "RabbitMQ", "DeploymentMode": "CLUSTER_MULTI_AZ", "HostInstanceType": "mq.m7g.large"`, []string{
			"X: mq.m7g.large: 2190 hour * 0.3 = 657.0000", "X: storage: 15 GB * 0.1 = 1.5000",
		}},
		{"AWS::AmazonMQ::Broker", `"EngineType": "RABBITMQ", "DeploymentMode": "SINGLE_INSTANCE", "HostInstanceType": "mq.m7g.large"`, []string{
			"X: mq.m7g.large: 730 hour * 0.3 = 219.0000", "X: storage: 5 GB * 0.1 = 0.5000",
		}},
		{"AWS::AmazonMQ::Broker", `"EngineType": "ACTIVEMQ", "DeploymentMode": "SINGLE_INSTANCE"`, []string{"X: broker ACTIVEMQ SINGLE_INSTANCE: NOT PRICED"}},
		{"AWS::EC2::NatGateway", ``, []string{"X: NAT gateway: 730 hour * 0.05 = 36.5000", "X: NAT data: 10 GB * 0.04 = 0.4000"}},
		{"AWS::EC2::EIP", ``, []string{"X: public IPv4 address: 730 hour * 0.005 = 3.6500"}},
		{"AWS::EC2::VPCEndpoint", `"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]`, []string{"X: interface endpoint: 2190 hour * 0.01 = 21.9000"}},
		{"AWS::EC2::VPCEndpoint", `"VpcEndpointType": "Gateway", "RouteTableIds": ["a"]`, nil},
		{"AWS::EC2::VPCEndpoint", `"VpcEndpointType": "GatewayLoadBalancer"`, []string{"X: VPC endpoint of type GatewayLoadBalancer: NOT PRICED"}},
		{"AWS::EC2::FlowLog", `"LogDestinationType": "s3"`, []string{"X: delivered logs: 1 GB * 0.2 = 0.2000"}},
		{"AWS::EC2::FlowLog", `"LogDestinationType": "cloud-watch-logs"`, nil},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", `"Subnets": ["a", "b"]`, []string{
			"X: load balancer: 730 hour * 0.02 = 14.6000", "X: capacity: 730 LCU-hour * 0.01 = 7.3000", "X: public IPv4 addresses: 1460 hour * 0.005 = 7.3000",
		}},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", `"Scheme": "internal", "Subnets": ["a", "b"], "MinimumLoadBalancerCapacity": {"CapacityUnits": 100}`, []string{
			"X: load balancer: 730 hour * 0.02 = 14.6000", "X: capacity: 73000 LCU-hour * 0.01 = 730.0000",
		}},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", `"Type": "network"`, []string{"X: load balancer of type network: NOT PRICED"}},
		{"AWS::CloudFront::Distribution", ``, []string{"X: requests: 1 million * 1.5 = 1.5000", "X: data to clients: 10 GB * 0.1 = 1.0000"}},
		{"AWS::CloudFront::Function", ``, []string{"X: invocations: 1 million * 0.2 = 0.2000"}},
		{
			"AWS::WAFv2::WebACL", `"Rules": [{"Statement": {"ManagedRuleGroupStatement": {"Name": "AWSManagedRulesCommonRuleSet"}}}, {"Statement": {"ManagedRuleGroupStatement": {"Name": "AWSManagedRulesBotControlRuleSet"}}}, {"Statement": {"RateBasedStatement": {"Limit": 100}}}]`,
			[]string{
				"X: web ACL: 1 month * 5 = 5.0000", "X: rules: 3 rule * 1 = 3.0000", "X: requests: 1 million * 0.6 = 0.6000",
				"X: AWSManagedRulesBotControlRuleSet: 1 month * 10 = 10.0000",
			},
		},
		{"AWS::Route53::HostedZone", ``, []string{"X: hosted zone: 1 month * 0.5 = 0.5000"}},
		{"AWS::Route53::HealthCheck", ``, []string{"X: health check: 1 month * 0.75 = 0.7500"}},
		{"AWS::Route53::RecordSet", `"Type": "CNAME"`, []string{"X: queries: 1 million * 0.4 = 0.4000"}},
		{"AWS::Route53::RecordSet", `"AliasTarget": {"DNSName": "x"}`, nil},
		// 43,200 times 0.3 s at 256 MB, and at the default of 128 MB.
		{"AWS::Lambda::Function", `"MemorySize": 256, "Architectures": ["arm64"]`, []string{
			"X: requests: 0.0432 million * 0.2 = 0.0086", "X: 256 MB arm64: 3240 GB-second * 1e-05 = 0.0324",
		}},
		{"AWS::Lambda::Function", ``, []string{"X: requests: 0.0432 million * 0.2 = 0.0086", "X: 128 MB x86_64: 1620 GB-second * 2e-05 = 0.0324"}},
		{"AWS::Lambda::Alias", ``, nil},
		{"AWS::Lambda::Alias", `"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}`, []string{"X: provisioned concurrency: NOT PRICED"}},
		{"AWS::Scheduler::Schedule", ``, []string{"X: invocations: 0.0432 million * 1 = 0.0432"}},
		{"AWS::SQS::Queue", ``, []string{"X: requests: 1 million * 0.4 = 0.4000"}},
		{"AWS::SQS::Queue", `"FifoQueue": true`, []string{"X: requests: 1 million * 0.5 = 0.5000"}},
		{"AWS::SNS::Topic", ``, []string{"X: messages: 0.001 million * 0.5 = 0.0005"}},
		{"AWS::S3::Bucket", ``, []string{"X: storage: 10 GB * 0.02 = 0.2000"}},
		{"AWS::KMS::Key", ``, []string{"X: key: 1 month * 1 = 1.0000"}},
		{"AWS::SecretsManager::Secret", ``, []string{"X: secret: 1 month * 0.4 = 0.4000"}},
		{"AWS::Logs::LogGroup", ``, []string{"X: logs: 1 GB * 0.6 = 0.6000"}},
		{"AWS::Logs::LogGroup", `"LogGroupClass": "INFREQUENT_ACCESS"`, []string{"X: logs, infrequent access: 1 GB * 0.4 = 0.4000"}},
		{"AWS::Logs::LogGroup", `"LogGroupClass": "DELIVERY"`, []string{"X: log group of class DELIVERY: NOT PRICED"}},
		{"AWS::Logs::Delivery", ``, []string{"X: delivered logs: 1 GB * 0.2 = 0.2000"}},
		{
			"AWS::Logs::MetricFilter", `"MetricTransformations": [{"MetricNamespace": "Ours", "MetricName": "A"}, {"MetricNamespace": "Ours", "MetricName": "B"}]`,
			[]string{"(custom metrics): metrics: 2 metric * 0.3 = 0.6000"},
		},
		{"AWS::CloudWatch::Dashboard", ``, []string{"X: dashboard: 1 month * 3 = 3.0000"}},
		{"AWS::CloudWatch::CompositeAlarm", ``, []string{"X: composite alarm: 1 month * 0.5 = 0.5000"}},
		{"AWS::CloudWatch::Alarm", `"Namespace": "AWS/SQS", "MetricName": "A", "Period": 60`, []string{"X: alarm: 1 metric * 0.1 = 0.1000"}},
		{"AWS::CloudWatch::Alarm", `"Namespace": "AWS/SQS", "MetricName": "A", "Period": 10`, []string{"X: high-resolution alarm: 1 metric * 0.35 = 0.3500"}},
		{
			"AWS::CloudWatch::Alarm", `"Metrics": [{"Id": "e", "Expression": "100*a/b"}, {"Id": "a", "MetricStat": {"Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "A"}, "Period": 60}}, {"Id": "b", "MetricStat": {"Metric": {"Namespace": "Ours", "MetricName": "B"}, "Period": 60}}]`,
			[]string{"(custom metrics): metrics: 1 metric * 0.3 = 0.3000", "X: alarm: 2 metric * 0.1 = 0.2000"},
		},
		{
			"AWS::CloudWatch::Alarm", `"Metrics": [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(a, 3)"}, {"Id": "a", "MetricStat": {"Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "A"}, "Period": 60}}]`,
			[]string{"X: anomaly alarm: 1 metric * 0.25 = 0.2500"},
		},
		{"AWS::CloudWatch::Alarm", `"Metrics": [{"Id": "q", "Expression": "SELECT MAX(X) FROM \"AWS/EC2\""}]`, []string{"X: alarm: 1 metric * 0.1 = 0.1000"}},
		{"AWS::ElastiCache::ReplicationGroup", `"CacheNodeType": "cache.r7g.large", "NumCacheClusters": {"Ref": "N"}`, []string{
			"X: cache.r7g.large: how much of it is not in the template: NOT PRICED",
		}},
	} {
		t.Run(test.resourceType, func(t *testing.T) {
			check(t, estimate(t, `"X": {"Type": "`+test.resourceType+`", "Properties": {`+test.properties+`}}`), test.want...)
		})
	}
}
