package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/proxy/internal/server"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness"
)

// bare is an environment that declares nothing, with the control API on any free port.
const bare = `app: test
certificates:
  site: {files: {certificate: site.crt, private_key: site.key}}
proxy:
  bind: {http-80: "127.0.0.1:0", https-443: "127.0.0.3:0"}
  admin: {listen: "127.0.0.2:0"}
  access_log: {path: off}
  elbv2_api: {listen: "127.0.0.4:0", state_file: state.json, credentials: {AKIAIOSFODNN7EXAMPLE: "file:secret"}}
`

// folder has a certificate and the secret access key.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(accessKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const accessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// startIn serves an environment file in a folder.
func startIn(t *testing.T, dir, text string) (*running, error) {
	t.Helper()
	r := &running{t: t, file: filepath.Join(dir, "test.yaml")}
	env := r.write(text)
	s, err := server.New(env, server.Options{Logger: slog.New(slog.DiscardHandler), Dir: dir, Version: "test"})
	if err != nil {
		return nil, err
	}
	r.Server = s
	t.Cleanup(r.kill)
	return r, s.Start(env)
}

// kill ends the server without a drain.
func (r *running) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Shutdown(ctx)
}

// control is AWS's own client of the control API.
func (r *running) control() *elb.Client {
	return elb.New(elb.Options{
		BaseEndpoint: aws.String("http://" + r.APIAddr().String()), Region: "eu-west-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", accessKey, ""),
		// Of two processes with one socket, it may take a while until the right one is asked.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = 20, 20*time.Millisecond
		}),
	})
}

// made is what an API made: their ARNs.
type made struct{ group, loadBalancer, http, https string }

// make makes a load balancer over the targets.
func (r *running) make(targets ...*harness.Target) made {
	r.t.Helper()
	c, ctx := r.control(), r.t.Context()
	var m made
	group, err := c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp})
	if err != nil {
		r.t.Fatal(err)
	}
	m.group = *group.TargetGroups[0].TargetGroupArn
	for _, target := range targets {
		if _, err := c.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &m.group, Targets: []types.TargetDescription{describe(target)}}); err != nil {
			r.t.Fatal(err)
		}
	}
	lb, err := c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("test-alb"), Subnets: []string{"subnet-0aaaaaaa1", "subnet-0aaaaaaa2"}})
	if err != nil {
		r.t.Fatal(err)
	}
	m.loadBalancer = *lb.LoadBalancers[0].LoadBalancerArn
	listener, err := c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &m.loadBalancer, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &m.group}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	m.http = *listener.Listeners[0].ListenerArn
	listener, err = c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &m.loadBalancer, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), SslPolicy: aws.String("ELBSecurityPolicy-TLS-1-2-2017-01"),
		Certificates:   []types.Certificate{{CertificateArn: aws.String("arn:aws:acm:eu-west-1:123456789012:certificate/site")}},
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &m.group}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	m.https = *listener.Listeners[0].ListenerArn
	return m
}

func describe(target *harness.Target) types.TargetDescription {
	return types.TargetDescription{Id: aws.String("127.0.0.1"), Port: aws.Int32(int32(target.Port()))}
}

// ask sends a request to a listener and returns the status and the body.
func (r *running) ask(listener string, secure *tls.Config) (int, string) {
	r.t.Helper()
	c := harness.Dial(r.t, r.Addr(listener).String(), harness.Dialing{TLS: secure})
	defer c.Close()
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"))
	response, err := c.ReadResponse("GET")
	if err != nil {
		r.t.Fatal(err)
	}
	return response.Status, string(response.Body)
}

// state is that of a target, as the API shows it.
func (r *running) state(group string, target *harness.Target) types.TargetHealthStateEnum {
	r.t.Helper()
	out, err := r.control().DescribeTargetHealth(r.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []types.TargetDescription{describe(target)}})
	if err != nil {
		r.t.Fatal(err)
	}
	return out.TargetHealthDescriptions[0].TargetHealth.State
}

