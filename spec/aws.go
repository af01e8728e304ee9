package spec

import (
	"net/netip"
	"regexp"
)

// AWS says where in AWS the environment goes.
type AWS struct {
	// Account is the account's 12 digits, in quotes. Default: none.
	Account string `yaml:"account"`
	// Region is such as eu-west-1. Default: none.
	Region string `yaml:"region"`
	// VPC is the network.
	VPC VPC `yaml:"vpc"`
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
)

func (a *AWS) setDefaults() { a.ProxyOnly = ProxyOnlyRefuse }

func (a *AWS) limits() limits {
	return limits{
		"account":    like(accountShape, "12 digits, in quotes"),
		"region":     like(regionShape, "a region such as eu-west-1"),
		"proxy_only": required(oneOf(ProxyOnlyRefuse, ProxyOnlyDrop)),
	}
}

func (a *AWS) check(c *checker, path string) {
	switch {
	case a.Account != "" && a.Region == "":
		c.refuse(field(path, "region"), "is missing", "", "the account's region")
	case a.Account == "" && a.Region != "":
		c.refuse(field(path, "account"), "is missing", "", "the 12 digits of an account")
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
}

// DefaultVPCCIDR is the block of a network that is made.
const DefaultVPCCIDR = "10.0.0.0/16"

func (v *VPC) setDefaults() { v.AvailabilityZones = 3 }

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
		"availability_zones": between(2, 6),
	}
}

func (v *VPC) check(c *checker, path string) {
	if v.ID != "" && v.CIDR != "" {
		c.refuse(field(path, "cidr"), "stands beside id", quote(v.CIDR), "id, to use a network, or cidr, to make one")
	}
}
