package alarm_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
)

const topicARN = "arn:aws:sns:eu-west-1:123456789012:syncapp-whole-alarms"

func TestTemplateHoldsTheInventory(t *testing.T) {
	env := whole(t)
	s := stack(env)
	alarms := alarm.New(s, "Alarms", alarm.Props{Environment: env, Subjects: everything(), TopicARN: topicARN})
	made := map[string]map[string]any{}
	for _, p := range ofType(resources(t, s), "AWS::CloudWatch::Alarm") {
		made[p["AlarmName"].(string)] = p
	}
	if len(made) != len(alarms.Inventory) || len(alarms.ARNs) != len(made)+1 {
		t.Errorf("%d alarms and %d ARNs of %d", len(made), len(alarms.ARNs), len(alarms.Inventory))
	}
	for i := range alarms.Inventory {
		a := &alarms.Inventory[i]
		p := made[a.Name]
		if p == nil {
			t.Errorf("%s is not in the template", a.Name)
			continue
		}
		if a.Band == 0 && p["Threshold"] != a.Threshold {
			t.Errorf("%s: threshold %v, want %v", a.Name, p["Threshold"], a.Threshold)
		}
		if a.Band > 0 && (p["Threshold"] != nil || p["ThresholdMetricId"] != "band") {
			t.Errorf("%s is not compared with a band: %v", a.Name, p)
		}
		if p["ComparisonOperator"] != string(a.Kind.Comparison) || p["DatapointsToAlarm"] != float64(a.Window.Datapoints) || p["EvaluationPeriods"] != float64(a.Window.Periods) {
			t.Errorf("%s is compared otherwise: %v", a.Name, p)
		}
		compared(t, a, p)
	}
}

// compared wants exactly one series to compare, or a metric and its band.
func compared(t *testing.T, a *alarm.Alarm, p map[string]any) {
	t.Helper()
	seconds := a.Window.Period.Seconds()
	queries, math := p["Metrics"].([]any)
	if math == (p["MetricName"] != nil) {
		t.Fatalf("%s has both or neither of a metric and formulas: %v", a.Name, p)
	}
	if !math {
		if p["Period"] != seconds || (p["Statistic"] == nil) == (p["ExtendedStatistic"] == nil) {
			t.Errorf("%s: period %v, statistics %v and %v", a.Name, p["Period"], p["Statistic"], p["ExtendedStatistic"])
		}
		return
	}
	returned := 0
	for _, q := range queries {
		q := q.(map[string]any)
		if q["ReturnData"] == true {
			returned++
		}
		if stat, ok := q["MetricStat"].(map[string]any); ok && stat["Period"] != seconds {
			t.Errorf("%s: %v has another period than %v", a.Name, q["Id"], seconds)
		}
	}
	want := 1
	if a.Band > 0 {
		want = 2
	}
	if returned != want {
		t.Errorf("%s returns %d series, want %d", a.Name, returned, want)
	}
}

// TestEveryAlarmTellsSomeone and says what silence means, and what to do.
func TestEveryAlarmTellsSomeone(t *testing.T) {
	env := whole(t)
	s := stack(env)
	alarm.New(s, "Alarms", alarm.Props{Environment: env, Subjects: everything(), TopicARN: topicARN})
	all := resources(t, s)
	tells := func(list any) bool {
		actions, ok := list.([]any)
		return ok && slices.Equal(actions, []any{topicARN})
	}
	for _, p := range append(ofType(all, "AWS::CloudWatch::Alarm"), ofType(all, "AWS::CloudWatch::CompositeAlarm")...) {
		if !tells(p["AlarmActions"]) || !tells(p["OKActions"]) {
			t.Errorf("%v tells %v of alarm and %v of its end", p["AlarmName"], p["AlarmActions"], p["OKActions"])
		}
		if p["ActionsEnabled"] == false {
			t.Errorf("%v has its actions off", p["AlarmName"])
		}
		text := p["AlarmDescription"].(string)
		last := text[strings.LastIndex(text, "\n")+1:]
		if !regexp.MustCompile(`^docs/runbooks/[a-z0-9-]+\.md$`).MatchString(last) || len(text) > 1024 {
			t.Errorf("%v: description %q does not end with a runbook", p["AlarmName"], text)
		}
		if !strings.HasPrefix(p["AlarmName"].(string), env.ResourceName("")) {
			t.Errorf("%v is not named after the environment", p["AlarmName"])
		}
	}
	for _, p := range ofType(all, "AWS::CloudWatch::Alarm") {
		switch p["TreatMissingData"] {
		case "notBreaching", "breaching", "ignore":
		case "missing":
			if !tells(p["InsufficientDataActions"]) {
				t.Errorf("%v tells nobody that it has no data", p["AlarmName"])
			}
		default:
			t.Errorf("%v treats missing data as %v", p["AlarmName"], p["TreatMissingData"])
		}
	}
}

