package cost

import (
	"fmt"

	"github.com/evenkeel/evenkeel/infra/template"
)

// natGateway prices a NAT gateway.
//
// https://aws.amazon.com/vpc/pricing/
func natGateway(s *sheet, _ *template.Resource) {
	s.add("NAT gateway", HoursPerMonth, "hour", "vpc", "nat-gateway-hour")
	s.add("NAT data", NATGB, "GB", "vpc", "nat-gateway-gb")
}

// address prices a public IPv4 address.
func address(s *sheet, _ *template.Resource) {
	s.add("public IPv4 address", HoursPerMonth, "hour", "vpc", "public-ipv4-hour")
}

// endpoint prices an interface endpoint, which has an interface in each subnet; those of
// gateways are free.
//
// https://aws.amazon.com/privatelink/pricing/
func endpoint(s *sheet, r *template.Resource) {
	switch kind := r.String("VpcEndpointType"); kind {
	case "", "Gateway":
	case "Interface":
		s.interfaces("SubnetIds", r)
	default:
		s.unknown("VPC endpoint of type " + kind)
	}
}

func (s *sheet) interfaces(subnets string, r *template.Resource) {
	s.add("interface endpoint", float64(len(r.List(subnets)))*HoursPerMonth, "hour", "vpc", "interface-endpoint-hour")
}

// flowLog prices what is delivered to a bucket; to a log group, the log group's line has it.
func flowLog(s *sheet, r *template.Resource) {
	if r.String("LogDestinationType") == "s3" {
		delivery(s, r)
	}
}

// loadBalancer prices an Application Load Balancer, its capacity and its public addresses.
//
// https://aws.amazon.com/elasticloadbalancing/pricing/
func loadBalancer(s *sheet, r *template.Resource) {
	if kind := r.String("Type"); kind != "" && kind != "application" {
		s.unknown("load balancer of type " + kind)
		return
	}
	s.add("load balancer", HoursPerMonth, "hour", "elb", "alb-hour")
	// Reserved capacity is paid for whether it is used or not.
	reserved := r.Number("MinimumLoadBalancerCapacity.CapacityUnits")
	s.add("capacity", max(LCUs, reserved)*HoursPerMonth, "LCU-hour", "elb", "lcu-hour")
	if r.String("Scheme") == "internal" || r.String("IpAddressType") == "dualstack-without-public-ipv4" {
		return
	}
	zones := len(r.List("Subnets")) + len(r.List("SubnetMappings"))
	s.add("public IPv4 addresses", float64(zones)*HoursPerMonth, "hour", "vpc", "public-ipv4-hour")
}

// distribution prices what CloudFront delivers; a distribution by itself is free.
//
// https://aws.amazon.com/cloudfront/pricing/pay-as-you-go/
func distribution(s *sheet, _ *template.Resource) {
	s.add("requests", Requests, "million", "cloudfront", "million-requests")
	s.add("data to clients", DeliveredGB, "GB", "cloudfront", "gb")
}

func edgeFunction(s *sheet, _ *template.Resource) {
	s.add("invocations", Requests, "million", "cloudfront", "million-function-invocations")
}

// webACL prices a web ACL, its rules and its requests, and the managed rule groups that cost
// more than a rule.
//
// https://aws.amazon.com/waf/pricing/
func webACL(s *sheet, r *template.Resource) {
	s.add("web ACL", 1, "month", "waf", "web-acl")
	rules := len(r.List("Rules"))
	s.add("rules", float64(rules), "rule", "waf", "rule")
	s.add("requests", Requests, "million", "waf", "million-requests")
	for i := range rules {
		group := r.String(fmt.Sprintf("Rules[%d].Statement.ManagedRuleGroupStatement.Name", i))
		if paidRuleGroups[group] {
			s.add(group, 1, "month", "waf", group)
		}
	}
}

// paidRuleGroups are AWS's managed rule groups with a subscription fee.
var paidRuleGroups = map[string]bool{
	"AWSManagedRulesACFPRuleSet":       true,
	"AWSManagedRulesATPRuleSet":        true,
	"AWSManagedRulesAntiDDoSRuleSet":   true,
	"AWSManagedRulesBotControlRuleSet": true,
}

// hostedZone, recordSet and healthCheck price DNS.
//
// https://aws.amazon.com/route53/pricing/
func hostedZone(s *sheet, _ *template.Resource) {
	s.add("hosted zone", 1, "month", "route53", "hosted-zone")
}

func recordSet(s *sheet, r *template.Resource) {
	if r.Has("AliasTarget") {
		return // queries for aliases of AWS resources are free
	}
	s.add("queries", Requests, "million", "route53", "million-queries")
}

func healthCheck(s *sheet, _ *template.Resource) {
	s.add("health check", 1, "month", "route53", "health-check")
}
