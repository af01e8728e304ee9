package dashboard_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/infra/constructs/dashboard"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

func production(t *testing.T) *spec.Environment {
	t.Helper()
	env, err := spec.Load("../../../environments/prod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// everything is what production has, with names as the stacks give them.
func everything(env *spec.Environment) alarm.Subjects {
	s := alarm.Subjects{
		LoadBalancer: "app/syncapp-prod/0123456789abcdef",
		TargetGroups: []alarm.TargetGroup{{Name: "web", FullName: "targetgroup/web/0123456789abcdef"}},
		Drain:        &alarm.Drain{QueueName: env.ResourceName("drain"), DeadLetterQueueName: env.ResourceName("drain-dead-letters"), FunctionName: env.ResourceName("drain")},
		Health:       &alarm.Health{FunctionName: env.ResourceName("health")},
		Database:     &alarm.Database{Identifier: env.ResourceName("database"), Replicas: []string{env.ResourceName("replica-1")}},
		Cache:        &alarm.Cache{ClusterIDs: []string{env.ResourceName("cache-001")}},
		Broker:       &alarm.Broker{Name: env.ResourceName("broker")},
		WebACL:       &alarm.WebACL{MetricName: env.ResourceName("edge")},
		Distribution: &alarm.Distribution{ID: "E2EXAMPLE"},
	}
	for name := range env.Fleets {
		s.Fleets = append(s.Fleets, alarm.Fleet{Name: name, GroupName: env.ResourceName(name)})
	}
	slices.SortFunc(s.Fleets, func(a, b alarm.Fleet) int { return strings.Compare(a.Name, b.Name) })
	return s
}

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, Markdown string
		Alarms                  []string
		Metrics                 [][]any
		Annotations             struct {
			Horizontal []struct {
				Label string
				Value float64
			}
		}
	}
}

func widgets(t *testing.T, body string) []widget {
	t.Helper()
	var parsed struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		t.Fatalf("the body is no JSON: %v\n%s", err, body)
	}
	if len(parsed.Widgets) == 0 {
		t.Fatal("no widgets")
	}
	return parsed.Widgets
}

func whole(t *testing.T, env *spec.Environment) []widget {
	t.Helper()
	return widgets(t, dashboard.Body(env, everything(env), "eu-west-1", []string{"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a"}))
}

func TestPanelsThatThePageIsFor(t *testing.T) {
	titles := map[string]bool{}
	for _, w := range whole(t, production(t)) {
		titles[w.Properties.Title] = true
	}
	for _, want := range []string{
		"Requests", "Errors", "Response time", "Targets", "Connections",
		"Requests by zone", "Healthy targets of web by zone", "Drains", "Duration of drains", "Web ACL",
		"Instances of web", "CPU of fleets", "Tasks that wait", "Alarms", "Database connections", "Cache memory", "Broker memory",
	} {
		if !titles[want] {
			t.Errorf("no widget %q in %v", want, titles)
		}
	}
}

func TestThresholdsAreTheFiles(t *testing.T) {
	env := production(t)
	env.Alarms.ErrorRate, env.Alarms.ResponseTime.P95, env.Alarms.Connections = 3, 750_000_000, 50
	env.Proxy.MaxConnections = 1000
	want := map[string]float64{
		"Errors error-rate": 3, "Response time response-time p95": 0.75, "Connections connections": 500,
		"Requests alarms.minimum_requests": float64(env.Alarms.MinimumRequests),
		"Targets unhealthy-targets":        float64(env.Alarms.UnhealthyTargets),
		"Instances of web capacity.max":    float64(env.Fleets["web"].Capacity.Max),
	}
	for _, w := range whole(t, env) {
		for _, a := range w.Properties.Annotations.Horizontal {
			key := w.Properties.Title + " " + a.Label
			if value, ok := want[key]; ok {
				if value != a.Value {
					t.Errorf("%s is drawn at %v, want %v", key, a.Value, value)
				}
				delete(want, key)
			}
		}
	}
	for key := range want {
		t.Errorf("%s is not drawn", key)
	}
}

func TestWidgetsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, w := range whole(t, production(t)) {
		if w.Width < 1 || w.Height < 1 || w.X < 0 || w.X+w.Width > 24 {
			t.Errorf("%q is off the grid: %+v", w.Properties.Title, w)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				at := [2]int{x, y}
				if other, ok := taken[at]; ok {
					t.Fatalf("%q covers %q at %v", w.Properties.Title, other, at)
				}
				taken[at] = w.Properties.Title
			}
		}
	}
}

// TestGraphsShowSomething: every graph has a region and a visible line, formulas use ids of
// their own graph, and no dimension is empty.
func TestGraphsShowSomething(t *testing.T) {
	id := regexp.MustCompile(`\b[me][0-9]+\b`)
	for _, w := range whole(t, production(t)) {
		if w.Type != "metric" {
			continue
		}
		title, visible, ids := w.Properties.Title, 0, map[string]bool{}
		for _, row := range w.Properties.Metrics {
			options := row[len(row)-1].(map[string]any)
			if options["visible"] != false {
				visible++
			}
			if expression, ok := options["expression"].(string); ok {
				for _, used := range id.FindAllString(expression, -1) {
					if !ids[used] && !strings.HasPrefix(expression, "SEARCH") {
						t.Errorf("%q: %q uses %s, which is not there", title, expression, used)
					}
				}
			} else if len(row)%2 == 0 || slices.Contains(row, any("")) {
				t.Errorf("%q: odd metric %v", title, row)
			}
			if name, ok := options["id"].(string); ok {
				if ids[name] {
					t.Errorf("%q has %s twice", title, name)
				}
				ids[name] = true
			}
		}
		if visible == 0 || w.Properties.Region == "" {
			t.Errorf("%q shows %d lines of region %q", title, visible, w.Properties.Region)
		}
	}
}

