package cost

import (
	"slices"
	"strings"
)

// free tells whether resources of the type cost nothing by themselves. What they configure may:
// its line is then that of the instance, function or log group.
func free(resourceType string) bool {
	if strings.HasPrefix(resourceType, "Custom::") {
		return true // the function behind it costs, and is in the template
	}
	return slices.Contains(freeTypes, resourceType)
}

// freeTypes are those that no bill names.
var freeTypes = []string{
	"AWS::AmazonMQ::Configuration",
	"AWS::AmazonMQ::ConfigurationAssociation",
	"AWS::AutoScaling::LifecycleHook",
	"AWS::AutoScaling::ScalingPolicy",
	"AWS::AutoScaling::ScheduledAction",
	"AWS::CDK::Metadata",
	"AWS::CertificateManager::Certificate",
	"AWS::Chatbot::SlackChannelConfiguration",
	"AWS::CloudFormation::CustomResource",
	"AWS::CloudFormation::WaitConditionHandle",
	"AWS::CloudFront::CachePolicy",
	"AWS::CloudFront::MonitoringSubscription",
	"AWS::CloudFront::OriginAccessControl",
	"AWS::CloudFront::OriginRequestPolicy",
	"AWS::CloudFront::ResponseHeadersPolicy",
	"AWS::CloudFront::VpcOrigin",
	"AWS::CloudWatch::AnomalyDetector",
	"AWS::EC2::InternetGateway",
	"AWS::EC2::LaunchTemplate",
	"AWS::EC2::NetworkAcl",
	"AWS::EC2::NetworkAclEntry",
	"AWS::EC2::PrefixList",
	"AWS::EC2::Route",
	"AWS::EC2::RouteTable",
	"AWS::EC2::SecurityGroup",
	"AWS::EC2::SecurityGroupEgress",
	"AWS::EC2::SecurityGroupIngress",
	"AWS::EC2::Subnet",
	"AWS::EC2::SubnetNetworkAclAssociation",
	"AWS::EC2::SubnetRouteTableAssociation",
	"AWS::EC2::VPC",
	"AWS::EC2::VPCGatewayAttachment",
	"AWS::ElastiCache::ParameterGroup",
	"AWS::ElastiCache::SubnetGroup",
	"AWS::ElastiCache::User",
	"AWS::ElastiCache::UserGroup",
	"AWS::ElasticLoadBalancingV2::Listener",
	"AWS::ElasticLoadBalancingV2::ListenerCertificate",
	"AWS::ElasticLoadBalancingV2::ListenerRule",
	"AWS::ElasticLoadBalancingV2::TargetGroup",
	"AWS::Events::Rule", // events of AWS services are free
	"AWS::IAM::InstanceProfile",
	"AWS::IAM::ManagedPolicy",
	"AWS::IAM::Policy",
	"AWS::IAM::Role",
	"AWS::IAM::ServiceLinkedRole",
	"AWS::KMS::Alias",
	"AWS::Lambda::EventInvokeConfig",
	"AWS::Lambda::EventSourceMapping",
	"AWS::Lambda::Permission",
	"AWS::Lambda::Version",
	"AWS::Logs::DeliveryDestination",
	"AWS::Logs::DeliverySource",
	"AWS::Logs::QueryDefinition",
	"AWS::Logs::ResourcePolicy",
	"AWS::RDS::DBParameterGroup",
	"AWS::RDS::DBProxyTargetGroup",
	"AWS::RDS::DBSubnetGroup",
	"AWS::S3::BucketPolicy",
	"AWS::SNS::Subscription",
	"AWS::SNS::TopicPolicy",
	"AWS::SQS::QueuePolicy",
	"AWS::SSM::Parameter",
	"AWS::Scheduler::ScheduleGroup",
	"AWS::SecretsManager::ResourcePolicy",
	"AWS::SecretsManager::RotationSchedule",
	"AWS::SecretsManager::SecretTargetAttachment",
	"AWS::WAFv2::IPSet",
	"AWS::WAFv2::LoggingConfiguration",
	"AWS::WAFv2::RegexPatternSet",
	"AWS::WAFv2::WebACLAssociation",
}
