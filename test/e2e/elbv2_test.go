//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// apiFile is a container without listeners, to be filled through the control API.
const apiFile = `app: page
domain: app.test
load_balancer: {listeners: []}
certificates:
  site:
    acm: {arn: "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"}
    files: {certificate: site.crt, private_key: site.key}
  other: {files: {certificate: site.crt, private_key: site.key}}
proxy:
  bind: {http-80: "%PLAIN%", https-443: "%SECURE%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: %DIR%/access.log, format: alb}
  elbv2_api:
    listen: "%API%"
    credentials: {AKIAIOSFODNN7EXAMPLE: "env:API_SECRET"}
    instances: {i-0123456789abcdef0: 127.0.0.21, i-0123456789abcdef1: 127.0.0.22}
    state_file: %DIR%/state.json
`

const (
	apiKey         = "AKIAIOSFODNN7EXAMPLE"
	apiSecret      = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	certificateARN = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	first, second  = "i-0123456789abcdef0", "i-0123456789abcdef1"
)

// account runs the AWS CLI against a container.
type account struct {
	*balancer
	endpoint string
	client   *elbv2.Client // see sdk
}

func newAccount(t *testing.T) *account {
	t.Helper()
	api := loopback(freePorts(t, 1)[0])
	s := newSite(t, strings.ReplaceAll(apiFile, "%API%", api))
	return &account{balancer: s.serve("API_SECRET=" + apiSecret), endpoint: "http://" + api}
}

// aws runs `aws elbv2` and returns what it printed.
func (a *account) aws(args ...string) (string, error) {
	a.site.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	c := exec.CommandContext(ctx, tool(a.site.t, "/usr/bin/aws", "awscli"), append([]string{"--endpoint-url", a.endpoint, "--output", "json", "elbv2"}, args...)...)
	c.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + a.site.dir, "AWS_ACCESS_KEY_ID=" + apiKey, "AWS_SECRET_ACCESS_KEY=" + apiSecret,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
	}
	out, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("aws elbv2 %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}

// must is aws for commands that succeed; it returns the member of the answer that path names.
func (a *account) must(path string, args ...string) string {
	a.site.t.Helper()
	out, err := a.aws(args...)
	if err != nil {
		a.site.t.Fatal(err)
	}
	if path == "" {
		return out
	}
	var answer map[string][]map[string]any
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		a.site.t.Fatalf("aws elbv2 %s: %v: %s", args[0], err, out)
	}
	list, member, _ := strings.Cut(path, ".")
	if len(answer[list]) == 0 {
		a.site.t.Fatalf("aws elbv2 %s has no %s: %s", args[0], path, out)
	}
	text, _ := answer[list][0][member].(string)
	if text == "" {
		a.site.t.Fatalf("aws elbv2 %s has no %s: %s", args[0], path, out)
	}
	return text
}

// page is what the commands of the page have made.
type page struct{ group, balancer, secure, plain string }

// follow runs the commands of the page, in its order and with its options.
func (a *account) follow() page {
	a.site.t.Helper()
	var p page
	p.group = a.must("TargetGroups.TargetGroupArn", "create-target-group", "--name", "syncapp-web", "--protocol", "HTTP", "--port", "8000",
		"--vpc-id", "vpc-0123456789abcdef0", "--target-type", "instance",
		"--health-check-protocol", "HTTP", "--health-check-path", "/health/", "--health-check-interval-seconds", "30",
		"--health-check-timeout-seconds", "5", "--healthy-threshold-count", "2", "--unhealthy-threshold-count", "2", "--matcher", "HttpCode=200")
	a.must("", "register-targets", "--target-group-arn", p.group, "--targets", "Id="+first, "Id="+second)
	p.balancer = a.must("LoadBalancers.LoadBalancerArn", "create-load-balancer", "--name", "syncapp-alb",
		"--subnets", "subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "--security-groups", "sg-0123456789abcdef0",
		"--scheme", "internet-facing", "--type", "application", "--ip-address-type", "ipv4")
	p.secure = a.must("Listeners.ListenerArn", "create-listener", "--load-balancer-arn", p.balancer, "--protocol", "HTTPS", "--port", "443",
		"--ssl-policy", "ELBSecurityPolicy-TLS-1-2-2017-01", "--certificates", "CertificateArn="+certificateARN,
		"--default-actions", "Type=forward,TargetGroupArn="+p.group)
	p.plain = a.must("Listeners.ListenerArn", "create-listener", "--load-balancer-arn", p.balancer, "--protocol", "HTTP", "--port", "80",
		"--default-actions", "Type=redirect,RedirectConfig={Protocol=HTTPS,Port=443,StatusCode=HTTP_301}")
	return p
}

