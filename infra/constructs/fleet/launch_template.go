package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	ec2 "github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// template is a launch template and the version that a group takes of it.
type template struct{ id, version string }

// imageParameter is the public parameter of the newest Amazon Linux 2023. EC2 looks it up when
// an instance starts, so that new instances have its fixes without a deploy.
//
// https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
const imageParameter = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"

// rootDevice is Amazon Linux's.
const rootDevice = "/dev/xvda"

// hopLimit lets containers on the instance reach its metadata and nothing beyond do so.
const hopLimit = 2

func launchTemplate(this constructs.Construct, props Props, role iam.Role) template {
	env, f := props.Environment, props.Environment.Fleets[props.Name]
	profile := iam.NewCfnInstanceProfile(this, new("InstanceProfile"), &iam.CfnInstanceProfileProps{
		Roles: convert.References([]string{*role.RoleName()}),
	})
	image := f.AMI
	if image == "" {
		image = imageParameter + f.Architecture()
	}
	tags := convert.List(
		&cdk.CfnTag{Key: new("Name"), Value: new(env.ResourceName(props.Name))},
		&cdk.CfnTag{Key: new(spec.TagApp), Value: &env.App},
		&cdk.CfnTag{Key: new(spec.TagEnvironment), Value: &env.Name},
	)
	for _, key := range slices.Sorted(maps.Keys(env.AWS.Tags)) {
		*tags = append(*tags, &cdk.CfnTag{Key: &key, Value: new(env.AWS.Tags[key])})
	}
	made := ec2.NewCfnLaunchTemplate(this, new("LaunchTemplate"), &ec2.CfnLaunchTemplateProps{
		LaunchTemplateName: new(env.ResourceName(props.Name)),
		VersionDescription: new("fleet " + props.Name + " of " + env.App + " " + env.Name),
		LaunchTemplateData: &ec2.CfnLaunchTemplate_LaunchTemplateDataProperty{
			ImageId:            &image,
			InstanceType:       &f.InstanceType,
			SecurityGroupIds:   convert.Strings([]string{props.SecurityGroup}),
			IamInstanceProfile: &ec2.CfnLaunchTemplate_IamInstanceProfileProperty{Arn: profile.AttrArn()},
			UserData:           userData(props),
			Monitoring:         &ec2.CfnLaunchTemplate_MonitoringProperty{Enabled: new(true)},
			MetadataOptions: &ec2.CfnLaunchTemplate_MetadataOptionsProperty{
				HttpEndpoint:            new("enabled"),
				HttpTokens:              new("required"),
				HttpPutResponseHopLimit: jsii.Number(hopLimit),
			},
			BlockDeviceMappings: convert.Union(&ec2.CfnLaunchTemplate_BlockDeviceMappingProperty{
				DeviceName: new(rootDevice),
				Ebs: &ec2.CfnLaunchTemplate_EbsProperty{
					VolumeType: new("gp3"), VolumeSize: jsii.Number(f.VolumeSize), Encrypted: new(true), DeleteOnTermination: new(true),
				},
			}),
			TagSpecifications: convert.Union(
				&ec2.CfnLaunchTemplate_TagSpecificationProperty{ResourceType: new("instance"), Tags: tags},
				&ec2.CfnLaunchTemplate_TagSpecificationProperty{ResourceType: new("volume"), Tags: tags},
			),
		},
	})
	if f.AMI == "" {
		nag.Acknowledge(made, "CloudFormation-Validate::E1152", "EC2 resolves a public parameter in place of an image's id whenever an instance starts.")
	}
	return template{id: *made.Ref(), version: *made.AttrLatestVersionNumber()}
}

// userData writes the variables to a file and then runs the script.
func userData(props Props) *string {
	if props.UserData == "" && len(props.Variables) == 0 {
		return nil
	}
	interpreter, script := "#!/bin/bash", props.UserData
	if first, rest, ok := strings.Cut(script, "\n"); ok && strings.HasPrefix(first, "#!") {
		interpreter, script = first, rest
	}
	var text strings.Builder
	file := "/etc/" + props.Environment.App + ".env"
	fmt.Fprintf(&text, "%s\ninstall -m 0640 /dev/null %s\ncat >%s <<'END_OF_VARIABLES'\n", interpreter, file, file)
	for _, name := range slices.Sorted(maps.Keys(props.Variables)) {
		fmt.Fprintf(&text, "%s=%s\n", name, props.Variables[name])
	}
	fmt.Fprintf(&text, "END_OF_VARIABLES\n%s", script)
	return cdk.Fn_Base64(new(text.String()))
}
