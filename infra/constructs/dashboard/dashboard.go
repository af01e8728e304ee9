// Package dashboard is the one page to look at: what clients notice on top, then where it
// comes from. Lines across the graphs are the alarms' thresholds.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html
package dashboard

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	cw "github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/spec"
)

// Name is the dashboard's, as given to env.ResourceName.
const Name = "overview"

// Props say what to show.
type Props struct {
	Environment *spec.Environment
	// Subjects are those of the alarms of all regions: a dashboard shows metrics of any.
	Subjects alarm.Subjects
	// AlarmARNs are the alarms to show the state of, the most important first.
	AlarmARNs []string
}

// Dashboard is the environment's dashboard.
type Dashboard struct {
	Name string
}

// New makes the dashboard.
func New(scope constructs.Construct, id string, props Props) *Dashboard {
	within := constructs.NewConstruct(scope, &id)
	name := props.Environment.ResourceName(Name)
	region := *cdk.Stack_Of(within).Region()
	cw.NewCfnDashboard(within, new("Resource"), &cw.CfnDashboardProps{
		DashboardName: &name,
		DashboardBody: new(Body(props.Environment, props.Subjects, region, props.AlarmARNs)),
	})
	return &Dashboard{Name: name}
}
