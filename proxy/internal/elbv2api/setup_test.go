package elbv2api_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// plane is a data plane that takes everything it is not told to refuse. Its targets are
// healthy in groups that are in use; those that go drain until drained is called.
type plane struct {
	mu       sync.Mutex
	env      *spec.Environment
	refuse   error
	applied  int
	draining map[string][]elbv2api.TargetHealth
}

func (p *plane) Apply(env *spec.Environment) error { return p.ApplyChange(env) }

func (p *plane) ApplyChange(env *spec.Environment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.applied++
	if p.env != nil {
		for i := range p.env.TargetGroups {
			was := &p.env.TargetGroups[i]
			for _, t := range was.Targets {
				now := env.TargetGroup(was.Name)
				if now == nil || !has(now, address(was, &t)) {
					p.draining[was.Name] = append(p.draining[was.Name], elbv2api.TargetHealth{
						ID: t.ID, Address: address(was, &t), State: targethealth.Draining, Reason: targethealth.ReasonDeregistrationInProgress,
						Description: "Target deregistration is in progress",
					})
				}
			}
		}
	}
	p.env = env
	return nil
}

func (p *plane) TargetHealth(group string) []elbv2api.TargetHealth {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []elbv2api.TargetHealth
	g := p.env.TargetGroup(group)
	used := p.env.InUseTargetGroups()[group]
	for i := range g.Targets {
		t := &g.Targets[i]
		h := elbv2api.TargetHealth{ID: t.ID, Address: address(g, t), Zone: t.AvailabilityZone, State: targethealth.Healthy}
		if !used {
			h.State, h.Reason = targethealth.Unused, targethealth.ReasonNotInUse
		}
		list = append(list, h)
	}
	for _, d := range p.draining[group] {
		if !has(g, d.Address) {
			list = append(list, d)
		}
	}
	return list
}

// drained ends all deregistration delays.
func (p *plane) drained() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draining = map[string][]elbv2api.TargetHealth{}
}

func address(g *spec.TargetGroup, t *spec.Target) string {
	port := t.Port
	if port == 0 {
		port = g.Port
	}
	return net.JoinHostPort(t.Address, strconv.Itoa(port))
}

func has(g *spec.TargetGroup, at string) bool {
	for i := range g.Targets {
		if address(g, &g.Targets[i]) == at {
			return true
		}
	}
	return false
}

// empty is an environment file that declares no listener.
const empty = `app: shop
certificates:
  shop: {acm: {arn: "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"}, files: {certificate: a, private_key: b}}
  other: {files: {certificate: a, private_key: b}}
proxy:
  bind: {https-443: 127.0.0.1:8443}
  elbv2_api:
    listen: 127.0.0.1:9297
    credentials: {` + keyID + `: ` + secret + `}
    instances: {i-0aaaaaaaaaaaaaaa1: 10.0.1.1, i-0aaaaaaaaaaaaaaa2: 10.0.1.2}
`

// full declares a listener with a rule and two groups.
const full = empty + `
load_balancer:
  listeners:
    - name: web
      port: 8080
      protocol: HTTP
      rules:
        - {name: img, priority: 10, conditions: [{path_pattern: ["/img/*"]}], action: {forward: [{target_group: img}]}}
      default_action: {forward: [{target_group: web}]}
target_groups:
  - {name: web, port: 8000, targets: [{id: web-1, address: 10.0.0.1}, {id: web-2, address: 10.0.0.2, port: 8001}]}
  - {name: img, port: 8000}
aws: {tags: {Team: shops}}
`

// load reads an environment file.
func load(t testing.TB, text string) *spec.Environment {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// running is an API with a client.
type running struct {
	*elb.Client
	t     testing.TB
	api   *elbv2api.API
	plane *plane
	url   string
	state string
}

// start serves the API over an environment file, without a state file.
func start(t testing.TB, text string) *running { return startWith(t, load(t, text), "") }

func startWith(t testing.TB, env *spec.Environment, state string) *running {
	t.Helper()
	p := &plane{draining: map[string][]elbv2api.TargetHealth{}}
	keys := map[string][]byte{}
	for id, s := range env.Proxy.ELBv2API.Credentials {
		keys[id] = []byte(s)
	}
	api, err := elbv2api.New(elbv2api.Options{Declared: env, DataPlane: p, StateFile: state, Credentials: keys, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Start(env); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.Handler())
	t.Cleanup(s.Close)
	t.Cleanup(api.Freeze)
	return &running{client(s.URL, secret), t, api, p, s.URL, state}
}

// client is AWS's own. Each of its requests has an id in what is signed, so that no two are
// the same.
func client(url, secret string) *elb.Client {
	return elb.New(elb.Options{
		BaseEndpoint: aws.String(url), Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		// No refusal is tried twice, or it would be hidden; and no connection is used twice, as what
		// goes wrong with a kept one would be. On a busy machine the client now and then closes its
		// own connection in the middle of a long answer.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Retryables = []retry.IsErrorRetryable{retry.RetryableConnectionError{}}
		}),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
}

// refused wants an error of that code.
func refused(t testing.TB, err error, code string) {
	t.Helper()
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// must fails the test on an error.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var ctx = context.Background()
