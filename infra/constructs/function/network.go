package function

import (
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	lambda "github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
)

// Actions by which Lambda keeps network interfaces in the VPC, with the function's role.
// They are those of the managed policy AWSLambdaVPCAccessExecutionRole.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
var (
	interfaceChanges = []string{
		"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface",
		"ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses",
	}
	interfaceReads = []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"}
)

// joinNetwork puts the function into subnets. What Lambda may do there with the function's
// role, the function's own code may not.
func (f *Function) joinNetwork(this constructs.Construct, resource lambda.CfnFunction, network *Network) {
	stack := cdk.Stack_Of(this)
	changes := f.Allow("NetworkInterfaces", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Actions: jsii.Strings(interfaceChanges...),
		Resources: convert.List(stack.FormatArn(&cdk.ArnComponents{
			Service: new("ec2"), Resource: new("*"), ResourceName: new("*"),
		})),
	}))
	nag.Acknowledge(changes, "AwsSolutions-IAM5", "Lambda needs these on interfaces that it has yet to make, so AWS tells to name the region and account and no more; the function's own code is denied them.")
	f.Describe("DescribeNetwork", "EC2", interfaceReads...)
	f.Allow("OwnCode", iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Effect:    iam.Effect_DENY,
		Actions:   jsii.Strings(slices.Concat(interfaceChanges, interfaceReads)...),
		Resources: jsii.Strings("*"),
		Conditions: &map[string]any{"ArnEquals": map[string]any{
			// Made of the name: the function's attribute would make it and its role need each other.
			"lambda:SourceFunctionArn": stack.FormatArn(&cdk.ArnComponents{
				Service: new("lambda"), Resource: new("function"), ResourceName: &f.Name,
				ArnFormat: cdk.ArnFormat_COLON_RESOURCE_NAME,
			}),
		}},
	}))
	resource.SetVpcConfig(&lambda.CfnFunction_VpcConfigProperty{
		SubnetIds:        convert.Strings(network.Subnets),
		SecurityGroupIds: jsii.Strings(network.SecurityGroup),
	})
}