// TestPageOfCommands is the promise of the control API: what people typed for an ALB makes
// traffic flow through the container.
func TestPageOfCommands(t *testing.T) {
	one, two := newMirrorAt(t, "one", "127.0.0.21:8000"), newMirrorAt(t, "two", "127.0.0.22:8000")
	a := newAccount(t)
	p := a.follow()
	a.must("", "wait", "load-balancer-available", "--load-balancer-arns", p.balancer)
	a.must("", "wait", "target-in-service", "--target-group-arn", p.group)

	k := &keeper{address: a.site.secure, secure: untrusting()}
	defer k.close()
	for n := range 40 {
		if err := k.ask(questions("page", n)); err != nil {
			t.Fatal(err)
		}
	}
	if one.requests.Load() == 0 || two.requests.Load() == 0 {
		t.Errorf("one got %d requests, two %d", one.requests.Load(), two.requests.Load())
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, _ := http.NewRequest(http.MethodGet, "http://"+a.site.plain+"/path?q=1", nil)
	request.Host = "app.test"
	answer, err := stay.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusMovedPermanently || got != "https://app.test:443/path?q=1" {
		t.Errorf("the HTTP listener answers %d to %q", answer.StatusCode, got)
	}
	if out, err := a.aws("describe-target-groups", "--names", "none"); err == nil || !strings.Contains(err.Error(), "TargetGroupNotFound") {
		t.Errorf("a group that is not there: %s, %v", out, err)
	}

	// All of it is there after a restart.
	a.Signal(syscall.SIGTERM)
	if err := a.Wait(); err != nil {
		t.Fatal(err)
	}
	b := a.site.serve("API_SECRET=" + apiSecret)
	a = &account{balancer: b, endpoint: a.endpoint}
	a.must("", "wait", "target-in-service", "--target-group-arn", p.group)
	again := &keeper{address: a.site.secure, secure: untrusting()}
	defer again.close()
	if err := again.ask(questions("again", 0)); err != nil {
		t.Error(err)
	}

	// And all of it goes.
	a.must("", "delete-load-balancer", "--load-balancer-arn", p.balancer)
	a.must("", "wait", "load-balancers-deleted", "--load-balancer-arns", p.balancer)
	a.must("", "delete-target-group", "--target-group-arn", p.group)
	if c, err := net.DialTimeout("tcp", a.site.secure, time.Second); err == nil {
		c.Close()
		t.Error("a deleted load balancer still listens")
	}
}

// underLoad asks without a pause until stop is called, which returns how many requests there were.
func underLoad(t *testing.T, address string, clients int) (stop func() int64) {
	t.Helper()
	var asked atomic.Int64
	var end atomic.Bool
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			k := &keeper{address: address, secure: untrusting()}
			defer k.close()
			for n := 0; !end.Load(); n++ {
				if err := k.ask(questions(fmt.Sprintf("load%d", i), n)); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	return func() int64 {
		end.Store(true)
		group.Wait()
		return asked.Load()
	}
}

// TestDrainByCommand takes a target out under load with the CLI and its waiter.
func TestDrainByCommand(t *testing.T) {
	one, two := newMirrorAt(t, "one", "127.0.0.21:8000"), newMirrorAt(t, "two", "127.0.0.22:8000")
	a := newAccount(t)
	p := a.follow()
	const deregistrationDelay = 3 * time.Second
	a.must("", "modify-target-group-attributes", "--target-group-arn", p.group, "--attributes", fmt.Sprintf("Key=deregistration_delay.timeout_seconds,Value=%.0f", deregistrationDelay.Seconds()))
	a.must("", "wait", "target-in-service", "--target-group-arn", p.group)
	stop := underLoad(t, a.site.secure, 8)
	time.Sleep(500 * time.Millisecond)

	began := time.Now()
	a.must("", "deregister-targets", "--target-group-arn", p.group, "--targets", "Id="+first)
	deregistered := time.Now()
	if out := a.must("", "describe-target-health", "--target-group-arn", p.group, "--targets", "Id="+first); !strings.Contains(out, `"State": "draining"`) && time.Since(deregistered) < deregistrationDelay {
		t.Errorf("a target that was just deregistered: %s", out)
	}
	var drained sync.WaitGroup
	drained.Go(func() {
		a.must("", "wait", "target-deregistered", "--target-group-arn", p.group, "--targets", "Id="+first)
	})
	time.Sleep(200 * time.Millisecond) // what was on its way
	before := one.requests.Load()
	drained.Wait()
	if took := time.Since(began); took < deregistrationDelay || took > patience {
		t.Errorf("the wait took %v, of a deregistration delay of %v", took, deregistrationDelay)
	}
	if n := one.requests.Load() - before; n > 0 {
		t.Errorf("the drained target got %d new requests", n)
	}
	a.must("", "register-targets", "--target-group-arn", p.group, "--targets", "Id="+first)
	a.must("", "wait", "target-in-service", "--target-group-arn", p.group, "--targets", "Id="+first)
	back := one.requests.Load()
	a.Until("the target gets requests again", func() bool { return one.requests.Load() > back })
	if n := stop(); !t.Failed() {
		t.Logf("%d requests, none failed; %d and %d to the targets", n, one.requests.Load(), two.requests.Load())
	}
}

// TestCanaryByCommand moves a weighted forward under load, 90 to 10 and then 0 to 100.
func TestCanaryByCommand(t *testing.T) {
	stable, canary := newMirrorAt(t, "stable", "127.0.0.21:8000"), newMirrorAt(t, "canary", "127.0.0.22:8000")
	a := newAccount(t)
	p := a.follow()
	a.must("", "deregister-targets", "--target-group-arn", p.group, "--targets", "Id="+second)
	group := a.must("TargetGroups.TargetGroupArn", "create-target-group", "--name", "syncapp-canary", "--protocol", "HTTP", "--port", "8000",
		"--vpc-id", "vpc-0123456789abcdef0", "--health-check-path", "/health/")
	a.must("", "register-targets", "--target-group-arn", group, "--targets", "Id="+second)
	forward := func(stable, canary int) string {
		return fmt.Sprintf(`[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":%q,"Weight":%d},{"TargetGroupArn":%q,"Weight":%d}]}}]`, p.group, stable, group, canary)
	}
	rule := a.must("Rules.RuleArn", "create-rule", "--listener-arn", p.secure, "--priority", "10",
		"--conditions", "Field=path-pattern,Values=/*", "--actions", forward(90, 10))
	a.must("", "wait", "target-in-service", "--target-group-arn", group, "--targets", "Id="+second)
	a.Until("the drained target is gone", func() bool { return a.metric("alb_healthy_host_count") == 2 })

	s0, c0 := stable.requests.Load(), canary.requests.Load()
	stop := underLoad(t, a.site.secure, 8)
	a.Until("enough requests", func() bool { return stable.requests.Load()+canary.requests.Load()-s0-c0 > 4000 })
	s, c := float64(stable.requests.Load()-s0), float64(canary.requests.Load()-c0)
	if n := s + c; math.Abs(c-0.1*n) > 3*math.Sqrt(n*0.1*0.9) {
		t.Errorf("the canary got %.0f of %.0f requests, want 10 %%, within 3 sigma", c, n)
	}
	a.must("", "modify-rule", "--rule-arn", rule, "--actions", forward(0, 100))
	time.Sleep(200 * time.Millisecond) // what was on its way
	before := stable.requests.Load()
	now := canary.requests.Load()
	a.Until("all go to the canary", func() bool { return canary.requests.Load() > now+1000 })
	if n := stable.requests.Load() - before; n > 0 {
		t.Errorf("%d requests went to the group of weight 0", n)
	}
	if n := stop(); !t.Failed() {
		t.Logf("%d requests, none failed; the canary's share was %.1f %%", n, 100*c/(s+c))
	}
}
