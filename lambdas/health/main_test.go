package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func variables(list ...string) func(string) string {
	all := map[string]string{"APP": "syncapp", "ENVIRONMENT": "prod", "LOAD_BALANCER": "syncapp-prod", "AWS_REGION": "eu-west-1"}
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return func(name string) string { return all[name] }
}

func TestVariables(t *testing.T) {
	got, err := read(variables("HEALTH_PATH=/health/?check_celery=true", "SET_INSTANCE_HEALTH_PER_HOUR=2", "SET_INSTANCE_HEALTH_ZONE_QUORUM=75"))
	want := settings{app: "syncapp", environment: "prod", loadBalancer: "syncapp-prod", path: "/health/?check_celery=true", mend: mendLimits{perHour: 2, quorum: 75}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}, mendLimits{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestVariablesThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		list []string
		want []string
	}{
		{[]string{"APP=", "LOAD_BALANCER="}, []string{`variable APP: got "", want a name`, `variable LOAD_BALANCER: got "", want a name`}},
		{[]string{"HEALTH_PATH=health"}, []string{`variable HEALTH_PATH: got "health", want a path`}},
		{[]string{"HEALTH_PATH=http://elsewhere/"}, []string{`variable HEALTH_PATH: got "http://elsewhere/", want a path`}},
		{[]string{"HEALTH_PATH=/a\x7f"}, []string{`variable HEALTH_PATH: got "/a\x7f", want a path`}},
		{[]string{"SET_INSTANCE_HEALTH_PER_HOUR=3"}, []string{`variable SET_INSTANCE_HEALTH_ZONE_QUORUM: got "", want 51 to 100`}},
		{[]string{"SET_INSTANCE_HEALTH_ZONE_QUORUM=50"}, []string{`variable SET_INSTANCE_HEALTH_PER_HOUR: got "", want 1 to 100`, `variable SET_INSTANCE_HEALTH_ZONE_QUORUM: got "50"`}},
	} {
		_, err := read(variables(c.list...))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %s", c.list, err, want)
			}
		}
	}
}

// TestNothingIsChangedUnlessAskedFor, and nothing asked of targets without a path.
func TestNothingIsChangedUnlessAskedFor(t *testing.T) {
	h, err := build(t.Context(), variables(), slog.New(slog.DiscardHandler))
	if err != nil || h.mend != nil || h.metrics == nil {
		t.Errorf("%+v, %v", h, err)
	}
	h, err = build(t.Context(), variables("HEALTH_PATH=/health/", "SET_INSTANCE_HEALTH_PER_HOUR=1", "SET_INSTANCE_HEALTH_ZONE_QUORUM=60"), slog.New(slog.DiscardHandler))
	if err != nil || h.mend == nil {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := build(t.Context(), variables("APP="), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("starts without a name")
	}
}