func TestEdgeIsShownFromItsRegion(t *testing.T) {
	for _, w := range whole(t, production(t)) {
		want := "eu-west-1"
		switch w.Properties.Title {
		case "Web ACL", "CloudFront requests", "CloudFront errors":
			want = "us-east-1"
		}
		if w.Type == "metric" && w.Properties.Region != want {
			t.Errorf("%q is of %s, want %s", w.Properties.Title, w.Properties.Region, want)
		}
	}
}

func TestAlarmsAreShownByTheHundred(t *testing.T) {
	var arns []string
	for i := range 130 {
		arns = append(arns, fmt.Sprintf("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:%d", i))
	}
	shown := 0
	for _, w := range widgets(t, dashboard.Body(production(t), alarm.Subjects{}, "eu-west-1", arns)) {
		if len(w.Properties.Alarms) > 100 {
			t.Errorf("a widget shows %d alarms, CloudWatch takes 100", len(w.Properties.Alarms))
		}
		shown += len(w.Properties.Alarms)
	}
	if shown != len(arns) {
		t.Errorf("%d alarms shown, want %d", shown, len(arns))
	}
}

// TestBodyParsesInTheTemplate, also when names are not known before deployment.
func TestBodyParsesInTheTemplate(t *testing.T) {
	env := production(t)
	app := cdk.NewApp(nil)
	stack := cdk.NewStack(app, new("Observability"), &cdk.StackProps{Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region}})
	parameter := cdk.NewCfnParameter(stack, new("FullName"), &cdk.CfnParameterProps{Default: new("app/x/y")})
	subjects := everything(env)
	subjects.LoadBalancer = *parameter.ValueAsString()
	made := dashboard.New(stack, "Dashboard", dashboard.Props{Environment: env, Subjects: subjects})
	cdk.Aspects_Of(stack).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: new(false)}), nil)

	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				DashboardName string
				DashboardBody map[string][]any
			}
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range template.Resources {
		if r.Type != "AWS::CloudWatch::Dashboard" {
			continue
		}
		found++
		if r.Properties.DashboardName != "syncapp-prod-overview" || made.Name != r.Properties.DashboardName {
			t.Errorf("it is called %q and %q", r.Properties.DashboardName, made.Name)
		}
		var body strings.Builder
		for _, part := range r.Properties.DashboardBody["Fn::Join"][1].([]any) {
			if s, ok := part.(string); ok {
				body.WriteString(s)
			} else {
				body.WriteString("app/syncapp-prod/0123456789abcdef")
			}
		}
		if got, want := body.String(), dashboard.Body(env, everything(env), "eu-west-1", nil); got != want {
			t.Errorf("with a token the body is\n%s\nwant\n%s", got, want)
		}
	}
	if found != 1 {
		t.Errorf("%d dashboards, want one", found)
	}
	for _, e := range *assertions.Annotations_FromStack(stack).FindError(new("*"), assertions.Match_StringLikeRegexp(new("AwsSolutions"))) {
		text, _ := json.Marshal(e)
		t.Errorf("%s", text)
	}
}

func TestSubsetsDraw(t *testing.T) {
	env := production(t)
	all := everything(env)
	for name, s := range map[string]alarm.Subjects{
		"nothing": {},
		"edge":    {Distribution: all.Distribution},
		"waf":     {WebACL: all.WebACL},
		"fleets":  {Fleets: all.Fleets},
		"data":    {Cache: all.Cache},
	} {
		t.Run(name, func(t *testing.T) { widgets(t, dashboard.Body(env, s, "eu-west-1", nil)) })
	}
}

func TestErrorsAreReckonedFromTheirMetrics(t *testing.T) {
	for _, w := range whole(t, production(t)) {
		if w.Properties.Title != "Errors" {
			continue
		}
		ids, lines := map[string]string{}, map[string]string{}
		for _, row := range w.Properties.Metrics {
			options := row[len(row)-1].(map[string]any)
			id, _ := options["id"].(string)
			expression, formula := options["expression"].(string)
			if !formula {
				ids[id] = row[1].(string)
				continue
			}
			for from, to := range ids {
				expression = strings.ReplaceAll(expression, from, to)
			}
			ids[id] = expression
			if label, ok := options["label"].(string); ok {
				lines[label] = expression
			}
		}
		for label, want := range map[string]string{
			"4XX":                      "100 * SUM([HTTPCode_ELB_4XX_Count, HTTPCode_Target_4XX_Count]) / MAX([RequestCount, SUM([HTTPCode_ELB_4XX_Count, HTTPCode_Target_4XX_Count])])",
			"5XX":                      "100 * SUM([HTTPCode_ELB_5XX_Count, HTTPCode_Target_5XX_Count]) / MAX([RequestCount, SUM([HTTPCode_ELB_5XX_Count, HTTPCode_Target_5XX_Count])])",
			"5XX of the load balancer": "100 * HTTPCode_ELB_5XX_Count / MAX([RequestCount, HTTPCode_ELB_5XX_Count])",
		} {
			if lines[label] != want {
				t.Errorf("%s is %s, want %s", label, lines[label], want)
			}
		}
	}
}
