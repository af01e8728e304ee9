package network

import (
	"net/netip"
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	ec2 "github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	logs "github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

type interfaceService struct{ id, service string }

// interfaceServices are what is called from within the network: by functions the first three,
// by instances their secrets, Session Manager and the log.
//
// https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
var interfaceServices = []interfaceService{
	{"LoadBalancing", "elasticloadbalancing"},
	{"AutoScaling", "autoscaling"},
	{"EC2", "ec2"},
	{"SecretsManager", "secretsmanager"},
	{"SSM", "ssm"},
	{"SSMMessages", "ssmmessages"},
	{"Logs", "logs"},
}

// gatewayEndpoint keeps what goes to S3, such as packages of Amazon Linux and logs, off the
// NAT gateways; it costs nothing.
func (n *Network) gatewayEndpoint(this constructs.Construct, tables []ec2.CfnRouteTable) {
	ids := make([]string, len(tables))
	for i, t := range tables {
		ids[i] = *t.Ref()
	}
	ec2.NewCfnVPCEndpoint(this, new("S3Endpoint"), &ec2.CfnVPCEndpointProps{
		VpcId:           &n.ID,
		VpcEndpointType: new("Gateway"),
		ServiceName:     cdk.Fn_Sub(new("com.amazonaws.${AWS::Region}.s3"), nil),
		RouteTableIds:   convert.References(ids),
	})
}

func (n *Network) interfaceEndpoints(this constructs.Construct, props Props) {
	env := props.Environment
	services := interfaceServices
	if props.Queues {
		services = append(slices.Clip(services), interfaceService{"SQS", "sqs"})
	}
	for _, s := range services {
		ec2.NewCfnVPCEndpoint(this, new(s.id+"Endpoint"), &ec2.CfnVPCEndpointProps{
			VpcId:             &n.ID,
			VpcEndpointType:   new("Interface"),
			ServiceName:       cdk.Fn_Sub(new("com.amazonaws.${AWS::Region}."+s.service), nil),
			SubnetIds:         convert.References(n.PrivateSubnets),
			SecurityGroupIds:  convert.References([]string{n.Groups.Endpoints}),
			PrivateDnsEnabled: new(true),
			Tags:              name(env.ResourceName(s.service)),
		})
	}
}

// flowLog records what the network refuses and accepts.
//
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html
func flowLog(this constructs.Construct, env *spec.Environment, vpc string) {
	group := logs.NewCfnLogGroup(this, new("FlowLogGroup"), &logs.CfnLogGroupProps{
		LogGroupName:    new("/" + env.App + "/" + env.Name + "/flow-log"),
		RetentionInDays: jsii.Number(env.AWS.LogRetentionDays),
	})
	group.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)
	role := iam.NewRole(this, new("FlowLogRole"), &iam.RoleProps{
		Description: new("lets VPC flow logs write to their log group"),
		AssumedBy: iam.NewServicePrincipal(new("vpc-flow-logs.amazonaws.com"), &iam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": cdk.Aws_ACCOUNT_ID()}},
		}),
	})
	role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions:   jsii.Strings("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
		Resources: convert.List(group.AttrArn()),
	}))
	ec2.NewCfnFlowLog(this, new("FlowLog"), &ec2.CfnFlowLogProps{
		ResourceId:               &vpc,
		ResourceType:             new("VPC"),
		TrafficType:              new("ALL"),
		LogDestinationType:       new("cloud-watch-logs"),
		LogGroupName:             group.Ref(),
		DeliverLogsPermissionArn: role.RoleArn(),
		MaxAggregationInterval:   jsii.Number(600),
	})
}

// prefix is how many bits of a block are fixed. The file has been checked to have a block.
func prefix(block string) int { return netip.MustParsePrefix(block).Bits() }
