//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// TestBoto3 has the AWS SDK for Python make, page through, change and delete everything.
func TestBoto3(t *testing.T) {
	a := newAccount(t)
	python := tool(t, "/usr/bin/python3", "python3-boto3")
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	c := exec.CommandContext(ctx, python, "testdata/elbv2.py", a.endpoint, certificateARN)
	c.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + a.site.dir, "AWS_ACCESS_KEY_ID=" + apiKey, "AWS_SECRET_ACCESS_KEY=" + apiSecret, "AWS_EC2_METADATA_DISABLED=true",
	}
	out, err := c.CombinedOutput()
	if strings.Contains(string(out), "No module named 'boto3'") {
		t.Fatal("boto3 is missing: apt-get install python3-boto3")
	}
	if err != nil || !strings.HasSuffix(string(out), "done\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestWrongKeyIsRefused: the signature is what opens the API.
func TestWrongKeyIsRefused(t *testing.T) {
	a := newAccount(t)
	python := tool(t, "/usr/bin/python3", "python3-boto3")
	c := exec.Command(python, "-c", `
import boto3, sys
from botocore.exceptions import ClientError
try:
    boto3.client("elbv2", endpoint_url=sys.argv[1], region_name="eu-west-1").describe_target_groups()
except ClientError as e:
    print(e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
`, a.endpoint)
	c.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + a.site.dir, "AWS_ACCESS_KEY_ID=" + apiKey, "AWS_SECRET_ACCESS_KEY=" + strings.ToUpper(apiSecret), "AWS_EC2_METADATA_DISABLED=true"}
	if out, err := c.CombinedOutput(); string(out) != "SignatureDoesNotMatch 403\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestKilledAtAnyPoint kills the container while changes stream in, again and again: what was
// acknowledged is there afterwards, and nothing is there by half.
func TestKilledAtAnyPoint(t *testing.T) {
	rounds := 8
	if os.Getenv("SOAK") == "1" {
		rounds = 100
	}
	a := newAccount(t)
	python := tool(t, "/usr/bin/python3", "python3-boto3")
	total := 0
	for round := range rounds {
		// A client that says each name once it is acknowledged, until the container dies.
		c := exec.Command(python, "-c", `
import boto3, sys
from botocore.config import Config
elb = boto3.client("elbv2", endpoint_url=sys.argv[1], region_name="eu-west-1", config=Config(retries={"total_max_attempts": 1}))
for n in range(100000):
    name = f"r{sys.argv[2]}-{n}"
    try:
        arn = elb.create_target_group(Name=name, Protocol="HTTP", Port=8000, VpcId="vpc-0123456789abcdef0", TargetType="ip")["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.21"}, {"Id": "127.0.0.22"}])
        print(name, flush=True)
        if n % 2:
            elb.delete_target_group(TargetGroupArn=arn)
            print("-" + name, flush=True)
    except Exception:
        break
`, a.endpoint, fmt.Sprint(round))
		c.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + a.site.dir, "AWS_ACCESS_KEY_ID=" + apiKey, "AWS_SECRET_ACCESS_KEY=" + apiSecret, "AWS_EC2_METADATA_DISABLED=true"}
		said := &spoken{begun: make(chan struct{})}
		c.Stdout = said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-said.begun:
		case <-time.After(patience):
			t.Errorf("round %d: no change was acknowledged", round)
		}
		time.Sleep(rand.N(500 * time.Millisecond))
		a.Signal(syscall.SIGKILL)
		_ = a.Wait()
		_ = c.Wait()

		a = &account{balancer: a.site.serve("API_SECRET=" + apiSecret), endpoint: a.endpoint}
		have := a.groups()
		want := map[string]bool{}
		for line := range strings.FieldsSeq(said.String()) {
			total++
			if name, gone := strings.CutPrefix(line, "-"); gone {
				delete(want, name)
				if _, there := have[name]; there {
					t.Errorf("round %d: %s was deleted and is back", round, name)
				}
			} else {
				want[name] = true
			}
		}
		last := ""
		for line := range strings.FieldsSeq(said.String()) {
			last = line
		}
		for name := range want {
			group, there := have[name]
			switch {
			case !there && name != last: // the last one's deletion may have been under way
				t.Errorf("round %d: %s was acknowledged and is lost", round, name)
			case there && group.targets != 2:
				t.Errorf("round %d: %s has %d targets, want 2", round, name, group.targets)
			}
		}
		client := a.sdk() // one, which keeps its connection
		for _, group := range have {
			if _, err := client.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group.arn}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !t.Failed() {
		t.Logf("%d kills, %d acknowledged changes, none lost", rounds, total)
	}
}

// spoken keeps what a program prints. begun is closed at the first word.
type spoken struct {
	strings.Builder
	begun chan struct{}
}

// Write implements io.Writer.
func (s *spoken) Write(p []byte) (int, error) {
	if s.Len() == 0 && len(p) > 0 {
		close(s.begun)
	}
	return s.Builder.Write(p)
}

// sdk is the AWS SDK's client, one for each container.
func (a *account) sdk() *elbv2.Client {
	if a.client != nil {
		return a.client
	}
	a.client = elbv2.New(elbv2.Options{
		BaseEndpoint: &a.endpoint, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(apiKey, apiSecret, ""),
	})
	return a.client
}

type registered struct {
	arn     string
	targets int
}

// groups are the target groups by name.
func (a *account) groups() map[string]registered {
	t := a.site.t
	t.Helper()
	found := map[string]registered{}
	client := a.sdk()
	pages := elbv2.NewDescribeTargetGroupsPaginator(client, &elbv2.DescribeTargetGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.TargetGroups {
			health, err := client.DescribeTargetHealth(t.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
			if err != nil {
				t.Fatal(err)
			}
			found[*g.TargetGroupName] = registered{*g.TargetGroupArn, len(health.TargetHealthDescriptions)}
		}
	}
	return found
}
