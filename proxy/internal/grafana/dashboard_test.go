package grafana_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/proxy/internal/grafana"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// draw writes the dashboard of a file and reads it again.
func draw(t *testing.T, file string) (*spec.Environment, grafana.Dashboard) {
	t.Helper()
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := grafana.Write(&out, env); err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	var d grafana.Dashboard
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return env, d
}

const prod = "../../../environments/prod.yaml"

// panels are those of a dashboard, without rows.
func panels(t *testing.T, d grafana.Dashboard) []*dashboard.Panel {
	t.Helper()
	var list []*dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			list = append(list, p.Panel)
		}
	}
	if len(list) < 10 {
		t.Fatalf("%d panels", len(list))
	}
	return list
}

// expressions are the queries of a panel.
func expressions(t *testing.T, p *dashboard.Panel) []string {
	t.Helper()
	var list []string
	for _, target := range p.Targets {
		q, ok := target.(*prometheus.Dataquery)
		if !ok {
			t.Fatalf("%s: a query of type %T", *p.Title, target)
		}
		list = append(list, q.Expr)
	}
	return list
}

// exposed are the names that a scrape brings, when everything has happened that is counted.
func exposed(t *testing.T) map[string]bool {
	t.Helper()
	s := metrics.New(metrics.Options{LoadBalancer: "app/a/1", Gauges: everything{}, DroppedLines: func() uint64 { return 0 }})
	s.EnsureGroup("web", "a")
	s.Reloaded(time.Now(), nil)
	var text bytes.Buffer
	if err := s.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name, family := range families {
		names[name] = true
		if family.GetType().String() == "HISTOGRAM" {
			names[name+"_bucket"] = true
		}
	}
	return names
}

// everything has a target group with a target.
type everything struct{}

func (everything) Gauges() metrics.Gauges {
	return metrics.Gauges{
		Groups:  []metrics.GroupGauges{{TargetGroup: "web", Zone: "a"}},
		Targets: []metrics.TargetGauges{{TargetGroup: "web", Address: "10.0.0.1:80", State: targethealth.Healthy, Ended: map[string]uint64{"2xx": 1}}},
		Loads:   []metrics.GroupLoad{{TargetGroup: "web"}},
	}
}

var metricName = regexp.MustCompile(`\b(alb|evenkeel|process|go)_[a-z0-9_]+`)

// TestEveryMetricIsExposed: a dashboard of metrics that are not there is empty.
func TestEveryMetricIsExposed(t *testing.T) {
	_, d := draw(t, prod)
	names := exposed(t)
	used := map[string]bool{}
	for _, p := range panels(t, d) {
		for _, e := range expressions(t, p) {
			found := metricName.FindAllString(e, -1)
			if len(found) == 0 {
				t.Errorf("%s: no metric in %s", *p.Title, e)
			}
			for _, name := range found {
				used[name] = true
				if !names[name] {
					t.Errorf("%s: nobody exposes %s", *p.Title, name)
				}
			}
		}
	}
	for _, m := range []*spec.Metric{
		&spec.MetricActiveConnectionCount, &spec.MetricTargetRequests, &spec.MetricTargetHealth, &spec.MetricHTTPCodeELB5XX,
	} {
		if !used[m.Prometheus] {
			t.Errorf("%s is not shown", m.Prometheus)
		}
	}
	if !used[spec.MetricTargetResponseTime.Prometheus+"_bucket"] {
		t.Error("no percentiles")
	}
}

// TestPanels wants each to be readable and in a place of its own.
func TestPanels(t *testing.T) {
	env, d := draw(t, prod)
	ids, places, titles := map[uint32]bool{}, map[[2]uint32]string{}, map[string]bool{}
	for _, p := range d.Panels {
		var id uint32
		if p.RowPanel != nil {
			id = p.RowPanel.Id
		} else {
			id = *p.Panel.Id
		}
		if id == 0 || ids[id] {
			t.Errorf("a second panel, or none, has the id %d", id)
		}
		ids[id] = true
	}
	timelines := 0
	for _, p := range panels(t, d) {
		if titles[*p.Title] || p.Description == nil || *p.Description == "" {
			t.Errorf("%s: has another's title or no description", *p.Title)
		}
		titles[*p.Title] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := places[[2]uint32{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %s, or beyond the edge", *p.Title, other)
				}
				places[[2]uint32{x, y}] = *p.Title
			}
		}
		if *p.Datasource.Uid != "${datasource}" || *p.Datasource.Type != "prometheus" {
			t.Errorf("%s: data source %+v", *p.Title, p.Datasource)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			q := target.(*prometheus.Dataquery)
			if refs[*q.RefId] || *q.Datasource.Uid != "${datasource}" || q.LegendFormat == nil || *q.LegendFormat == "" {
				t.Errorf("%s: query %+v", *p.Title, q)
			}
			refs[*q.RefId] = true
			if !strings.Contains(q.Expr, env.LoadBalancerID()) {
				t.Errorf("%s: shows other load balancers too: %s", *p.Title, q.Expr)
			}
		}
		if p.Type == "state-timeline" {
			timelines++
			words := p.FieldConfig.Defaults.Mappings[0].ValueMap.Options
			if len(words) != 6 || *words["0"].Text != "unhealthy" || *words["1"].Text != "healthy" {
				t.Errorf("words %+v", words)
			}
			for number, word := range words {
				if !strings.Contains(spec.MetricTargetHealth.Help, number+" "+*word.Text) {
					t.Errorf("%s is %q here; the metric says: %s", number, *word.Text, spec.MetricTargetHealth.Help)
				}
			}
		}
	}
	if timelines != 1 {
		t.Errorf("%d timelines", timelines)
	}
	if d.Templating.List[0].Type != dashboard.VariableTypeDatasource || d.SchemaVersion < 42 {
		t.Errorf("got %+v, schema %d", d.Templating, d.SchemaVersion)
	}
}

// TestThresholdsAreTheAlarms draws those of the file, and none where it has none.
func TestThresholdsAreTheAlarms(t *testing.T) {
	env, d := draw(t, prod)
	want := map[string]float64{
		"Connections":     env.Alarms.Connections.Fraction() * float64(env.Proxy.MaxConnections),
		"Share of errors": float64(env.Alarms.ErrorRate),
		"Median":          env.Alarms.ResponseTime.P50.Seconds(),
		"95th percentile": env.Alarms.ResponseTime.P95.Seconds(),
		"99th percentile": env.Alarms.ResponseTime.P99.Seconds(),
	}
	drawn := 0
	for _, p := range panels(t, d) {
		got := 0.0
		if steps := p.FieldConfig.Defaults.Thresholds; steps != nil {
			got = *steps.Steps[len(steps.Steps)-1].Value
			drawn++
		}
		if got != want[*p.Title] {
			t.Errorf("%s: threshold %g, want %g", *p.Title, got, want[*p.Title])
		}
	}
	if drawn < 3 {
		t.Errorf("%d thresholds", drawn)
	}
}

// TestAnyNameMakesADashboard: the file's name and what is in it end up in JSON and in queries.
func TestAnyNameMakesADashboard(t *testing.T) {
	text, err := os.ReadFile("../../../environments/onprem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Abs("../../../environments/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), `wild"${name}<b>-`+strings.Repeat("x", 60)+".yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "extends: base.yaml", "extends: "+base, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, d := draw(t, file)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(*d.Uid) {
		t.Errorf("uid %q", *d.Uid)
	}
	if out, err := json.Marshal(d); err != nil || !json.Valid(out) {
		t.Error(err)
	}
}
