package cost_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/cost"
	"github.com/evenkeel/evenkeel/infra/template"
)

// prices are round numbers, so that a line's arithmetic can be read.
func prices() cost.Prices {
	return cost.Prices{Date: "2000-01", Note: "Made up.", Regions: map[string]cost.RegionPrices{"here": {
		"cloudfront":      {"gb": 0.1, "million-requests": 1.5, "million-function-invocations": 0.2},
		"cloudwatch":      {"metric": 0.3, "alarm-metric": 0.1, "anomaly-alarm-metric": 0.25, "high-resolution-alarm-metric": 0.35, "composite-alarm": 0.5, "dashboard": 3, "logs-gb": 0.6, "infrequent-logs-gb": 0.4, "delivered-logs-gb": 0.2},
		"ebs":             {"gp3": 0.1, "gp2": 0.2},
		"ec2":             {"t3.large": 0.1, "m7g.large": 0.2},
		"elasticache":     {"cache.r7g.large": 0.5},
		"elb":             {"alb-hour": 0.02, "lcu-hour": 0.01},
		"kms":             {"key": 1},
		"lambda":          {"million-requests": 0.2, "gb-second-arm64": 0.00001, "gb-second-x86_64": 0.00002},
		"mq":              {"mq.m7g.large": 0.3},
		"mq-storage":      {"ebs": 0.1},
		"rds":             {"db.r6g.large": 0.25, "db.r6g.2xlarge": 1},
		"rds-proxy":       {"vcpu-hour": 0.02},
		"rds-storage":     {"gp3": 0.12, "gp2": 0.13},
		"route53":         {"million-queries": 0.4, "hosted-zone": 0.5, "health-check": 0.75},
		"s3":              {"gb": 0.02},
		"scheduler":       {"million-invocations": 1},
		"secrets-manager": {"secret": 0.4},
		"sns":             {"million-publishes": 0.5},
		"sqs":             {"million-requests": 0.4, "fifo-million-requests": 0.5},
		"vpc":             {"nat-gateway-hour": 0.05, "nat-gateway-gb": 0.04, "interface-endpoint-hour": 0.01, "public-ipv4-hour": 0.005},
		"waf":             {"web-acl": 5, "rule": 1, "million-requests": 0.6, "AWSManagedRulesBotControlRuleSet": 10},
	}}}
}