// TestControlAPI makes a load balancer out of nothing, and ends and starts it.
func TestControlAPI(t *testing.T) {
	dir := folder(t)
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	text := strings.Replace(bare, "path: off", "path: "+filepath.Join(dir, "access.log"), 1)
	s, err := startIn(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a, b)
	until(t, "both targets to be healthy", s.healthy(2))
	insecure := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	for _, listener := range []string{"http-80", "https-443"} {
		secure := insecure
		if listener == "http-80" {
			secure = nil
		}
		if status, _ := s.ask(listener, secure); status != http.StatusOK {
			t.Errorf("%s: %d", listener, status)
		}
	}
	_, err = s.control().DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &m.group, Targets: []types.TargetDescription{describe(a)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.state(m.group, a); got != types.TargetHealthStateEnumDraining {
		t.Errorf("a is %s", got)
	}
	for range 4 {
		if _, body := s.ask("http-80", nil); body != "b" {
			t.Errorf("a request went to %s", body)
		}
	}
	s.kill()
	if log, err := os.ReadFile(filepath.Join(dir, "access.log")); err != nil || !strings.Contains(string(log), " app/test-alb/") {
		t.Errorf("the log does not know the load balancer by its name: %s, %v", log, err)
	}

	again, err := startIn(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the target to be healthy", again.healthy(1))
	if _, body := again.ask("https-443", insecure); body != "b" {
		t.Errorf("a request went to %s", body)
	}
	if got := again.state(m.group, a); got != types.TargetHealthStateEnumUnused {
		t.Errorf("a is %s", got)
	}
	if _, err := again.control().DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &m.loadBalancer}); err != nil {
		t.Fatal(err)
	}
	if again.Addr("http-80") != nil {
		t.Error("the listener is still there")
	}
}

// TestChangesDisturbNothing changes targets, a listener and rules while a TLS session could be
// resumed and a connection is open.
func TestChangesDisturbNothing(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a)
	until(t, "the target to be healthy", s.healthy(1))
	secure := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, ServerName: "app.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := func() bool {
		c, err := tls.Dial("tcp", s.Addr("https-443").String(), secure)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().DidResume
	}
	open := harness.Dial(t, s.Addr("http-80").String(), harness.Dialing{})
	defer open.Close()
	if resumed() {
		t.Fatal("there was nothing to resume")
	}
	still := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if !resumed() {
			t.Errorf("%s: the session was lost", what)
		}
	}
	c, forward := s.control(), []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &m.group}}
	_, err = c.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &m.group, Targets: []types.TargetDescription{describe(b)}})
	still("RegisterTargets", err)
	_, err = c.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: &m.https, DefaultActions: []types.Action{
		{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("404")}},
	}})
	still("ModifyListener", err)
	rule, err := c.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: &m.https, Priority: aws.Int32(1), Actions: forward, Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/"}}},
	})
	still("CreateRule", err)
	if status, _ := s.ask("https-443", secure.Clone()); status != http.StatusOK {
		t.Errorf("the rule that was created: %d", status)
	}
	_, err = c.ModifyRule(t.Context(), &elb.ModifyRuleInput{RuleArn: rule.Rules[0].RuleArn, Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/x"}}}})
	still("ModifyRule", err)
	if status, _ := s.ask("https-443", secure.Clone()); status != http.StatusNotFound {
		t.Errorf("the rule that was modified: %d", status)
	}
	if _, err := c.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: &m.https, SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-3-2021-06")}); err != nil {
		t.Fatal(err)
	}
	if c, err := tls.Dial("tcp", s.Addr("https-443").String(), secure); err == nil {
		c.Close()
		t.Error("the policy that was modified is not in force")
	}
	until(t, "both targets to be healthy", s.healthy(2))
	got := map[string]int{}
	for range 4 {
		open.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		r, err := open.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		got[string(r.Body)]++
	}
	if got["a"] != 2 || got["b"] != 2 {
		t.Errorf("requests went %v", got)
	}
}

