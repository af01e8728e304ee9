package elbv2api_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// open is a file whose API asks for no signature.
var open = strings.Replace(empty, "    credentials: {"+keyID+": "+secret+"}\n", "", 1)

const version = "&Version=2015-12-01"

// post sends a form as it is.
func post(t testing.TB, url, form string, change func(r *http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func TestAnswers(t *testing.T) {
	r := start(t, open)
	status, text, header := post(t, r.url, "Action=DescribeLoadBalancers"+version, nil)
	want := `<DescribeLoadBalancersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
<DescribeLoadBalancersResult><LoadBalancers></LoadBalancers></DescribeLoadBalancersResult>
<ResponseMetadata><RequestId>` + header.Get("X-Amzn-Requestid") + `</RequestId></ResponseMetadata>
</DescribeLoadBalancersResponse>
`
	if status != http.StatusOK || text != want || header.Get("Content-Type") != "text/xml" {
		t.Errorf("got %d %s", status, text)
	}
	status, text, header = post(t, r.url, "Action=DescribeTargetGroups&Names.member.1=%3Cx%3E"+version, nil)
	want = `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
<Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups not found</Message></Error>
<RequestId>` + header.Get("X-Amzn-Requestid") + `</RequestId>
</ErrorResponse>
`
	if status != http.StatusBadRequest || text != want {
		t.Errorf("got %d %s", status, text)
	}
}

func TestRefusedRequests(t *testing.T) {
	r := start(t, open)
	with := func(name, value string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		form   string
		change func(r *http.Request)
		status int
		code   string
	}{
		"unknown action":      {form: "Action=Nothing" + version, status: 400, code: "InvalidAction"},
		"action not there":    {form: "Action=CreateTrustStore" + version, status: 400, code: "InvalidAction"},
		"no action":           {form: "Version=2015-12-01", status: 400, code: "MissingAction"},
		"no version":          {form: "Action=DescribeTargetGroups", status: 400, code: "InvalidAction"},
		"version of v1":       {form: "Action=DescribeLoadBalancers&Version=2012-06-01", status: 400, code: "InvalidAction"},
		"unknown parameter":   {form: "Action=DescribeTargetGroups&Nmaes.member.1=x" + version, status: 400, code: "ValidationError"},
		"no query":            {form: "Action=%zz", status: 400, code: "MalformedQueryString"},
		"too large":           {form: "Action=DescribeTargetGroups&Marker=" + strings.Repeat("x", 1<<20), status: 413, code: "RequestEntityTooLarge"},
		"JSON":                {form: "{}", change: with("Content-Type", "application/json"), status: 400, code: "MalformedQueryString"},
		"another path":        {change: func(r *http.Request) { r.URL.Path = "/x" }, status: 400, code: "InvalidAction"},
		"PUT":                 {change: func(r *http.Request) { r.Method = http.MethodPut }, status: 400, code: "InvalidAction"},
		"from a web page":     {form: "Action=DescribeTargetGroups" + version, change: with("Origin", "http://127.0.0.1:9297"), status: 400, code: "OperationNotPermitted"},
		"from another site":   {form: "Action=DescribeTargetGroups" + version, change: with("Sec-Fetch-Site", "cross-site"), status: 400, code: "OperationNotPermitted"},
		"for a foreign host":  {form: "Action=DescribeTargetGroups" + version, change: func(r *http.Request) { r.Host = "evil.example:9297" }, status: 400, code: "OperationNotPermitted"},
		"parameters in query": {form: "Action=DescribeTargetGroups" + version, change: func(r *http.Request) { r.URL.RawQuery = "a=b" }, status: 400, code: "MalformedQueryString"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text, _ := post(t, r.url, c.form, c.change)
			var answer struct {
				Error struct{ Code, Message string }
			}
			if err := xml.Unmarshal([]byte(text), &answer); err != nil || status != c.status || answer.Error.Code != c.code || answer.Error.Message == "" {
				t.Errorf("got %d %s", status, text)
			}
		})
	}
}

func TestGET(t *testing.T) {
	r := start(t, open)
	get := func(query string) int {
		answer, err := http.Get(r.url + "/?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if got := get("Action=DescribeLoadBalancers" + version); got != http.StatusOK {
		t.Errorf("a question: %d", got)
	}
	if got := get("Action=CreateTargetGroup&Name=x&Protocol=HTTP&Port=80" + version); got != http.StatusBadRequest {
		t.Errorf("a change without signature: %d", got)
	}
}

// TestSignatures wants a signature where the file has credentials.
func TestSignatures(t *testing.T) {
	r := start(t, empty)
	const form = "Action=CreateTargetGroup&Name=x&Protocol=HTTP&Port=80" + version
	status, text, _ := post(t, r.url, form, nil)
	if status != http.StatusForbidden || !strings.Contains(text, "MissingAuthenticationToken") {
		t.Errorf("got %d %s", status, text)
	}
	_, err := client(r.url, secret+"x").DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	refused(t, err, "SignatureDoesNotMatch")
	r.api.SetCredentials(map[string][]byte{"AKIAIOSFODNN7EXAMPLF": []byte(secret)})
	_, err = r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	refused(t, err, "InvalidClientTokenId")
}

// wiretap is a client, and the last request that it made.
type wiretap struct {
	*elb.Client
	heard *http.Request
	body  string
}

func (r *running) tap() *wiretap {
	var w wiretap
	proxy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		text, _ := io.ReadAll(in.Body)
		w.heard, w.body = in.Clone(ctx), string(text)
		status, answer, _ := post(r.t, r.url, w.body, copyOf(in))
		out.WriteHeader(status)
		_, _ = io.WriteString(out, answer)
	}))
	r.t.Cleanup(proxy.Close)
	w.Client = client(proxy.URL, secret)
	return &w
}

// again sends what was heard last once more, and wants that answer.
func (w *wiretap) again(r *running, want string) {
	r.t.Helper()
	if status, text, _ := post(r.t, r.url, w.body, copyOf(w.heard)); !strings.Contains(fmt.Sprint(status, text), want) {
		r.t.Errorf("got %d %s, want %s", status, text, want)
	}
}

// TestReplayedRequest sends what was overheard once more.
func TestReplayedRequest(t *testing.T) {
	r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
	w := r.tap()
	web := r.group("web")
	tags := &elb.AddTagsInput{ResourceArns: []string{web + "0"}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}
	_, err := w.AddTags(ctx, tags)
	refused(t, err, "TargetGroupNotFound")
	w.again(r, "TargetGroupNotFound") // nothing was done
	if _, err := w.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{}); err != nil {
		t.Fatal(err)
	}
	w.again(r, fmt.Sprint(http.StatusOK)) // a question may be asked twice
	tags.ResourceArns[0] = web
	if _, err := w.AddTags(ctx, tags); err != nil {
		t.Fatal(err)
	}
	w.again(r, "<Code>Throttling</Code>")
	w.again(r.again(empty), "<Code>Throttling</Code>") // another process knows of it
	w.again(r, "<Code>ServiceUnavailable</Code>")
}

// copyOf makes a request what another was.
func copyOf(in *http.Request) func(r *http.Request) {
	return func(r *http.Request) {
		r.Host = in.Host
		r.Header = in.Header.Clone()
	}
}
