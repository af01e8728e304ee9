package fleet

import (
	"fmt"
	"strings"

	asg "github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// scale makes a target-tracking policy of each target that the file sets. With several, the
// group grows when any of them says so and shrinks when all do.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
func scale(this constructs.Construct, props Props, f *spec.Fleet, group string) {
	if target := f.Scaling.CPUUtilization; target > 0 {
		track(this, "ScaleOnCPU", group, &asg.CfnScalingPolicy_TargetTrackingConfigurationProperty{
			TargetValue: jsii.Number(target),
			PredefinedMetricSpecification: &asg.CfnScalingPolicy_PredefinedMetricSpecificationProperty{
				PredefinedMetricType: new("ASGAverageCPUUtilization"),
			},
		})
	}
	if target := f.Scaling.RequestCountPerTarget; target > 0 {
		for i, g := range props.TargetGroups {
			if !g.InUse {
				continue
			}
			id := "ScaleOnRequests"
			if i > 0 {
				id = fmt.Sprintf("ScaleOnRequests%d", i+1)
			}
			track(this, id, group, &asg.CfnScalingPolicy_TargetTrackingConfigurationProperty{
				TargetValue: jsii.Number(target),
				PredefinedMetricSpecification: &asg.CfnScalingPolicy_PredefinedMetricSpecificationProperty{
					PredefinedMetricType: new("ALBRequestCountPerTarget"),
					ResourceLabel:        new(props.LoadBalancer + "/" + g.FullName),
				},
			})
		}
	}
	if target := f.Scaling.QueueDepth; target > 0 {
		track(this, "ScaleOnQueues", group, &asg.CfnScalingPolicy_TargetTrackingConfigurationProperty{
			TargetValue:                   jsii.Number(target),
			CustomizedMetricSpecification: &asg.CfnScalingPolicy_CustomizedMetricSpecificationProperty{Metrics: queueDepth(props, f)},
		})
	}
}

func track(this constructs.Construct, id, group string, tracking *asg.CfnScalingPolicy_TargetTrackingConfigurationProperty) {
	asg.NewCfnScalingPolicy(this, &id, &asg.CfnScalingPolicyProps{
		AutoScalingGroupName:        group,
		PolicyType:                  new("TargetTrackingScaling"),
		TargetTrackingConfiguration: tracking,
	})
}

// queueDepth is the tasks that wait in the fullest of the fleet's queues, for each instance
// in service. A fleet of no instances counts as one, so that it comes to life again.
//
// https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/rabbitmq-logging-monitoring.html
func queueDepth(props Props, f *spec.Fleet) any {
	var queries []*asg.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty
	var ids []string
	for i, queue := range f.Queues {
		id := fmt.Sprintf("queue%d", i)
		ids = append(ids, id)
		queries = append(queries, &asg.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id: &id, Label: &queue, ReturnData: new(false),
			MetricStat: &asg.CfnScalingPolicy_TargetTrackingMetricStatProperty{Stat: new("Maximum"), Metric: &asg.CfnScalingPolicy_MetricProperty{
				Namespace: new("AWS/AmazonMQ"), MetricName: new("MessageReadyCount"),
				Dimensions: convert.Union(
					&asg.CfnScalingPolicy_MetricDimensionProperty{Name: new("Broker"), Value: &props.BrokerName},
					&asg.CfnScalingPolicy_MetricDimensionProperty{Name: new("VirtualHost"), Value: new("/")},
					&asg.CfnScalingPolicy_MetricDimensionProperty{Name: new("Queue"), Value: &queue},
				),
			}},
		})
	}
	queries = append(queries,
		&asg.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id: new("instances"), Label: new("instances in service"), ReturnData: new(false),
			MetricStat: &asg.CfnScalingPolicy_TargetTrackingMetricStatProperty{Stat: new("Average"), Metric: &asg.CfnScalingPolicy_MetricProperty{
				Namespace: new("AWS/AutoScaling"), MetricName: new("GroupInServiceInstances"),
				Dimensions: convert.Union(&asg.CfnScalingPolicy_MetricDimensionProperty{
					Name: new("AutoScalingGroupName"), Value: new(props.Environment.ResourceName(props.Name)),
				}),
			}},
		},
		&asg.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id: new("depth"), Label: new("tasks waiting per instance"), ReturnData: new(true),
			Expression: new("MAX([" + strings.Join(ids, ", ") + "]) / IF(instances > 0, instances, 1)"),
		})
	return convert.Union(queries...)
}
