// Package cost estimates what an environment costs in a month, from its synthesized templates
// and a table of list prices: what runs all the time in full, and what is paid by use under
// assumptions that the estimate states.
//
// https://aws.amazon.com/pricing/
package cost

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/infra/template"
)

// Line is one position of an estimate.
type Line struct {
	// Stack and Resource say whose: the stack's name, and the construct's path in it or the
	// logical id.
	Stack, Resource string
	// What is paid for, such as t3.large.
	What string
	// Quantity of Unit in a month, and the price of one, in US dollars.
	Quantity  float64
	Unit      string
	UnitPrice float64
	// Monthly is Quantity times UnitPrice, in US dollars, not rounded.
	Monthly float64
	// NotPriced marks what costs something we do not know: What says what is missing, and the
	// numbers are 0.
	NotPriced bool
}

// Estimate lists what the resources of an assembly cost, in the order of its stacks and in each
// by resource. What has no price is a line that says so; resources of types that cost nothing
// have no line.
func Estimate(assembly *template.Assembly, prices Prices) []Line {
	var lines []Line
	watched := map[string]bool{}
	for _, stack := range assembly.Stacks {
		s := &sheet{assembly: assembly, stack: stack, prices: prices.Regions[stack.Region], watched: watched}
		for _, r := range stack.All("") {
			s.price(r)
		}
		s.customMetrics()
		slices.SortStableFunc(s.lines, func(x, y Line) int { return cmp.Compare(x.Resource, y.Resource) })
		lines = append(lines, s.lines...)
	}
	return lines
}

// Total is the sum of the lines, in US dollars a month.
func Total(lines []Line) float64 {
	var sum float64
	for _, line := range lines {
		sum += line.Monthly
	}
	return sum
}

// Subtotal is what one stack costs, in US dollars a month.
type Subtotal struct {
	Stack   string
	Monthly float64
}

// Subtotals are the sums of the lines by stack, in the order of the lines.
func Subtotals(lines []Line) []Subtotal {
	var sums []Subtotal
	for _, line := range lines {
		i := slices.IndexFunc(sums, func(s Subtotal) bool { return s.Stack == line.Stack })
		if i < 0 {
			i = len(sums)
			sums = append(sums, Subtotal{Stack: line.Stack})
		}
		sums[i].Monthly += line.Monthly
	}
	return sums
}

// Unpriced are the lines that have no price. None is the state to keep: a new type of resource
// gets its price in this package, or its place among those that cost nothing.
func Unpriced(lines []Line) []Line {
	return slices.DeleteFunc(slices.Clone(lines), func(line Line) bool { return !line.NotPriced })
}

// pricers say what the resources of a type cost.
var pricers = map[string]func(*sheet, *template.Resource){
	"AWS::AmazonMQ::Broker":                     broker,
	"AWS::AutoScaling::AutoScalingGroup":        autoScalingGroup,
	"AWS::CloudFront::Distribution":             distribution,
	"AWS::CloudFront::Function":                 edgeFunction,
	"AWS::CloudWatch::Alarm":                    alarm,
	"AWS::CloudWatch::CompositeAlarm":           compositeAlarm,
	"AWS::CloudWatch::Dashboard":                dashboard,
	"AWS::EC2::EIP":                             address,
	"AWS::EC2::FlowLog":                         flowLog,
	"AWS::EC2::NatGateway":                      natGateway,
	"AWS::EC2::VPCEndpoint":                     endpoint,
	"AWS::ElastiCache::ReplicationGroup":        replicationGroup,
	"AWS::ElasticLoadBalancingV2::LoadBalancer": loadBalancer,
	"AWS::KMS::Key":                             key,
	"AWS::Lambda::Alias":                        alias,
	"AWS::Lambda::Function":                     function,
	"AWS::Logs::Delivery":                       delivery,
	"AWS::Logs::LogGroup":                       logGroup,
	"AWS::Logs::MetricFilter":                   metricFilter,
	"AWS::RDS::DBInstance":                      database,
	"AWS::RDS::DBProxy":                         databaseProxy,
	"AWS::RDS::DBProxyEndpoint":                 proxyEndpoint,
	"AWS::Route53::HealthCheck":                 healthCheck,
	"AWS::Route53::HostedZone":                  hostedZone,
	"AWS::Route53::RecordSet":                   recordSet,
	"AWS::S3::Bucket":                           bucket,
	"AWS::SNS::Topic":                           topic,
	"AWS::SQS::Queue":                           queue,
	"AWS::Scheduler::Schedule":                  schedule,
	"AWS::SecretsManager::Secret":               secret,
	"AWS::WAFv2::WebACL":                        webACL,
}

// sheet collects the lines of a stack.
type sheet struct {
	assembly *template.Assembly
	stack    *template.Stack
	prices   RegionPrices
	resource string
	lines    []Line
	// watched are the custom metrics seen so far, in all stacks, and unpaid is how many of
	// them this stack was the first to name.
	watched map[string]bool
	unpaid  int
}

func (s *sheet) price(r *template.Resource) {
	s.resource = strings.TrimPrefix(r.Name(), s.stack.Name+"/")
	pricer, priced := pricers[r.Type]
	switch {
	case priced:
		pricer(s, r)
	case !free(r.Type):
		s.unknown(r.Type)
	}
}

// add puts a line down at the price of the item.
func (s *sheet) add(what string, quantity float64, unit, service, item string) {
	s.discounted(what, quantity, unit, service, item, 0)
}

// discounted is add at a share of the price less: 0.2 is 20 % off.
func (s *sheet) discounted(what string, quantity float64, unit, service, item string, discount float64) {
	price, ok := s.prices[service][item]
	if !ok {
		s.unknown(what + ": no price of " + service + " " + item + " in " + s.stack.Region)
		return
	}
	if math.IsNaN(quantity) {
		s.unknown(what + ": how much of it is not in the template")
		return
	}
	price *= 1 - discount
	s.lines = append(s.lines, Line{
		Stack: s.stack.Name, Resource: s.resource, What: what,
		Quantity: quantity, Unit: unit, UnitPrice: price, Monthly: quantity * price,
	})
}

// unknown puts down that something has no price.
func (s *sheet) unknown(what string) {
	s.lines = append(s.lines, Line{Stack: s.stack.Name, Resource: s.resource, What: what, NotPriced: true})
}
