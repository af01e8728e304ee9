package elbv2api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	instance1 = "i-0aaaaaaaaaaaaaaa1"
	instance2 = "i-0aaaaaaaaaaaaaaa2"
)

// targets reads ids such as i-1 or 10.0.0.1:8001.
func targets(ids ...string) []types.TargetDescription {
	var list []types.TargetDescription
	for _, id := range ids {
		id, port, ok := strings.Cut(id, ":")
		d := types.TargetDescription{Id: &id}
		if ok {
			var n int32
			_, _ = fmt.Sscan(port, &n)
			d.Port = &n
		}
		list = append(list, d)
	}
	return list
}

func (r *running) register(arn string, ids ...string) error {
	_, err := r.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &arn, Targets: targets(ids...)})
	return err
}

func (r *running) deregister(arn string, ids ...string) error {
	_, err := r.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &arn, Targets: targets(ids...)})
	return err
}

// health is `id:port state reason` of each target.
func (r *running) health(arn string, ids ...string) string {
	r.t.Helper()
	out, err := r.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn, Targets: targets(ids...)})
	if err != nil {
		r.t.Fatal(err)
	}
	var lines []string
	for _, d := range out.TargetHealthDescriptions {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s:%d %s %s", *d.Target.Id, *d.Target.Port, d.TargetHealth.State, d.TargetHealth.Reason)))
	}
	return strings.Join(lines, "; ")
}

// arn is that of the target group of the name.
func (r *running) arn(name string) string {
	r.t.Helper()
	out, err := r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.TargetGroups[0].TargetGroupArn
}

func (r *running) wantHealth(arn, want string, ids ...string) {
	r.t.Helper()
	if got := r.health(arn, ids...); got != want {
		r.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInstances(t *testing.T) {
	r := start(t, empty)
	arn := r.group("web")
	if err := r.register(arn, instance1, instance2, instance2+":8001"); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, instance1+":8000 unused Target.NotInUse; "+instance2+":8000 unused Target.NotInUse; "+instance2+":8001 unused Target.NotInUse")
	if got := r.plane.env.TargetGroup("web").Targets[1].Address; got != "10.0.1.2" {
		t.Errorf("the address is %s", got)
	}
	// Without a port it is the group's.
	if err := r.deregister(arn, instance2); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, instance1+":8000 unused Target.NotInUse; "+instance2+":8001 unused Target.NotInUse; "+instance2+":8000 draining Target.DeregistrationInProgress")
	refused(t, r.register(arn, "i-0bbbbbbbbbbbbbbb1"), "InvalidTarget")
	refused(t, r.register(arn, "web-1"), "ValidationError")
	refused(t, r.deregister(arn, "web-1"), "InvalidTarget")
	refused(t, r.register(arn+"0", instance1), "TargetGroupNotFound")
	if err := r.deregister(arn, "i-0bbbbbbbbbbbbbbb1"); err != nil {
		t.Errorf("deregistering what is not registered: %v", err)
	}
}

// TestInstancesOfOneAddress: the second would silently take the place of the first.
func TestInstancesOfOneAddress(t *testing.T) {
	r := start(t, strings.Replace(empty, "10.0.1.2", "10.0.1.1", 1))
	arn := r.group("web")
	if err := r.register(arn, instance1); err != nil {
		t.Fatal(err)
	}
	err := r.register(arn, instance2)
	refused(t, err, "InvalidTarget")
	if err == nil || !strings.Contains(err.Error(), "has the address of '"+instance1+"'") {
		t.Error(err)
	}
	if err := r.register(arn, instance1, instance2+":8001"); err != nil {
		t.Error(err)
	}
	r.wantHealth(arn, instance1+":8000 unused Target.NotInUse; "+instance2+":8001 unused Target.NotInUse")
}

