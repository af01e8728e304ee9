package alarm

import (
	"strconv"
	"strings"

	cw "github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Props say what to watch and whom to tell.
type Props struct {
	Environment *spec.Environment
	Subjects    Subjects
	// TopicARN is told of every change of state; see NewTopic.
	TopicARN string
}

// Alarms are the alarms of a stack.
type Alarms struct {
	// Inventory is what they were made of.
	Inventory []Alarm
	// ServiceDown is the name of the composite alarm. Empty: there is none.
	ServiceDown string
	// ARNs are those of all alarms: the composite one, if there is one, then in the order of
	// Inventory.
	ARNs []string
}

// New makes the alarms of what exists.
func New(scope constructs.Construct, id string, props Props) *Alarms {
	alarms := &Alarms{Inventory: Inventory(props.Environment, props.Subjects)}
	within := constructs.NewConstruct(scope, &id)
	tell := &[]any{props.TopicARN}
	made := map[string]cw.CfnAlarm{}
	for i := range alarms.Inventory {
		a := &alarms.Inventory[i]
		made[a.Name] = newAlarm(within, a, tell)
		alarms.ARNs = append(alarms.ARNs, *made[a.Name].AttrArn())
	}
	if composite := ServiceDownOf(props.Environment, alarms.Inventory); composite != nil {
		alarms.ServiceDown = composite.Name
		alarms.ARNs = append([]string{newComposite(within, composite, made, tell)}, alarms.ARNs...)
	}
	return alarms
}

func newAlarm(scope constructs.Construct, a *Alarm, tell *[]any) cw.CfnAlarm {
	logicalID := a.Kind.Name
	if a.Subject != "" {
		logicalID += "-" + a.Subject
	}
	props := &cw.CfnAlarmProps{
		AlarmName:          &a.Name,
		AlarmDescription:   new(a.Description()),
		AlarmActions:       tell,
		OkActions:          tell,
		ComparisonOperator: new(string(a.Kind.Comparison)),
		EvaluationPeriods:  jsii.Number(a.Window.Periods),
		DatapointsToAlarm:  jsii.Number(a.Window.Datapoints),
		TreatMissingData:   new(string(a.Kind.Missing)),
	}
	if a.Kind.Missing == Insufficient {
		props.InsufficientDataActions = tell
	}
	if a.Band == 0 {
		props.Threshold = &a.Threshold
	}
	if a.Band == 0 && len(a.Formulas) == 0 {
		single(props, a)
	} else {
		props.Metrics = convert.Union(queries(props, a)...)
	}
	return cw.NewCfnAlarm(scope, &logicalID, props)
}

// single fills in an alarm on one metric as it is.
func single(props *cw.CfnAlarmProps, a *Alarm) {
	m := a.Metrics[0]
	props.Namespace, props.MetricName, props.Period = &m.Namespace, &m.Name, convert.Seconds(a.Window.Period)
	props.Dimensions = dimensions(&m)
	if !strings.HasPrefix(m.Statistic, "p") {
		props.Statistic = &m.Statistic
		return
	}
	props.ExtendedStatistic = &m.Statistic
	// A percentile of a handful of requests is the time of one of them.
	props.EvaluateLowSampleCountPercentile = new("ignore")
}

func dimensions(m *Metric) any {
	list := make([]*cw.CfnAlarm_DimensionProperty, len(m.Dimensions))
	for i := range m.Dimensions {
		list[i] = &cw.CfnAlarm_DimensionProperty{Name: &m.Dimensions[i].Name, Value: &m.Dimensions[i].Value}
	}
	return convert.Union(list...)
}

// queries are the metrics and formulas of an alarm. Only the last is compared, except that
// the band of what is usual is compared with its metric.
func queries(props *cw.CfnAlarmProps, a *Alarm) []*cw.CfnAlarm_MetricDataQueryProperty {
	const measured, band = "measured", "band"
	formulas := a.Formulas
	if a.Band > 0 {
		formulas = []Formula{{band, "ANOMALY_DETECTION_BAND(" + measured + ", " + strconv.FormatFloat(a.Band, 'f', -1, 64) + ")"}}
		props.ThresholdMetricId = new(band)
	}
	var list []*cw.CfnAlarm_MetricDataQueryProperty
	for i := range a.Metrics {
		m := &a.Metrics[i]
		id := m.ID
		if a.Band > 0 {
			id = measured
		}
		list = append(list, &cw.CfnAlarm_MetricDataQueryProperty{
			Id: &id,
			MetricStat: &cw.CfnAlarm_MetricStatProperty{
				Metric: &cw.CfnAlarm_MetricProperty{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dimensions(m)},
				Period: convert.Seconds(a.Window.Period), Stat: &m.Statistic,
			},
			ReturnData: new(a.Band > 0),
		})
	}
	for i := range formulas {
		list = append(list, &cw.CfnAlarm_MetricDataQueryProperty{
			Id: &formulas[i].ID, Expression: &formulas[i].Expression, Label: &formulas[i].ID,
			ReturnData: new(i == len(formulas)-1),
		})
	}
	return list
}

// newComposite makes the composite alarm and returns its ARN.
func newComposite(scope constructs.Construct, c *Composite, made map[string]cw.CfnAlarm, tell *[]any) string {
	props := &cw.CfnCompositeAlarmProps{
		AlarmName:        &c.Name,
		AlarmDescription: new(c.Description()),
		AlarmRule:        new(c.Rule()),
		AlarmActions:     tell,
		OkActions:        tell,
	}
	composite := cw.NewCfnCompositeAlarm(scope, &c.Kind.Name, props)
	// The rule names its alarms, which CloudFormation does not see as references.
	for _, name := range c.Children {
		composite.AddResourceDependency(made[name], nil)
	}
	return *composite.AttrArn()
}