func TestServiceDownIsMadeOfAlarms(t *testing.T) {
	env := whole(t)
	s := stack(env)
	alarms := alarm.New(s, "Alarms", alarm.Props{Environment: env, Subjects: everything(), TopicARN: topicARN})
	all := resources(t, s)
	byName := map[string]string{}
	for id, r := range all {
		if r.Type == "AWS::CloudWatch::Alarm" {
			byName[r.Properties["AlarmName"].(string)] = id
		}
	}
	count := 0
	for _, r := range all {
		if r.Type != "AWS::CloudWatch::CompositeAlarm" {
			continue
		}
		count++
		if r.Properties["AlarmName"] != alarms.ServiceDown {
			t.Errorf("got %v, want %s", r.Properties["AlarmName"], alarms.ServiceDown)
		}
		var children []string
		for _, m := range regexp.MustCompile(`ALARM\("([^"]+)"\)`).FindAllStringSubmatch(r.Properties["AlarmRule"].(string), -1) {
			children = append(children, m[1])
			if id := byName[m[1]]; id == "" || !slices.Contains(r.DependsOn, id) {
				t.Errorf("%s is no alarm that the composite one waits for", m[1])
			}
		}
		if want := []string{"syncapp-whole-error-rate-critical", "syncapp-whole-healthy-targets-critical-web"}; !slices.Equal(children, want) {
			t.Errorf("service-down is made of %q, want %q", children, want)
		}
	}
	if count != 1 {
		t.Errorf("%d composite alarms, want one", count)
	}
}

func TestEdgeHasNoServiceDown(t *testing.T) {
	env, all := whole(t), everything()
	s := stack(env)
	alarms := alarm.New(s, "Alarms", alarm.Props{
		Environment: env, TopicARN: topicARN,
		Subjects: alarm.Subjects{Distribution: all.Distribution, WebACL: all.WebACL},
	})
	if got := ofType(resources(t, s), "AWS::CloudWatch::CompositeAlarm"); len(got) != 0 || alarms.ServiceDown != "" {
		t.Errorf("the edge alone has %v", got)
	}
	if len(alarms.ARNs) != 2 {
		t.Errorf("%d alarms, want two", len(alarms.ARNs))
	}
}

// TestPercentilesOfFewRequestsDoNotCount wants what a lone slow request would trip to wait.
func TestPercentilesOfFewRequestsDoNotCount(t *testing.T) {
	env := whole(t)
	s := stack(env)
	alarm.New(s, "Alarms", alarm.Props{Environment: env, Subjects: everything(), TopicARN: topicARN})
	found := 0
	for _, p := range ofType(resources(t, s), "AWS::CloudWatch::Alarm") {
		if p["ExtendedStatistic"] == nil {
			continue
		}
		found++
		if p["EvaluateLowSampleCountPercentile"] != "ignore" {
			t.Errorf("%v counts percentiles of few requests", p["AlarmName"])
		}
	}
	if found != 3 {
		t.Errorf("%d alarms on percentiles, want three", found)
	}
}