func TestAddresses(t *testing.T) {
	r := start(t, empty)
	out := must[*elb.CreateTargetGroupOutput](t)(r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp,
	}))
	arn := *out.TargetGroups[0].TargetGroupArn
	if err := r.register(arn, "10.0.0.1", "10.0.0.1:81", "10.0.0.1"); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, "10.0.0.1:80 unused Target.NotInUse; 10.0.0.1:81 unused Target.NotInUse")
	refused(t, r.register(arn, "10.0.0.256"), "ValidationError")
	refused(t, r.register(arn, "0.0.0.0"), "InvalidTarget")
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1))
	}
	refused(t, r.register(arn, many...), "TooManyTargets")
	r.wantHealth(arn, "10.0.0.1:80 unused Target.NotInUse; 10.0.0.1:81 unused Target.NotInUse")
}

// TestWaiters has AWS's own waiters see targets come and go.
func TestWaiters(t *testing.T) {
	r := start(t, full)
	arn := r.arn("web")
	in := &elb.DescribeTargetHealthInput{TargetGroupArn: &arn, Targets: targets("web-1")}
	if err := elb.NewTargetInServiceWaiter(r.Client).Wait(ctx, in, time.Second); err != nil {
		t.Error(err)
	}
	if err := r.deregister(arn, "web-1"); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, "web-1:8000 draining Target.DeregistrationInProgress", "web-1")
	r.plane.drained()
	r.wantHealth(arn, "web-1:8000 unused Target.NotRegistered", "web-1")
	r.wantHealth(arn, "web-2:8001 healthy")
	if err := elb.NewTargetDeregisteredWaiter(r.Client).Wait(ctx, in, time.Second); err != nil {
		t.Error(err)
	}
	_, err := r.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn, Targets: targets("no such thing")})
	refused(t, err, "InvalidTarget")
}

// TestDeclaredTargets deregisters and registers what the file declares, by id and address.
func TestDeclaredTargets(t *testing.T) {
	r := start(t, full)
	arn := r.arn("web")
	if err := r.deregister(arn, "10.0.0.1", "web-2"); err != nil {
		t.Fatal(err)
	}
	r.plane.drained()
	r.wantHealth(arn, "")
	if err := r.register(arn, "web-2", "10.0.0.3"); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, "web-2:8001 healthy; 10.0.0.3:8000 healthy")

	// It stays so when the file is read again, as long as the file has the target.
	if err := r.api.Reload(load(t, full)); err != nil {
		t.Fatal(err)
	}
	r.wantHealth(arn, "web-2:8001 healthy; 10.0.0.3:8000 healthy")
	without := strings.Replace(full, "{id: web-1, address: 10.0.0.1}, ", "", 1)
	for _, text := range []string{without, full} {
		if err := r.api.Reload(load(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	r.wantHealth(arn, "web-1:8000 healthy; web-2:8001 healthy; 10.0.0.3:8000 healthy")
}

func TestAnomalies(t *testing.T) {
	r := start(t, full)
	out := must[*elb.DescribeTargetHealthOutput](t)(r.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{
		TargetGroupArn: aws.String(r.arn("web")), Include: []types.DescribeTargetHealthInputIncludeEnum{types.DescribeTargetHealthInputIncludeEnumAnomaly},
	}))
	if d := out.TargetHealthDescriptions[0]; d.AnomalyDetection == nil || d.AnomalyDetection.Result != types.AnomalyResultEnumNormal || *d.HealthCheckPort != "8000" {
		t.Errorf("got %+v", d)
	}
}

// TestResolver has a command find the addresses of instances.
func TestResolver(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "resolve")
	write(t, script, `#!/bin/sh
case "$2" in
*1) echo "10.0.2.1" ;;
*2) echo "not an address" ;;
*3) exit 3 ;;
*4) head -c 100000 /dev/zero | tr '\0' 1 ;;
esac
`)
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, empty+"    instance_resolver: ["+script+", --quiet]\n")
	arn := r.group("web")
	if err := r.register(arn, "i-0bbbbbbbbbbbbbbb1", instance1); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, target := range r.plane.env.TargetGroup("web").Targets {
		got = append(got, target.Address)
	}
	if s := strings.Join(got, " "); s != "10.0.2.1 10.0.1.1" {
		t.Errorf("got %s", s)
	}
	for _, last := range "234" {
		refused(t, r.register(arn, "i-0bbbbbbbbbbbbbbb"+string(last)), "InvalidTarget")
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
