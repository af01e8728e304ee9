package parity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness"
)

// container is a container that serves an environment file, asked through its control API.
type container struct {
	t      *testing.T
	client *elbv2.Client
}

// serve runs the program on a file, on free ports of the loopback.
func serve(t *testing.T, program, file string) *container {
	t.Helper()
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "localhost"))
	for name, c := range env.Certificates {
		c.Files = spec.CertificateFiles{Certificate: "site.crt", PrivateKey: "site.key"}
		env.Certificates[name] = c
	}
	// What is on the machines that the file is for is not here, and no part of what is compared.
	for i := range env.Edge.Static {
		env.Edge.Static[i].Directory = dir
	}
	for status := range env.Edge.ErrorPages {
		env.Edge.ErrorPages[status] = "page.html"
	}
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("<p>later</p>"), 0o600); err != nil {
		t.Fatal(err)
	}
	env.Proxy.Bind = map[string]string{}
	for i := range env.LoadBalancer.Listeners {
		env.Proxy.Bind[env.LoadBalancer.Listeners[i].Name] = freeAddress(t)
	}
	env.Proxy.Admin.Listen, env.Proxy.ELBv2API.Listen = freeAddress(t), freeAddress(t)
	env.Proxy.AccessLog.Path = spec.LogOff
	copied, err := os.Create(filepath.Join(dir, filepath.Base(file)))
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if err := spec.Print(copied, env); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, program, "serve", "--no-watch", copied.Name())
	p.WaitListening(env.Proxy.ELBv2API.Listen)
	endpoint := "http://" + env.Proxy.ELBv2API.Listen
	return &container{t, elbv2.New(elbv2.Options{BaseEndpoint: &endpoint, Region: "eu-west-1", Credentials: aws.AnonymousCredentials{}})}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ask wants an answer of the API without an error.
func ask[In, Out any](c *container, action func(context.Context, *In, ...func(*elbv2.Options)) (*Out, error), in *In) *Out {
	c.t.Helper()
	answer, err := action(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// TestContainerSaysWhatTheTemplateSays has the container compile and serve the file that the
// template was made of, asks it by the same API that CloudFormation speaks to AWS, and compares
// the answers with the template's properties, one by one.
func TestContainerSaysWhatTheTemplateSays(t *testing.T) {
	program, err := harness.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range environments {
		t.Run(name, func(t *testing.T) {
			c := serve(t, program, file)
			assembly := golden(t, name)
			compared := 0
			w := &witness{t: t, c: c, assembly: assembly, groups: map[string]string{}, compared: &compared}
			w.targetGroups()
			w.loadBalancer()
			w.listeners()
			if compared < 35 {
				t.Errorf("%d values were compared", compared)
			}
		})
	}
}

// witness compares.
type witness struct {
	t        *testing.T
	c        *container
	assembly *template.Assembly
	// groups are the names of target groups by the ARN that the container has for them.
	groups   map[string]string
	compared *int
}

// awsOnly are properties and attributes that are AWS's alone: networks, logs in buckets,
// firewalls, zones, names and tags of resources.
var awsOnly = []string{
	"VpcId", "Subnets", "SecurityGroups", "Tags", "Certificates", "ListenerArn", "LoadBalancerArn", "Targets", "Name",
	"access_logs.", "connection_logs.", "health_check_logs.", "deletion_protection.", "zonal_shift.", "waf.", "ipv6.",
	// Only an agent of AWS on the target would know of it.
	"TargetControlPort",
}

func isAWSOnly(name string) bool {
	return slices.ContainsFunc(awsOnly, func(s string) bool { return name == s || strings.HasSuffix(s, ".") && strings.HasPrefix(name, s) })
}

func (w *witness) targetGroups() {
	w.t.Helper()
	page := ask(w.c, w.c.client.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{})
	for _, g := range page.TargetGroups {
		w.groups[*g.TargetGroupArn] = *g.TargetGroupName
		r := w.resource("AWS::ElasticLoadBalancingV2::TargetGroup", *g.TargetGroupName)
		w.holds(*g.TargetGroupName, r, r.Properties, g, "TargetGroupAttributes")
		attributes := map[string]string{}
		for _, a := range ask(w.c, w.c.client.DescribeTargetGroupAttributes, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn}).Attributes {
			attributes[*a.Key] = *a.Value
		}
		w.attributes(*g.TargetGroupName, r, "TargetGroupAttributes", attributes)
	}
}

func (w *witness) loadBalancer() {
	w.t.Helper()
	page := ask(w.c, w.c.client.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{})
	r := w.assembly.All("AWS::ElasticLoadBalancingV2::LoadBalancer")[0]
	if len(page.LoadBalancers) != 1 || *page.LoadBalancers[0].LoadBalancerName != r.String("Name") {
		w.t.Fatalf("load balancers %v, want %s", page.LoadBalancers, r.String("Name"))
	}
	w.holds("load balancer", r, r.Properties, page.LoadBalancers[0], "LoadBalancerAttributes")
	attributes := map[string]string{}
	for _, a := range ask(w.c, w.c.client.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: page.LoadBalancers[0].LoadBalancerArn}).Attributes {
		attributes[*a.Key] = *a.Value
	}
	w.attributes("load balancer", r, "LoadBalancerAttributes", attributes)
}