// TestReloadKeepsWhatTheAPIMade reads the file again, once with what does not go with it.
func TestReloadKeepsWhatTheAPIMade(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	s.make(a)
	until(t, "the target to be healthy", s.healthy(1))
	if err := s.Reload(s.write(strings.Replace(bare, "app: test", "app: test\ndomain: app.test", 1))); err != nil {
		t.Fatal(err)
	}
	if status, _ := s.ask("http-80", nil); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	declared := bare + `load_balancer: {listeners: [{name: x, port: 81, protocol: HTTP, default_action: {fixed_response: {status_code: 200}}}]}
`
	if err := s.Reload(s.write(declared)); err == nil || !strings.Contains(err.Error(), "the control API has created test-alb") {
		t.Errorf("got %v", err)
	}
	if status, _ := s.ask("http-80", nil); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
}

// TestFullPort has a listener asked for on a port that is taken.
func TestFullPort(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s, err := startIn(t, folder(t), strings.Replace(bare, "http-80:", fmt.Sprintf("http-81: %q, http-80:", a.Address()), 1))
	if err != nil {
		t.Fatal(err)
	}
	m := s.make(a)
	_, err = s.control().CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: &m.loadBalancer, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(81),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &m.group}},
	})
	if err == nil || !strings.Contains(err.Error(), "InvalidConfigurationRequest") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// TestControlAPIOverTLS gives the API a certificate and renews it.
func TestControlAPIOverTLS(t *testing.T) {
	dir := folder(t)
	text := strings.Replace(bare, "state_file: state.json", "state_file: state.json, certificate: {certificate: site.crt, private_key: site.key}", 1)
	s, err := startIn(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() *x509.Certificate {
		c, err := tls.Dial("tcp", s.APIAddr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0]
	}
	first := shown()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	if err := s.Reload(s.write(text)); err != nil {
		t.Fatal(err)
	}
	if shown().Equal(first) {
		t.Error("the certificate is the old one")
	}
}

// TestCredentials reloads a file with another secret, and with none.
func TestCredentials(t *testing.T) {
	dir := folder(t)
	s, err := startIn(t, dir, bare)
	if err != nil {
		t.Fatal(err)
	}
	old := s.control()
	ask := func() error {
		_, err := old.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(accessKey+"2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(s.write(bare)); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(s.write(bare)); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("got %v", err)
	}
}

// TestHandOverOfTheControlAPI starts a second process beside the first.
func TestHandOverOfTheControlAPI(t *testing.T) {
	dir := folder(t)
	text := strings.Replace(bare, "proxy:\n", fmt.Sprintf("proxy:\n  handover_socket: %s\n", filepath.Join(t.TempDir(), "handover")), 1)
	a := harness.NewTarget(t, "a", nil)
	first, err := startIn(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	m := first.make(a)
	open := first.control()
	names := func() string {
		t.Helper()
		out, err := open.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, g := range out.TargetGroups {
			all = append(all, *g.TargetGroupName)
		}
		return strings.Join(all, " ")
	}
	if got := names(); got != "web" {
		t.Errorf("the first has the groups %s", got)
	}
	if first.Replaced() {
		t.Error("the first is said to be replaced by nobody")
	}
	second, err := startIn(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	if second.APIAddr().String() != first.APIAddr().String() {
		t.Errorf("the API is on %s, then on %s", first.APIAddr(), second.APIAddr())
	}
	if !first.Replaced() || second.Replaced() {
		t.Error("the second is not said to have replaced the first")
	}
	// The first still lives, and a connection to it is open.
	second.group("more")
	for range 10 {
		if got := names(); got != "more web" {
			t.Fatalf("the second has made a group, and the API has %s", got)
		}
	}
	first.kill()
	if got := second.state(m.group, a); got == types.TargetHealthStateEnumUnused {
		t.Errorf("the target is %s", got)
	}
	if _, err := second.control().DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &m.loadBalancer}); err != nil {
		t.Error(err)
	}
	if _, err := startIn(t, dir, bare); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a third that takes nothing over: %v", err)
	}
}

// TestDrainTimeCountsWhatTheAPIMade keeps what a stop waits for as long as the groups say.
func TestDrainTimeCountsWhatTheAPIMade(t *testing.T) {
	s, err := startIn(t, folder(t), bare)
	if err != nil {
		t.Fatal(err)
	}
	s.make()
	if got := s.DrainTime(); got != spec.DefaultDeregistrationDelay {
		t.Errorf("got %s", got)
	}
}
