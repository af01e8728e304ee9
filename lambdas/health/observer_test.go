package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	instances = elbtypes.TargetTypeEnumInstance
	addresses = elbtypes.TargetTypeEnumIp
	healthy   = elbtypes.TargetHealthStateEnumHealthy
	unhealthy = elbtypes.TargetHealthStateEnumUnhealthy
	initial   = elbtypes.TargetHealthStateEnumInitial
	leaving   = elbtypes.TargetHealthStateEnumDraining
)

func newAccount(t *testing.T) *account {
	return &account{t: t, loadBalancers: map[string]string{"syncapp-prod": balancerARN}}
}

// newObserver looks at an account, and logs to the buffer.
func newObserver(a *account, checker *aggregate.Checker) (*observer, *slog.Logger, *bytes.Buffer) {
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	return &observer{
		settings:  settings{app: "syncapp", environment: "prod", loadBalancer: "syncapp-prod"},
		balancers: a, fleets: a, instances: a, checker: checker,
	}, logger, log
}

// ignoreTimes leaves out what the clock says.
var ignoreTimes = cmp.Options{
	cmpopts.IgnoreFields(aggregate.Observation{}, "Begun", "Ended"), cmpopts.IgnoreFields(aggregate.Target{}, "Since"), cmpopts.EquateEmpty(),
}

