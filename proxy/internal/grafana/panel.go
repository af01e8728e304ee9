package grafana

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/evenkeel/evenkeel/spec"
)

// Labels by which series are summed up, and legends that name them.
const (
	instance     = "instance"
	groupLegend  = "{{target_group}}"
	targetLegend = "{{target_group}} {{target}}"
	// height, half and third are a panel's size on a grid of 24 columns.
	height = 8
	half   = 12
	third  = 8
)

var (
	byGroup  = spec.DimensionTargetGroup.Prometheus
	byTarget = byGroup + ", " + spec.DimensionTarget.Prometheus
)

// source is the data source that the reader chose.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: new("prometheus"), Uid: new("${" + sourceVariable + "}")}
}

// panel is a graph of lines.
type panel struct {
	*timeseries.PanelBuilder
	width uint32
	lines int
}

func graph(title, unit, description string) *panel {
	return &panel{
		PanelBuilder: timeseries.NewPanelBuilder().Title(title).Description(description).Datasource(source()).
			Unit(unit).Min(0).Height(height).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
			Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
			Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)),
		width: half,
	}
}

// narrow makes the panel one of three in a row.
func (p *panel) narrow() *panel { p.width = third; return p }

// across draws an alarm's threshold; 0 is none.
func (p *panel) across(threshold float64) *panel {
	if threshold > 0 {
		p.Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
			{Color: "green"}, {Color: "red", Value: new(threshold)},
		})).ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	return p
}

// line adds a query. Grafana calls those of a panel A, B and so on.
func (p *panel) line(expression, legend string) *panel {
	p.WithTarget(query(string(rune('A'+p.lines)), expression, legend))
	p.lines++
	return p
}

func query(id, expression, legend string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().RefId(id).Expr(expression).LegendFormat(legend).Range().
		Datasource(source()).EditorMode(prometheus.QueryEditorModeCode)
}

// add puts a graph behind the last panel.
func (b *board) add(p *panel) { b.WithPanel(p.Id(b.id()).Span(p.width)) }

// row begins a row of panels.
func (b *board) row(title string) { b.WithRow(dashboard.NewRowBuilder(title).Id(b.id())) }

// id is a panel's number.
func (b *board) id() uint32 {
	b.panels++
	return b.panels
}

// healthStates are the states by spec.MetricTargetHealth's numbers.
var healthStates = []struct{ name, color string }{
	{"unhealthy", "red"},
	{"healthy", "green"},
	{"initial", "blue"},
	{"draining", "yellow"},
	{"unused", "gray"},
	{"unavailable", "orange"},
}

// timeline is a panel of the states of targets.
func timeline(title, description, expression string) *statetimeline.PanelBuilder {
	words := map[string]dashboard.ValueMappingResult{}
	for i, s := range healthStates {
		words[fmt.Sprint(i)] = dashboard.ValueMappingResult{Text: new(s.name), Color: new(s.color), Index: new(int32(i))}
	}
	return statetimeline.NewPanelBuilder().Title(title).Description(description).Datasource(source()).
		Height(height).Span(2 * half).MergeValues(true).ShowValue(common.VisibilityModeNever).FillOpacity(80).
		Mappings([]dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: words}}}).
		WithTarget(query("A", expression, targetLegend))
}

// of selects the series of the load balancer.
func (b *board) of(m *spec.Metric) string { return m.Prometheus + "{" + b.all + "}" }

// rate is a counter's rate a second, of all proxies together.
func (b *board) rate(m *spec.Metric) string {
	return fmt.Sprintf("sum(rate(%s[$__rate_interval]))", b.of(m))
}

// groupRate is that of the groups that are shown, together; byGroup, one by one.
func (b *board) groupRate(m *spec.Metric) string {
	return fmt.Sprintf("sum(rate(%s{%s}[$__rate_interval]))", m.Prometheus, b.chosen)
}

func (b *board) byGroup(m *spec.Metric) string {
	return fmt.Sprintf("sum by (%s) (rate(%s{%s}[$__rate_interval]))", byGroup, m.Prometheus, b.chosen)
}

// count is how many targets are something, as the proxy says that sees most of them so.
func (b *board) count(m *spec.Metric) string {
	zone := byGroup + ", " + spec.DimensionAvailabilityZone.Prometheus
	return fmt.Sprintf("sum by (%s) (max by (%s) (%s{%s}))", byGroup, zone, m.Prometheus, b.chosen)
}

// code is the status, or class of it, that a metric counts.
func code(m *spec.Metric) string {
	return strings.TrimSuffix(m.CloudWatch[strings.LastIndexByte(strings.TrimSuffix(m.CloudWatch, "_Count"), '_')+1:], "_Count")
}
