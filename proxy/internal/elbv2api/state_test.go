package elbv2api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
)

// everythingMade makes one of everything, and returns the ARN of the group.
func (r *running) everythingMade() string {
	r.t.Helper()
	web, lb := r.group("web"), r.loadBalancer()
	listener := r.listen(lb, 80, forward(web))
	rule := *everything
	rule.ListenerArn, rule.Actions = &listener, teapot
	if _, err := r.CreateRule(ctx, &rule); err != nil {
		r.t.Fatal(err)
	}
	if err := r.register(web, instance1, instance2+":8001"); err != nil {
		r.t.Fatal(err)
	}
	_, err := r.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &web, Attributes: []types.TargetGroupAttribute{
		{Key: aws.String("stickiness.enabled"), Value: aws.String("true")},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{web, lb, listener}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return web
}

// again is another process that begins with the state file of the first.
func (r *running) again(text string) *running {
	r.t.Helper()
	r.api.Freeze()
	return startWith(r.t, load(r.t, text), r.state)
}

func TestStateOutlivesTheProcess(t *testing.T) {
	r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
	web := r.everythingMade()
	s := r.again(empty)
	if diff := cmp.Diff(r.plane.env, s.plane.env); diff != "" {
		t.Error(diff)
	}
	s.wantHealth(web, instance1+":8000 healthy; "+instance2+":8001 healthy")
	if err := s.deregister(web, instance1); err != nil {
		t.Fatal(err)
	}
	// Instances have the addresses that the file of today says.
	u := s.again(strings.Replace(empty, "10.0.1.2", "10.0.9.2", 1))
	if got := u.plane.env.TargetGroup("web").Targets; len(got) != 1 || got[0].Address != "10.0.9.2" {
		t.Errorf("got %+v", got)
	}
	if info, err := os.Stat(r.state); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file: %v, %v", info.Mode(), err)
	}
}

// TestStateOfVersion1 reads a file of the first version: a type of the environment file that
// changes may need another version of the state file.
func TestStateOfVersion1(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "state-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "state.json")
	write(t, file, string(text))
	r := startWith(t, load(t, empty), file)
	g := r.plane.env.TargetGroup("web")
	l := r.plane.env.LoadBalancer.Listeners[0]
	if g.HealthCheck.Path != "/health/" || g.Stickiness.Type != "lb_cookie" || len(g.Targets) != 2 || l.Name != "http-80" || len(l.Rules[0].Conditions) != 5 ||
		r.arn("web") != "arn:aws:elasticloadbalancing:local:000000000000:targetgroup/web/0123456789abcdef" {
		t.Errorf("got %+v, %+v", g, l)
	}
}

func TestOneProcessHasTheStateFile(t *testing.T) {
	r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
	env := load(t, empty)
	other, err := elbv2api.New(elbv2api.Options{Declared: env, DataPlane: r.plane, StateFile: r.state})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(env); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
	r.api.Freeze()
	if err := other.Start(env); err != nil {
		t.Error(err)
	}
	other.Freeze()
	_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("x"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80)})
	refused(t, err, "ServiceUnavailable")
}

var errBroken = errors.New("the disk is broken")

// TestBrokenWrites has each step of writing the state fail once: the action fails, and
// nothing has changed, then and after a restart.
func TestBrokenWrites(t *testing.T) {
	for _, broken := range []string{"create", "write", "sync", "rename", "sync folder"} {
		t.Run(broken, func(t *testing.T) {
			r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
			web := r.everythingMade()
			before := r.api.Environment()
			once := true
			r.api.Fault(func(step string) error {
				if step == broken && once {
					once = false
					return errBroken
				}
				return nil
			})
			refused(t, r.deregister(web, instance1), "InternalFailure")
			if once {
				t.Fatal("that step was not made")
			}
			if r.api.Environment() != before || r.plane.env != before {
				t.Error("something has changed")
			}
			s := r.again(empty)
			s.wantHealth(web, instance1+":8000 healthy; "+instance2+":8001 healthy")
			if err := s.deregister(web, instance1); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEnds lets the process end at each step, as far as the file is concerned: what was
// acknowledged is there, and what was not is there whole or not at all.
func TestEnds(t *testing.T) {
	for _, last := range []string{"create", "write", "sync", "rename", "sync folder"} {
		t.Run(last, func(t *testing.T) {
			r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
			web := r.everythingMade()
			ended := false
			r.api.Fault(func(step string) error {
				// Nothing is written any more, so that nothing is undone either.
				if ended = ended || step == last; ended {
					return errBroken
				}
				return nil
			})
			refused(t, r.deregister(web, instance1), "InternalFailure")
			want := instance1 + ":8000 healthy; " + instance2 + ":8001 healthy"
			if last == "sync folder" {
				want = instance2 + ":8001 healthy" // it has been renamed
			}
			r.again(empty).wantHealth(web, want)
		})
	}
}

func TestBadStateFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "unexpected end"},
		"no JSON":         {"{", "unexpected end"},
		"half of one":     {`{"version":1,"model":{"target_groups":[`, "unexpected end"},
		"two":             {`{"version":1,"model":{}} {}`, "invalid character"},
		"another version": {`{"version":2,"model":{}}`, "has version 2"},
		"no model":        {`{"version":1}`, "has no model"},
		"unknown":         {`{"version":1,"model":{"rulez":[]}}`, "unknown field"},
		"bad group":       {`{"version":1,"model":{"target_groups":[{"id":"0123456789abcdef","target_group":{"Name":"a b","Port":80}}]}}`, "target_groups[0]"},
		"no listener":     {`{"version":1,"model":{"rules":[{"id":"0","listener":"gone","rule":{"Name":"r","Priority":1}}]}}`, "which is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state.json")
			write(t, file, c.text)
			_, err := elbv2api.New(elbv2api.Options{Declared: load(t, empty), DataPlane: &plane{}, StateFile: file})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "state file") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestStateIsBounded fills the state file until a change is refused: the next start must be
// able to read what was acknowledged.
func TestStateIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	r := startWith(t, load(t, empty), file)
	r.group("web")
	r.api.Freeze()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := elbv2api.DecodeState(text)
	if err != nil {
		t.Fatal(err)
	}
	s.Model.TargetGroups[0].Tags = map[string]string{"a": strings.Repeat("x", elbv2api.MaxState-3*len(text))}
	if text, err = elbv2api.EncodeState(s); err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text))
	r = startWith(t, load(t, empty), file)
	taken := 1
	for ; taken < 10; taken++ {
		_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String(fmt.Sprint("g", taken)), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80)})
		if err != nil {
			break
		}
	}
	refused(t, err, "ValidationError")
	if got := len(r.again(empty).plane.env.TargetGroups); got != taken {
		t.Errorf("%d groups after a restart, want %d", got, taken)
	}
}

