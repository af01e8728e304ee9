package dashboard

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
)

// The grid of a dashboard, and heights on it.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
const (
	columns     = 24
	graphHeight = 6
	textHeight  = 1
	// maxAlarms is how many alarms one widget shows.
	maxAlarms = 100
)

// widget is one of a dashboard body's widgets.
type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type text struct {
	Markdown string `json:"markdown"`
}

type alarmStatus struct {
	Title  string   `json:"title"`
	Alarms []string `json:"alarms"`
}

// graph is the properties of a widget of type metric.
type graph struct {
	Title       string       `json:"title"`
	Region      string       `json:"region"`
	View        string       `json:"view"`
	Period      int          `json:"period"`
	Metrics     [][]any      `json:"metrics"`
	Annotations *annotations `json:"annotations,omitempty"`
	YAxis       *axes        `json:"yAxis,omitempty"`

	ids int
}

type annotations struct {
	Horizontal []annotation `json:"horizontal"`
}

type annotation struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

type axes struct {
	Left axis `json:"left"`
}

type axis struct {
	Min   int    `json:"min"`
	Label string `json:"label,omitempty"`
}

// series is how a line of a graph is shown.
type series struct {
	ID         string `json:"id,omitempty"`
	Expression string `json:"expression,omitempty"`
	Label      string `json:"label,omitempty"`
	Statistic  string `json:"stat,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

func newGraph(region, title, unit string) *graph {
	return &graph{
		Title: title, Region: region, View: "timeSeries", Period: int(time.Minute / time.Second),
		YAxis: &axes{axis{Label: unit}},
	}
}

// line adds a metric.
func (g *graph) line(label string, m alarm.Metric) *graph {
	return g.metric(m, series{Label: label, Statistic: m.Statistic})
}

func (g *graph) metric(m alarm.Metric, s series) *graph {
	row := []any{m.Namespace, m.Name}
	for _, d := range m.Dimensions {
		row = append(row, d.Name, d.Value)
	}
	g.Metrics = append(g.Metrics, append(row, s))
	return g
}

// hidden adds a metric that formulas reckon with, and returns what they call it.
func (g *graph) hidden(m alarm.Metric) string {
	g.ids++
	id := fmt.Sprintf("m%d", g.ids)
	g.metric(m, series{ID: id, Statistic: m.Statistic, Visible: new(false)})
	return id
}

// formula adds what is reckoned from others.
func (g *graph) formula(label, expression string) *graph {
	g.ids++
	g.Metrics = append(g.Metrics, []any{series{ID: fmt.Sprintf("e%d", g.ids), Expression: expression, Label: label}})
	return g
}

// step adds what further formulas reckon with, and returns what they call it.
func (g *graph) step(expression string) string {
	g.ids++
	id := fmt.Sprintf("e%d", g.ids)
	g.Metrics = append(g.Metrics, []any{series{ID: id, Expression: expression, Visible: new(false)}})
	return id
}

// zones adds a line for each Availability Zone, of whichever there are.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
func (g *graph) zones(m alarm.Metric, zone string) *graph {
	schema, terms := m.Namespace+","+zone, fmt.Sprintf("MetricName=%q", m.Name)
	for _, d := range m.Dimensions {
		schema += "," + d.Name
		terms += fmt.Sprintf(" %s=%q", d.Name, d.Value)
	}
	return g.formula("${PROP('Dim."+zone+"')}", fmt.Sprintf("SEARCH('{%s} %s', '%s', %d)", schema, terms, m.Statistic, g.Period))
}

// threshold draws a line across.
func (g *graph) threshold(label string, value float64) *graph {
	if g.Annotations == nil {
		g.Annotations = &annotations{}
	}
	g.Annotations.Horizontal = append(g.Annotations.Horizontal, annotation{label, value})
	return g
}

// body is a dashboard in the making, a row at a time.
type body struct {
	Widgets []widget `json:"widgets"`

	y int
}

func (b *body) heading(markdown string) {
	b.Widgets = append(b.Widgets, widget{Type: "text", Y: b.y, Width: columns, Height: textHeight, Properties: text{markdown}})
	b.y += textHeight
}

// row adds graphs side by side, each as wide as the others.
func (b *body) row(graphs ...*graph) {
	if len(graphs) == 0 {
		return
	}
	width := columns / len(graphs)
	for i, g := range graphs {
		b.Widgets = append(b.Widgets, widget{Type: "metric", X: i * width, Y: b.y, Width: width, Height: graphHeight, Properties: g})
	}
	b.y += graphHeight
}

// alarms adds the state of alarms.
func (b *body) alarms(arns []string) {
	for len(arns) > 0 {
		n := min(len(arns), maxAlarms)
		height := 2 + n/6
		b.Widgets = append(b.Widgets, widget{Type: "alarm", Y: b.y, Width: columns, Height: height, Properties: alarmStatus{"Alarms", arns[:n]}})
		b.y += height
		arns = arns[n:]
	}
}

func (b *body) String() string {
	out, err := json.Marshal(b)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(out)
}