func (w *witness) listeners() {
	w.t.Helper()
	balancer := ask(w.c, w.c.client.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{}).LoadBalancers[0].LoadBalancerArn
	for _, l := range ask(w.c, w.c.client.DescribeListeners, &elbv2.DescribeListenersInput{LoadBalancerArn: balancer}).Listeners {
		var r *template.Resource
		for _, candidate := range w.assembly.All("AWS::ElasticLoadBalancingV2::Listener") {
			if candidate.Number("Port") == float64(*l.Port) {
				r = candidate
			}
		}
		if r == nil {
			w.t.Fatalf("the template has no listener of port %d", *l.Port)
		}
		what := "listener " + strconv.Itoa(int(*l.Port))
		w.holds(what, r, r.Properties, l, "ListenerAttributes")
		attributes := map[string]string{}
		for _, a := range ask(w.c, w.c.client.DescribeListenerAttributes, &elbv2.DescribeListenerAttributesInput{ListenerArn: l.ListenerArn}).Attributes {
			attributes[*a.Key] = *a.Value
		}
		w.attributes(what, r, "ListenerAttributes", attributes)
		w.rules(what, r, *l.ListenerArn)
	}
}

func (w *witness) rules(what string, listener *template.Resource, arn string) {
	w.t.Helper()
	byPriority := map[string]*template.Resource{}
	for _, r := range w.assembly.All("AWS::ElasticLoadBalancingV2::ListenerRule") {
		if to, _, _ := w.assembly.Target(r.Stack, r.Get("ListenerArn")); to == listener && r.Has("Tags") && tagged(r) {
			byPriority[r.String("Priority")] = r
		}
	}
	for _, rule := range ask(w.c, w.c.client.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &arn}).Rules {
		if *rule.IsDefault {
			continue // the listener's default action
		}
		r := byPriority[*rule.Priority]
		if r == nil {
			w.t.Errorf("%s: the template has no rule of priority %s", what, *rule.Priority)
			continue
		}
		delete(byPriority, *rule.Priority)
		w.holds(what+", rule "+*rule.Priority, r, r.Properties, rule, "")
	}
	for priority := range byPriority {
		w.t.Errorf("%s: the container has no rule of priority %s", what, priority)
	}
}

func tagged(r *template.Resource) bool {
	_, ok := r.Attribute("Tags", "Name")
	return ok
}

func (w *witness) resource(kind, name string) *template.Resource {
	w.t.Helper()
	for _, r := range w.assembly.All(kind) {
		if got, _ := r.Attribute("Tags", "Name"); got == name {
			return r
		}
	}
	w.t.Fatalf("the template has no %s called %s", kind, name)
	return nil
}

// awsDefaults are AWS's values of attributes that a template may leave out. Headers of
// responses, which are left out as well, are empty.
var awsDefaults = map[string]string{
	"load_balancing.algorithm.anomaly_mitigation": "off",
	"load_balancing.cross_zone.enabled":           "true",
	"stickiness.app_cookie.cookie_name":           "",
	"stickiness.app_cookie.duration_seconds":      "86400",
	"stickiness.lb_cookie.duration_seconds":       "86400",
	"stickiness.type":                             "lb_cookie",
}

// attributes wants the container to have what the template says, and AWS's default of what it
// does not.
func (w *witness) attributes(what string, r *template.Resource, list string, got map[string]string) {
	w.t.Helper()
	said := map[string]bool{}
	for i := range r.List(list) {
		key := r.String(fmt.Sprintf("%s[%d].Key", list, i))
		said[key] = true
		if isAWSOnly(key) {
			continue
		}
		*w.compared++
		if want := r.String(fmt.Sprintf("%s[%d].Value", list, i)); got[key] != want {
			w.t.Errorf("%s: %s is %q in the container, %q in the template", what, key, got[key], want)
		}
	}
	for key, value := range got {
		want, known := awsDefaults[key]
		if !said[key] && !isAWSOnly(key) && (value != want || !known && !strings.HasSuffix(key, ".header_value")) {
			w.t.Errorf("%s: %s is %q in the container, and nothing in the template", what, key, value)
		}
	}
}

// holds compares what the template says with what the API answers: each property of the
// template is in the answer, with the same value.
func (w *witness) holds(what string, r *template.Resource, properties map[string]any, answer any, except string) {
	w.t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		w.t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		w.t.Fatal(err)
	}
	for name, value := range properties {
		if name != except && !isAWSOnly(name) {
			w.compare(what+": "+name, r, value, got[name])
		}
	}
}

func (w *witness) compare(what string, r *template.Resource, want, got any) {
	w.t.Helper()
	if to, _, ok := w.assembly.Target(r.Stack, want); ok {
		name, _ := to.Attribute("Tags", "Name")
		*w.compared++
		if arn, _ := got.(string); w.groups[arn] != name {
			w.t.Errorf("%s leads to %v in the container, to %s in the template", what, got, name)
		}
		return
	}
	switch want := want.(type) {
	case map[string]any:
		m, _ := got.(map[string]any)
		for key, value := range want {
			w.compare(what+"."+key, r, value, m[key])
		}
	case []any:
		list, _ := got.([]any)
		if len(list) != len(want) {
			w.t.Errorf("%s has %d in the container, %d in the template", what, len(list), len(want))
			return
		}
		for i := range want {
			w.compare(fmt.Sprintf("%s[%d]", what, i), r, want[i], list[i])
		}
	default:
		*w.compared++
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.t.Errorf("%s is %v in the container, %v in the template", what, got, want)
		}
	}
}
