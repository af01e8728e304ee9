package server_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/test/harness"
)

// shows reports whether the status page and a scrape show a target group.
func (r *running) shows(name string) (status, scrape bool) {
	r.t.Helper()
	for _, g := range r.Status().TargetGroups {
		status = status || g.Name == name
	}
	var text strings.Builder
	if err := r.WriteMetrics(&text); err != nil {
		r.t.Fatal(err)
	}
	return status, strings.Contains(text.String(), `target_group="`+name+`"`)
}

// group makes a target group over a target.
func (r *running) group(name string, targets ...types.TargetDescription) string {
	r.t.Helper()
	c := r.control()
	out, err := c.CreateTargetGroup(r.t.Context(), &elb.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp})
	if err != nil {
		r.t.Fatal(err)
	}
	arn := out.TargetGroups[0].TargetGroupArn
	if len(targets) > 0 {
		if _, err := c.RegisterTargets(r.t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: arn, Targets: targets}); err != nil {
			r.t.Fatal(err)
		}
	}
	return *arn
}

func (r *running) deleteGroup(arn string) {
	r.t.Helper()
	if _, err := r.control().DeleteTargetGroup(r.t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: &arn}); err != nil {
		r.t.Fatal(err)
	}
}

// targets is how many targets the API shows of a group.
func (r *running) targets(arn string) int {
	r.t.Helper()
	out, err := r.control().DescribeTargetHealth(r.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		r.t.Fatal(err)
	}
	return len(out.TargetHealthDescriptions)
}

// TestDeletedGroupIsGone deletes groups that nothing is on its way to.
func TestDeletedGroupIsGone(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a)
	until(t, "the target to be healthy", s.healthy(1))
	spare := s.group("spare", describe(a))
	if status, scrape := s.shows("spare"); !status || !scrape {
		t.Fatalf("a group that is there: status %v, scrape %v", status, scrape)
	}
	s.deleteGroup(spare)
	if status, scrape := s.shows("spare"); status || scrape {
		t.Errorf("a group that was deleted: status %v, scrape %v", status, scrape)
	}
	if n := s.targets(s.group("spare")); n != 0 {
		t.Errorf("a new group of the same name has %d targets", n)
	}
	// One that was in use until just now.
	if _, err := s.control().DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &m.loadBalancer}); err != nil {
		t.Fatal(err)
	}
	s.deleteGroup(m.group)
	if status, scrape := s.shows("web"); status || scrape {
		t.Errorf("a group that was deleted: status %v, scrape %v", status, scrape)
	}
}

// TestDeletedGroupFinishes deletes a group while a request is in flight, and makes another one
// of its name.
func TestDeletedGroupFinishes(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a)
	until(t, "the target to be healthy", s.healthy(1))
	a.SetAnswer(harness.Answer{Hold: true, Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")}})
	c := harness.Dial(t, s.Addr("http-80").String(), harness.Dialing{})
	defer c.Close()
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	a.WaitRequests(1)
	if _, err := s.control().DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &m.loadBalancer}); err != nil {
		t.Fatal(err)
	}
	s.deleteGroup(m.group)
	if n := s.targets(s.group("web")); n != 0 {
		t.Errorf("a new group of the same name has %d targets", n)
	}
	if status, _ := s.shows("web"); !status {
		t.Error("the group that drains is not shown")
	}
	a.Release()
	if response, err := c.ReadResponse("GET"); err != nil || string(response.Body) != "done" {
		t.Errorf("the request in flight: %+v, %v", response, err)
	}
}
