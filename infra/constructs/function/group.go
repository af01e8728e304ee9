package function

import cdk "github.com/aws/aws-cdk-go/awscdk/v2"

// GroupARNs are those of Auto Scaling groups, made of their names: the groups are made after
// the functions. Whoever uses them acknowledges AnyGroupID.
func GroupARNs(stack cdk.Stack, groups []string) *[]*string {
	list := make([]*string, len(groups))
	for i, name := range groups {
		list[i] = stack.FormatArn(&cdk.ArnComponents{
			Service:      new("autoscaling"),
			Resource:     new("autoScalingGroup"),
			ResourceName: new("*:autoScalingGroupName/" + name),
			ArnFormat:    cdk.ArnFormat_COLON_RESOURCE_NAME,
		})
	}
	return &list
}

// AnyGroupID is why there is a * in GroupARNs.
const AnyGroupID = "The * stands for the id that AWS gives a group when it is made; the groups' names, which are unique in a region, are written out."
