package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// AWS says where in AWS the environment goes.
type AWS struct {
	// Account is the account's 12 digits, in quotes. Default: none.
	Account string `yaml:"account"`
	// Region is such as eu-west-1. Default: none.
	Region string `yaml:"region"`
	// VPC is the network.
	VPC VPC `yaml:"vpc"`
	// CloudFrontPrefixList is the id of the region's managed prefix list
	// com.amazonaws.global.cloudfront.origin-facing, the only addresses that reach an
	// internet-facing load balancer behind an edge. Default: none.
	CloudFrontPrefixList string `yaml:"cloudfront_prefix_list"`
	// LogRetentionDays is how long logs are kept, in days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150,
	// 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. Default 90.
	LogRetentionDays int `yaml:"log_retention_days"`
	// Tags are put on every resource, beside App and Environment; at most 40. Default: none.
	Tags map[string]string `yaml:"tags"`
	// ProxyOnly says what becomes of settings that no ALB has: refuse or drop. Default refuse.
	ProxyOnly string `yaml:"proxy_only"`
}

// Values of AWS.ProxyOnly.
const (
	ProxyOnlyRefuse = "refuse"
	ProxyOnlyDrop   = "drop"
)

var (
	accountShape = regexp.MustCompile(`^[0-9]{12}$`)
	regionShape  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	vpcShape     = regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)
	subnetShape  = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)
	// A managed prefix list of AWS has an id of eight digits, others of 17.
	prefixListShape = regexp.MustCompile(`^pl-([0-9a-f]{8}|[0-9a-f]{17})$`)
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	tagShape = regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]+$`)
)

// Limits and defaults of AWS. Services allow 50 tags on a resource; a few are ours.
const (
	DefaultLogRetentionDays = 90
	MaxTags                 = 40
	MaxTagKey               = 128
	MaxTagValue             = 256
)

// TagApp and TagEnvironment are the tags that every resource has.
const (
	TagApp         = "App"
	TagEnvironment = "Environment"
)

func (a *AWS) setDefaults() {
	a.ProxyOnly = ProxyOnlyRefuse
	a.LogRetentionDays = DefaultLogRetentionDays
}

func (a *AWS) limits() limits {
	return limits{
		"account":    like(accountShape, "12 digits, in quotes"),
		"region":     like(regionShape, "a region such as eu-west-1"),
		"proxy_only": required(oneOf(ProxyOnlyRefuse, ProxyOnlyDrop)),

		"cloudfront_prefix_list": like(prefixListShape, "the id of a managed prefix list such as pl-4fa04526"),
		// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
		"log_retention_days": numbers(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
		"tags":               both(atMost(MaxTags), each(both(like(tagShape, "letters, digits, spaces and _ . : / = + - @"), length(MaxTagValue)))),
	}
}

func (a *AWS) check(c *checker, path string) {
	switch {
	case a.Account != "" && a.Region == "":
		c.refuse(field(path, "region"), "is missing", "", "the account's region")
	case a.Account == "" && a.Region != "":
		c.refuse(field(path, "account"), "is missing", "", "the 12 digits of an account")
	}
	for _, key := range slices.Sorted(maps.Keys(a.Tags)) {
		at := field(path, "tags."+key)
		switch {
		case !tagShape.MatchString(key) || len(key) > MaxTagKey:
			c.refuse(at, "is no key of a tag", quote(key), fmt.Sprintf("at most %d letters, digits, spaces and _ . : / = + - @", MaxTagKey))
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			c.refuse(at, "begins with aws:, which AWS keeps for itself", quote(key), "another key")
		case key == TagApp || key == TagEnvironment:
			c.refuse(at, "is on every resource already", quote(key), "another key")
		}
	}
}

// VPC is the network: made, or one that exists.
//
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
type VPC struct {
	// ID is a network that exists. Default: one is made.
	ID string `yaml:"id"`
	// CIDR is the block of a network that is made, /16 to /28. Default 10.0.0.0/16.
	CIDR string `yaml:"cidr"`
	// AvailabilityZones is how many zones it spans: 2 to 6. Default 3.
	AvailabilityZones int `yaml:"availability_zones"`
	// NATGateways is how many a network that is made has: 0, 1 for all zones, or one for each.
	// With 0 instances reach nothing outside AWS. Default 1.
	NATGateways int `yaml:"nat_gateways"`
	// InterfaceEndpoints makes private endpoints for the services that instances and functions
	// call, in a network that is made; needed without NAT gateways. Default false.
	InterfaceEndpoints bool `yaml:"interface_endpoints"`
	// PublicSubnets are those of a network that exists, in different zones: at least two for
	// an internet-facing load balancer. Default: none.
	PublicSubnets []string `yaml:"public_subnets"`
	// PrivateSubnets are those of a network that exists, in different zones: at least two.
	// Instances, data and functions are in them. Default: none.
	PrivateSubnets []string `yaml:"private_subnets"`
}

// MinZones is how many zones an Application Load Balancer needs.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
const MinZones = 2

// DefaultVPCCIDR is the block of a network that is made.
const DefaultVPCCIDR = "10.0.0.0/16"

func (v *VPC) setDefaults() { v.AvailabilityZones, v.NATGateways = 3, 1 }

func (v *VPC) complete() {
	if v.ID == "" && v.CIDR == "" {
		v.CIDR = DefaultVPCCIDR
	}
}

// isVPCBlock tells whether s is an IPv4 block that a VPC can have.
func isVPCBlock(s string) bool {
	p, err := netip.ParsePrefix(s)
	return err == nil && p.Addr().Is4() && p.Masked() == p && p.Bits() >= 16 && p.Bits() <= 28
}

func (v *VPC) limits() limits {
	return limits{
		"id":                 like(vpcShape, "the id of a VPC"),
		"cidr":               that("an IPv4 block of /16 to /28 such as 10.0.0.0/16", isVPCBlock),
		"availability_zones": between(MinZones, 6),
		"nat_gateways":       between(0, 6),
		"public_subnets":     each(like(subnetShape, "the id of a subnet")),
		"private_subnets":    each(like(subnetShape, "the id of a subnet")),
	}
}

func (v *VPC) check(c *checker, path string) {
	if v.ID != "" && v.CIDR != "" {
		c.refuse(field(path, "cidr"), "stands beside id", quote(v.CIDR), "id, to use a network, or cidr, to make one")
		return
	}
	if v.ID == "" {
		v.checkMade(c, path)
		return
	}
	if n := len(v.PrivateSubnets); n < MinZones {
		c.refuse(field(path, "private_subnets"), "are too few", fmt.Sprint(n), "at least two, in different zones, as id names a network that exists")
	}
	if n := len(v.PublicSubnets); n < MinZones && c.env.LoadBalancer.Scheme == SchemeInternetFacing {
		c.refuse(field(path, "public_subnets"), "are too few", fmt.Sprint(n), "at least two, in different zones, as the load balancer is internet-facing")
	}
	if v.InterfaceEndpoints {
		c.refuse(field(path, "interface_endpoints"), "is for a network that is made", "true", "no such key; whoever owns the network has its endpoints")
	}
	seen := map[string]string{}
	for _, list := range []struct {
		key     string
		subnets []string
	}{{"public_subnets", v.PublicSubnets}, {"private_subnets", v.PrivateSubnets}} {
		for i, s := range list.subnets {
			c.unique(seen, s, element(field(path, list.key), i))
		}
	}
}

// checkMade checks what holds for a network that is made.
func (v *VPC) checkMade(c *checker, path string) {
	if n := len(v.PublicSubnets) + len(v.PrivateSubnets); n > 0 {
		c.refuse(path, "has subnets and no id", fmt.Sprintf("%d subnets", n), "id as well, to use a network that exists")
	}
	if n := v.NATGateways; n > 1 && n != v.AvailabilityZones {
		c.refuse(field(path, "nat_gateways"), "is not one for each zone", fmt.Sprint(n), fmt.Sprintf("0, 1 or %d", v.AvailabilityZones))
	}
	if v.NATGateways == 0 && !v.InterfaceEndpoints {
		c.refuse(field(path, "interface_endpoints"), "is needed without NAT gateways", "false", "true, or nat_gateways of 1 or more")
	}
}