// estimate prices one stack, stack, in the region here.
func estimate(t *testing.T, resources string) []cost.Line {
	t.Helper()
	s, err := template.Parse("stack", []byte(`{"Resources": {`+resources+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	s.Region = "here"
	return cost.Estimate(template.Assemble(s), prices())
}

// show is a line as the tests write it; what is not priced has no numbers.
func show(line cost.Line) string {
	text := line.Resource + ": " + line.What
	if line.NotPriced {
		return text + ": NOT PRICED"
	}
	return fmt.Sprintf("%s: %.6g %s * %.6g = %.4f", text, line.Quantity, line.Unit, line.UnitPrice, line.Monthly)
}

func check(t *testing.T, lines []cost.Line, want ...string) {
	t.Helper()
	got := make([]string, len(lines))
	for i, line := range lines {
		got[i] = show(line)
		if line.Stack != "stack" {
			t.Errorf("%s is of stack %q", got[i], line.Stack)
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// TestNothingIsSilentlyFree: a type that is neither priced nor known to be free is a line.
func TestNothingIsSilentlyFree(t *testing.T) {
	check(
		t, estimate(t, `"A": {"Type": "AWS::Redshift::Cluster"}, "B": {"Type": "AWS::IAM::Role"}, "C": {"Type": "Custom::Anything"}, "D": {"Type": "AWS::EC2::VPC"}`),
		"A: AWS::Redshift::Cluster: NOT PRICED",
	)
}

func TestWhatHasNoPriceSaysSo(t *testing.T) {
	lines := estimate(t, `"B": {"Type": "AWS::AmazonMQ::Broker", "Properties": {"EngineType": "RABBITMQ", "DeploymentMode": "SINGLE_INSTANCE", "HostInstanceType": "mq.m9z.large"}}`)
	check(t, lines, "B: mq.m9z.large: no price of mq mq.m9z.large in here: NOT PRICED", "B: storage: 5 GB * 0.1 = 0.5000")
	if got := cost.Unpriced(lines); len(got) != 1 || got[0].What != lines[0].What {
		t.Errorf("unpriced %v, want the first line", got)
	}
	s, err := template.Parse("elsewhere", []byte(`{"Resources": {"K": {"Type": "AWS::KMS::Key"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s.Region = "mars-north-1"
	lines = cost.Estimate(template.Assemble(s), prices())
	if len(lines) != 1 || !lines[0].NotPriced || !strings.Contains(lines[0].What, "mars-north-1") {
		t.Errorf("another region: %v", lines)
	}
}

func TestTotals(t *testing.T) {
	lines := []cost.Line{
		{Stack: "b", Monthly: 1.25}, {Stack: "a", Monthly: 2}, {Stack: "b", Monthly: 0.5}, {Stack: "a", NotPriced: true},
	}
	if got := cost.Total(lines); got != 3.75 {
		t.Errorf("total %v, want 3.75", got)
	}
	got := cost.Subtotals(lines)
	if len(got) != 2 || got[0] != (cost.Subtotal{Stack: "b", Monthly: 1.75}) || got[1] != (cost.Subtotal{Stack: "a", Monthly: 2}) {
		t.Errorf("subtotals %v", got)
	}
	if got := cost.Subtotals(nil); got != nil || cost.Total(nil) != 0 {
		t.Errorf("subtotals of nothing %v", got)
	}
}

// TestEstimateOfSeveralStacks: stacks keep their order, references across them are followed, and
// a custom metric is counted once.
func TestEstimateOfSeveralStacks(t *testing.T) {
	const watching = `"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Namespace": "Ours", "MetricName": "Depth"}}`
	first, err := template.Parse("z-first", []byte(`{"Resources": {
		"Launch": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "t3.large"}}}, `+watching+`},
		"Outputs": {"O": {"Value": {"Ref": "Launch"}, "Export": {"Name": "launch"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	second, err := template.Parse("a-second", []byte(`{"Resources": {
		"Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "3", "LaunchTemplate": {"LaunchTemplateId": {"Fn::ImportValue": "launch"}}}}, `+watching+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	first.Region, second.Region = "here", "here"
	var got []string
	for _, line := range cost.Estimate(template.Assemble(first, second), prices()) {
		got = append(got, line.Stack+" "+show(line))
	}
	want := []string{
		"z-first (custom metrics): metrics: 1 metric * 0.3 = 0.3000",
		"z-first Alarm: alarm: 1 metric * 0.1 = 0.1000",
		"a-second Alarm: alarm: 1 metric * 0.1 = 0.1000",
		"a-second Group: t3.large: 2190 hour * 0.1 = 219.0000",
		"a-second Group: volume gp3: 24 GB * 0.1 = 2.4000",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// TestListPrices holds the table to what is true of such prices everywhere.
func TestListPrices(t *testing.T) {
	p, err := cost.ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Date) != len("2006-01") || p.Note == "" {
		t.Errorf("date %q, note %q", p.Date, p.Note)
	}
	ireland, virginia := p.Regions["eu-west-1"], p.Regions["us-east-1"]
	if len(ireland) == 0 || len(virginia) != len(ireland) {
		t.Fatalf("%d services in eu-west-1, %d in us-east-1", len(ireland), len(virginia))
	}
	for service, items := range ireland {
		if len(virginia[service]) != len(items) {
			t.Errorf("%s has %d items in eu-west-1, %d in us-east-1", service, len(items), len(virginia[service]))
		}
		for item, price := range items {
			there := virginia[service][item]
			if there <= 0 || price < there || price > 1.25*there {
				t.Errorf("%s %s: %v in eu-west-1, %v in us-east-1: want a little more", service, item, price, there)
			}
		}
	}
	// A size up is twice as much.
	for region, services := range p.Regions {
		for _, service := range []string{"ec2", "rds", "elasticache", "mq"} {
			for item, price := range services[service] {
				family, large := strings.CutSuffix(item, ".large")
				double, known := services[service][family+".xlarge"]
				if large && known && math.Abs(double/price-2) > 0.02 {
					t.Errorf("%s %s: %s costs %v, xlarge %v", region, service, item, price, double)
				}
			}
		}
	}
}