// TestHandOverThatFails has another process take over and end.
func TestHandOverThatFails(t *testing.T) {
	r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
	web := r.everythingMade()
	describe := func() error {
		_, err := r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{})
		return err
	}
	r.api.HandOver(time.Hour)
	refused(t, describe(), "ServiceUnavailable")
	refused(t, r.deregister(web, instance1), "ServiceUnavailable")

	// None came.
	r.api.HandOver(0)
	applied := r.plane.applied
	if err := describe(); err != nil || r.plane.applied != applied {
		t.Errorf("%v, applied %d times", err, r.plane.applied-applied)
	}

	// One came and changed something.
	r.api.HandOver(0)
	other := startWith(t, load(t, empty), r.state)
	refused(t, describe(), "ServiceUnavailable")
	if err := other.deregister(web, instance1); err != nil {
		t.Fatal(err)
	}
	other.api.Freeze()
	r.wantHealth(web, instance2+":8001 healthy; "+instance1+":8000 draining Target.DeregistrationInProgress")
	if err := r.register(web, instance1); err != nil {
		t.Error(err)
	}
}

// TestHandOverWithoutStateFile has nothing but the word of the server to go by.
func TestHandOverWithoutStateFile(t *testing.T) {
	env, replaced := load(t, open), true
	api, err := elbv2api.New(elbv2api.Options{Declared: env, DataPlane: &plane{}, Replaced: func() bool { return replaced }})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Start(env); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.Handler())
	defer s.Close()
	api.HandOver(0)
	if status, text, _ := post(t, s.URL, "Action=DescribeLoadBalancers"+version, nil); status != http.StatusServiceUnavailable {
		t.Errorf("another process has taken over: %d %s", status, text)
	}
	replaced = false
	if status, text, _ := post(t, s.URL, "Action=DescribeLoadBalancers"+version, nil); status != http.StatusOK {
		t.Errorf("no other process has taken over: %d %s", status, text)
	}
}

// TestClashes reloads files that do not go with what the API made.
func TestClashes(t *testing.T) {
	r := start(t, full)
	lb := must[*elb.DescribeLoadBalancersOutput](t)(r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})).LoadBalancers[0].LoadBalancerArn
	r.group("made")
	r.listen(*lb, 8081, teapot)
	r.rule(r.declaredListener(), 20, forward(r.arn("img")))
	before := r.api.Environment()
	for want, text := range map[string]string{
		"the control API has created a target group made":       strings.Replace(full, "{name: img, port: 8000}", "{name: img, port: 8000}\n  - {name: made, port: 1}", 1),
		"the control API has created a listener http-8081":      strings.Replace(full, "port: 8080", "port: 8081", 1),
		"the control API has created a rule of priority 20;":    strings.Replace(full, "priority: 10", "priority: 20", 1),
		"on the listener web, which is gone":                    strings.Replace(full, "name: web\n", "name: web2\n", 1),
		"listeners on the load balancer that the file declared": empty,
		`no target group has that name (got "img"`:              strings.Replace(strings.Replace(full, "  - {name: img, port: 8000}\n", "", 1), "target_group: img", "target_group: web", 1),
	} {
		err := r.api.Reload(load(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if r.api.Environment() != before {
		t.Error("something has changed")
	}
	if err := r.api.Reload(load(t, strings.Replace(full, "port: 8001", "port: 8002", 1))); err != nil {
		t.Error(err)
	}
}

// FuzzState wants a state file that is read to be written as one that reads the same.
func FuzzState(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "state-v1.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"model":{"targets":{"web":{"deregistered":[{"address":"x","port":-1}]}}}}`))
	env := load(f, full)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := elbv2api.DecodeState(text)
		if err != nil {
			return
		}
		written, err := elbv2api.EncodeState(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := elbv2api.DecodeState(written)
		if err != nil {
			t.Fatal(err)
		}
		if rewritten, err := elbv2api.EncodeState(again); err != nil || !bytes.Equal(written, rewritten) {
			t.Errorf("%v: got %s, want %s", err, rewritten, written)
		}
		_, _ = m.Model.Overlay(env) // whatever it says, it says it without a panic
		if !json.Valid(written) {
			t.Error("no JSON is written")
		}
	})
}
