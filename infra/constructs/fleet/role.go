package fleet

import (
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	logs "github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// LogGroupName is the log group that a fleet's instances write to.
func LogGroupName(env *spec.Environment, fleet string) string {
	return "/" + env.App + "/" + env.Name + "/" + fleet
}

// instanceRole is what instances may do: be reached through Session Manager in place of SSH,
// write their log, read their secrets, and fill their buckets.
func instanceRole(this constructs.Construct, props Props) iam.Role {
	env := props.Environment
	group := logs.NewCfnLogGroup(this, new("LogGroup"), &logs.CfnLogGroupProps{
		LogGroupName:    new(LogGroupName(env, props.Name)),
		RetentionInDays: jsii.Number(env.AWS.LogRetentionDays),
	})
	group.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)
	role := iam.NewRole(this, new("Role"), &iam.RoleProps{
		AssumedBy:   iam.NewServicePrincipal(new("ec2.amazonaws.com"), nil),
		Description: new("instances of fleet " + props.Name),
	})
	// What the managed policy AmazonSSMManagedInstanceCore allows and Session Manager needs,
	// without its right to read every parameter.
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
	role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Sid: new("SessionManager"),
		Actions: jsii.Strings("ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
			"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
		Resources: jsii.Strings("*"),
	}))
	nag.Acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "Session Manager's calls of an instance know no resource; AWS's own policy has the same star.")
	role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
		Sid:     new("Log"),
		Actions: jsii.Strings("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
		// The name, not the ARN's attribute, so that the star is seen to be one of streams.
		Resources: jsii.Strings("arn:" + *cdk.Aws_PARTITION() + ":logs:" + *cdk.Aws_REGION() + ":" + *cdk.Aws_ACCOUNT_ID() +
			":log-group:" + LogGroupName(env, props.Name) + ":*"),
	}))
	nag.Acknowledge(role, "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:"+LogGroupName(env, props.Name)+":*]",
		"The streams of one log group; an instance makes its own.")
	if props.Hook != nil {
		// An instance that knows itself done need not wait to be asked.
		role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid:     new("Lifecycle"),
			Actions: jsii.Strings("autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"),
			Resources: jsii.Strings("arn:" + *cdk.Aws_PARTITION() + ":autoscaling:" + *cdk.Aws_REGION() + ":" + *cdk.Aws_ACCOUNT_ID() +
				":autoScalingGroup:*:autoScalingGroupName/" + env.ResourceName(props.Name)),
		}))
		nag.Acknowledge(role, "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:autoscaling:<AWS::Region>:<AWS::AccountId>:autoScalingGroup:*:autoScalingGroupName/"+env.ResourceName(props.Name)+"]",
			"The star stands for the id that AWS gives the group of that one name.")
	}
	if bucket, ok := strings.CutPrefix(props.Release, "s3://"); ok {
		role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid: new("Release"), Actions: jsii.Strings("s3:GetObject"), Resources: jsii.Strings("arn:" + *cdk.Aws_PARTITION() + ":s3:::" + bucket),
		}))
	}
	if len(props.Secrets) > 0 {
		role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid: new("Secrets"), Actions: jsii.Strings("secretsmanager:GetSecretValue"), Resources: convert.Strings(props.Secrets),
		}))
	}
	for _, bucket := range props.Buckets {
		role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Actions: jsii.Strings("s3:ListBucket"), Resources: jsii.Strings(bucket),
		}))
		role.AddToPolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Actions: jsii.Strings("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), Resources: jsii.Strings(bucket + "/*"),
		}))
		nag.Acknowledge(role, "AwsSolutions-IAM5[Resource::"+bucket+"/*]", "The files of one bucket, which the application names as it likes.")
	}
	return role
}