func TestEverythingIsSeen(t *testing.T) {
	a := newAccount(t)
	web := a.addGroup("web", instances)
	api := a.addGroup("api", addresses, func(g *elbtypes.TargetGroup) { g.Protocol = elbtypes.ProtocolEnumHttps })
	a.addGroup("health", elbtypes.TargetTypeEnumLambda)
	a.addGroup("inner", elbtypes.TargetTypeEnumAlb)
	shared := a.addGroup("shared", instances)
	manual := a.addGroup("manual", addresses)
	spare := a.addGroup("spare", instances, func(g *elbtypes.TargetGroup) { g.LoadBalancerArns = nil })
	a.tags = map[string]map[string]string{
		web: {"App": "syncapp", "Environment": "prod"}, shared: {"App": "syncapp", "Environment": "staging"}, manual: {"Owner": "ops"},
	}
	a.attributes = map[string]map[string]string{
		web: {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2", "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off"},
		api: {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1", "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "40"},
	}
	a.addTarget(web, "i-1", 8000, healthy, "", nil)
	a.addTarget(web, "i-2", 8000, unhealthy, "Target.Timeout", nil)
	a.addTarget(web, "i-gone", 8000, leaving, "Target.DeregistrationInProgress", nil)
	a.addTarget(api, "10.0.1.5", 9000, healthy, "", aws.String("eu-west-1b"))
	a.addTarget(api, "fd00::5", 9000, "unhealthy.draining", "", aws.String("all"))
	a.addTarget(spare, "i-1", 8080, elbtypes.TargetHealthStateEnumUnused, "Target.NotInUse", nil)
	a.addHost("i-1", "10.0.0.1", "eu-west-1a")
	a.addHost("i-2", "10.0.0.2", "eu-west-1b")
	a.fleets = []asgtypes.AutoScalingGroup{
		{
			AutoScalingGroupName: aws.String("syncapp-prod-web"), DesiredCapacity: aws.Int32(2), TargetGroupARNs: []string{web, spare},
			Instances: []asgtypes.Instance{member("i-1", "eu-west-1a", "InService", "Healthy"), member("i-2", "eu-west-1b", "InService", "Unhealthy")},
		},
		{AutoScalingGroupName: aws.String("syncapp-prod-workers"), DesiredCapacity: aws.Int32(3)},
		{AutoScalingGroupName: aws.String("syncapp-prod-third"), DesiredCapacity: aws.Int32(0)},
	}
	o, logger, log := newObserver(a, nil)
	got, err := o.observe(t.Context(), logger)
	if err != nil {
		t.Fatal(err)
	}
	want := &aggregate.Observation{
		App: "syncapp", Environment: "prod", LoadBalancer: "syncapp-prod",
		Groups: []aggregate.Group{
			{Name: "web", MinimumHealthy: spec.MinimumHealthyTargets{Count: 2}, Targets: []aggregate.Target{
				{ID: "i-1", Instance: "i-1", Address: "10.0.0.1:8000", Zone: "eu-west-1a", State: "healthy"},
				{ID: "i-2", Instance: "i-2", Address: "10.0.0.2:8000", Zone: "eu-west-1b", State: "unhealthy", Reason: "Target.Timeout"},
				{ID: "i-gone", Instance: "i-gone", State: "draining", Reason: "Target.DeregistrationInProgress"},
			}},
			{Name: "api", MinimumHealthy: spec.MinimumHealthyTargets{Count: 1, Percentage: 40}, Targets: []aggregate.Target{
				{ID: "10.0.1.5", Address: "10.0.1.5:9000", Zone: "eu-west-1b", State: "healthy"},
				{ID: "fd00::5", Address: "[fd00::5]:9000", State: "unhealthy"},
			}},
			{Name: "manual", MinimumHealthy: spec.MinimumHealthyTargets{Count: 1}},
			{Name: "spare", Idle: true, MinimumHealthy: spec.MinimumHealthyTargets{Count: 1}, Targets: []aggregate.Target{
				{ID: "i-1", Instance: "i-1", Address: "10.0.0.1:8080", Zone: "eu-west-1a", State: "unused", Reason: "Target.NotInUse"},
			}},
		},
		Fleets: []aggregate.Fleet{
			{Name: "syncapp-prod-web", Desired: 2, Groups: []string{"web", "spare"}, Instances: []aggregate.Instance{
				{ID: "i-1", Zone: "eu-west-1a", Lifecycle: "InService"}, {ID: "i-2", Zone: "eu-west-1b", Lifecycle: "InService", Unhealthy: true},
			}},
			{Name: "syncapp-prod-workers", Desired: 3},
			{Name: "syncapp-prod-third"},
		},
	}
	if diff := cmp.Diff(want, got, ignoreTimes); diff != "" {
		t.Error(diff)
	}
	if !got.Complete() || log.Len() > 0 {
		t.Errorf("complete is %v, log: %s", got.Complete(), log)
	}
}

// TestPartOfItFails: what cannot be read is said, without what AWS says of it, and the rest
// is seen.
func TestPartOfItFails(t *testing.T) {
	for call, want := range map[string]string{
		"DescribeTargetHealth arn:tg/web": "targets of web", "DescribeTargetGroupAttributes arn:tg/web": "attributes of web",
		"DescribeTags": "tags of target groups", "DescribeAutoScalingGroups": "Auto Scaling groups", "DescribeInstances": "instances",
	} {
		t.Run(call, func(t *testing.T) {
			a := newAccount(t)
			a.addTarget(a.addGroup("web", instances), "i-1", 80, healthy, "", nil)
			a.addTarget(a.addGroup("api", addresses), "10.0.0.9", 80, healthy, "", nil)
			a.addHost("i-1", "10.0.0.1", "a")
			a.fail = map[string]error{call: errThrottled}
			o, logger, log := newObserver(a, nil)
			got, err := o.observe(t.Context(), logger)
			if err != nil {
				t.Fatal(err)
			}
			if got.Complete() || !cmp.Equal(got.Problems, []string{want}) || len(got.Groups) != 2 || len(got.Groups[1].Targets) != 1 {
				t.Errorf("complete: %v, problems %q, groups %+v", got.Complete(), got.Problems, got.Groups)
			}
			if got.Groups[0].Unseen != (want == "targets of web") {
				t.Errorf("group web: %+v", got.Groups[0])
			}
			if !strings.Contains(log.String(), `"part of the environment is not seen"`) || !strings.Contains(log.String(), "Throttling") {
				t.Errorf("the log does not say why: %s", log)
			}
		})
	}
}

func TestNothingIsSeen(t *testing.T) {
	for _, call := range []string{"DescribeLoadBalancers", "DescribeTargetGroups"} {
		a := newAccount(t)
		a.fail = map[string]error{call: errThrottled}
		o, logger, _ := newObserver(a, nil)
		if got, err := o.observe(t.Context(), logger); got != nil || !errors.Is(err, errThrottled) {
			t.Errorf("%s: %+v, %v", call, got, err)
		}
	}
	a := newAccount(t)
	a.loadBalancers = nil
	o, logger, _ := newObserver(a, nil)
	if _, err := o.observe(t.Context(), logger); err == nil || !strings.HasPrefix(err.Error(), "describe load balancer syncapp-prod: ") {
		t.Errorf("got %v", err)
	}
}

// TestThresholdsThatMayNotBeRead are the default, and that is logged once.
func TestThresholdsThatMayNotBeRead(t *testing.T) {
	a := newAccount(t)
	a.addGroup("web", instances)
	a.addGroup("api", instances)
	a.fail = map[string]error{"DescribeTargetGroupAttributes": errDenied}
	o, logger, log := newObserver(a, nil)
	for range 3 {
		got, err := o.observe(t.Context(), logger)
		if err != nil || !got.Complete() || got.Groups[0].MinimumHealthy.Count != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := strings.Count(log.String(), "thresholds of target groups are assumed"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestManyTargets: calls take no more than AWS allows each, and no more are made at once.
func TestManyTargets(t *testing.T) {
	a := newAccount(t)
	for g := range 45 {
		arn := a.addGroup(fmt.Sprint("g", g), instances)
		for i := range 30 {
			id := fmt.Sprintf("i-%d-%d", g, i)
			a.addTarget(arn, id, 80, healthy, "", nil)
			a.addHost(id, fmt.Sprintf("10.0.%d.%d", g, i), "a")
		}
	}
	o, logger, _ := newObserver(a, nil)
	got, err := o.observe(t.Context(), logger)
	if err != nil || !got.Complete() || got.Groups[44].Targets[29].Address != "10.0.44.29:80" {
		t.Fatalf("%v: %q", err, got.Problems)
	}
	if a.calls["DescribeTags"] != 3 || a.calls["DescribeTargetHealth"] != 45 {
		t.Errorf("calls: %v", a.calls)
	}
}

// TestInitialTargetsAreRemembered from the first time that they are seen.
func TestInitialTargetsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		web := a.addGroup("web", addresses)
		a.addTarget(web, "10.0.0.1", 80, initial, "Elb.InitialHealthChecking", nil)
		o, logger, _ := newObserver(a, nil)
		oldest := func() *float64 {
			t.Helper()
			got, err := o.observe(t.Context(), logger)
			if err != nil {
				t.Fatal(err)
			}
			return aggregate.Build(got, spec.Default[spec.HealthyTargets]()).TargetGroups[0].OldestInitial
		}
		if got := oldest(); got == nil || *got != 0 {
			t.Errorf("at first: %v", got)
		}
		time.Sleep(2 * time.Minute)
		a.addTarget(web, "10.0.0.2", 80, initial, "", nil)
		if got := oldest(); got == nil || *got != 120 {
			t.Errorf("after two minutes: %v", got)
		}
		a.health[web][0].TargetHealth.State = healthy
		if got := oldest(); got == nil || *got != 0 {
			t.Errorf("the second: %v", got)
		}
		a.health[web][0].TargetHealth.State = initial
		time.Sleep(time.Minute)
		if got := oldest(); got == nil || *got != 60 {
			t.Errorf("registered once more: %v", got)
		}
	})
}

// TestTargetsAreAsked once each, by their group's protocol, unless they get no requests.
func TestTargetsAreAsked(t *testing.T) {
	asked := make(chan string, 100)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Proto + " " + strconv.FormatBool(r.TLS != nil) + " " + r.URL.String()
		fmt.Fprint(w, `{"status": "ok", "version": "1"}`)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	port := func(s *httptest.Server) int32 { return int32(s.Listener.Addr().(*net.TCPAddr).Port) }

	a := newAccount(t)
	web, again := a.addGroup("web", addresses), a.addGroup("again", instances)
	tls := a.addGroup("tls", addresses, func(g *elbtypes.TargetGroup) { g.Protocol = elbtypes.ProtocolEnumHttps })
	grpc := a.addGroup("grpc", addresses, func(g *elbtypes.TargetGroup) { g.ProtocolVersion = aws.String("GRPC") })
	a.addTarget(web, "127.0.0.1", port(plain), healthy, "", nil)
	a.addTarget(web, "127.0.0.2", port(plain), leaving, "", nil)
	a.addTarget(web, "127.0.0.3", port(plain), elbtypes.TargetHealthStateEnumUnused, "", nil)
	a.addTarget(again, "i-1", port(plain), unhealthy, "", nil)
	a.addTarget(again, "i-gone", port(plain), unhealthy, "", nil)
	a.addTarget(again, "i-nowhere", port(plain), unhealthy, "", nil)
	a.addTarget(tls, "127.0.0.1", port(secure), initial, "", nil)
	a.addTarget(grpc, "127.0.0.1", port(plain), healthy, "", nil)
	a.addHost("i-1", "127.0.0.1", "a")
	a.hosts["i-nowhere"] = ec2types.Instance{InstanceId: aws.String("i-nowhere")}

	o, logger, _ := newObserver(a, aggregate.NewChecker("/health/?check_celery=true", nil))
	got, err := o.observe(t.Context(), logger)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, g := range got.Groups {
		for _, target := range g.Targets {
			outcome := "-"
			if target.Deep != nil {
				outcome = string(target.Deep.Outcome)
			}
			outcomes = append(outcomes, g.Name+" "+target.ID+" "+outcome)
		}
	}
	if diff := cmp.Diff([]string{
		"web 127.0.0.1 passed", "web 127.0.0.2 -", "web 127.0.0.3 -", "again i-1 passed", "again i-gone -", "again i-nowhere -", "tls 127.0.0.1 passed", "grpc 127.0.0.1 -",
	}, outcomes); diff != "" {
		t.Error(diff)
	}
	close(asked)
	requests := slices.Sorted(func(yield func(string) bool) {
		for r := range asked {
			if !yield(r) {
				return
			}
		}
	})
	if diff := cmp.Diff([]string{"HTTP/1.1 false /health/?check_celery=true", "HTTP/1.1 true /health/?check_celery=true"}, requests); diff != "" {
		t.Error(diff)
	}
}

// TestDescribingEnds: AWS that does not answer leaves the function time to say so.
func TestDescribingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		o, logger, _ := newObserver(a, nil)
		o.balancers = &silent{a}
		begun := time.Now()
		if _, err := o.observe(t.Context(), logger); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took+aggregate.CheckRound+mendTimeout >= 30*time.Second {
			t.Errorf("took %v, which leaves too little of the function's 30 s", took)
		}
	})
}
