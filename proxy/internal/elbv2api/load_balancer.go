package elbv2api

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

type loadBalancerState struct {
	Code string
}

type availabilityZone struct {
	ZoneName              string
	SubnetId              string
	LoadBalancerAddresses members[struct{}]
}

// describedLoadBalancer is a load balancer as AWS shows one.
type describedLoadBalancer struct {
	LoadBalancerArn       string
	DNSName               string
	CanonicalHostedZoneId string
	CreatedTime           string
	LoadBalancerName      string
	Scheme                string
	VpcId                 string
	State                 loadBalancerState
	Type                  string
	AvailabilityZones     members[availabilityZone]
	SecurityGroups        members[string]
	IpAddressType         string
}

const (
	// timeFormat is that of times in answers.
	timeFormat = "2006-01-02T15:04:05.000Z"
	// noVPC is the network of what has none.
	noVPC = "vpc-00000000"
	// hostedZone stands for Route 53's zone of load balancers, which is AWS's.
	hostedZone = "Z0000000000000"
	// minSubnets is how many subnets AWS wants.
	minSubnets = 2
	// typeApplication is the type of every load balancer here.
	typeApplication = "application"
)

// describeLoadBalancer shows the one that there is.
func (a *API) describeLoadBalancer(v *view) describedLoadBalancer {
	env := v.env
	d := describedLoadBalancer{
		LoadBalancerArn: env.LoadBalancerARN(), DNSName: env.DNSName(), CanonicalHostedZoneId: hostedZone,
		CreatedTime: a.started.UTC().Format(timeFormat), LoadBalancerName: env.LoadBalancer.Name, Scheme: env.LoadBalancer.Scheme,
		VpcId: cmp.Or(env.AWS.VPC.ID, noVPC), State: loadBalancerState{"active"}, Type: typeApplication,
		IpAddressType: env.LoadBalancer.IPAddressType,
	}
	subnets := slices.Concat(env.AWS.VPC.PublicSubnets, env.AWS.VPC.PrivateSubnets)
	if lb := v.model.LoadBalancer; lb != nil {
		d.CreatedTime = lb.Created.UTC().Format(timeFormat)
		d.SecurityGroups = lb.SecurityGroups
		subnets = lb.Subnets
	}
	d.AvailabilityZones = zonesOf(env, subnets)
	return d
}

// zonesOf makes zones of the order of subnets: a, b, c… of the environment's region.
func zonesOf(env *spec.Environment, subnets []string) members[availabilityZone] {
	var list members[availabilityZone]
	for i, s := range subnets {
		list = append(list, availabilityZone{ZoneName: cmp.Or(env.AWS.Region, "local") + string(rune('a'+i%26)), SubnetId: s})
	}
	return list
}

type createLoadBalancerInput struct {
	Name           string `aws:"required"`
	Subnets        []string
	SubnetMappings []subnetMapping
	SecurityGroups []string
	Scheme         string `aws:"internet-facing|internal"`
	Tags           []tag
	Type           string `aws:"application|network|gateway"`
	IpAddressType  string `aws:"ipv4|dualstack|dualstack-without-public-ipv4"`
}

type loadBalancersOutput struct {
	LoadBalancers members[describedLoadBalancer]
	NextMarker    string `xml:",omitempty"`
}

var (
	loadBalancerName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)
	vpcShape           = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetShape        = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	securityGroupShape = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
)

func createLoadBalancer(c *call, in *createLoadBalancerInput) (any, error) {
	switch {
	case in.Type != "" && in.Type != typeApplication:
		return nil, fail(codeInvalidConfigurationRequest, "Load balancers of type '%s' are not offered, only '%s'", in.Type, typeApplication)
	case !loadBalancerName.MatchString(in.Name):
		return nil, fail(codeValidationError, "The load balancer name '%s' must have at most 32 letters, digits and hyphens, and no hyphen first or last", excerpt(in.Name))
	case strings.HasPrefix(in.Name, "internal-"):
		return nil, fail(codeValidationError, "The load balancer name '%s' cannot begin with 'internal-'", in.Name)
	}
	subnets, refusal := subnetsOf(in.Subnets, in.SubnetMappings)
	if refusal != nil {
		return nil, refusal
	}
	if err := checkSecurityGroups(in.SecurityGroups); err != nil {
		return nil, err
	}
	tags, refusal := newTags(in.Tags)
	if refusal != nil {
		return nil, refusal
	}
	made := &LoadBalancer{
		Name: in.Name, Created: time.Now().UTC(), Scheme: cmp.Or(in.Scheme, spec.SchemeInternetFacing),
		IPAddressType: cmp.Or(in.IpAddressType, spec.IPAddressTypeIPv4), Subnets: subnets, SecurityGroups: in.SecurityGroups, Tags: tags,
	}
	v, err := c.change(func(c *change) error {
		if declaresLoadBalancer(c.declared) {
			if in.Name == c.env.LoadBalancer.Name {
				return fail(codeDuplicateLoadBalancerName, "A load balancer with the same name '%s' is declared by the environment file, with other settings than these", in.Name)
			}
			return fail(codeTooManyLoadBalancers, "The container is the load balancer '%s' of its environment file, and has no other", c.env.LoadBalancer.Name)
		}
		if there := c.model.LoadBalancer; there != nil {
			switch {
			case there.Name != in.Name:
				return fail(codeTooManyLoadBalancers, "The container is the load balancer '%s', and has no other", there.Name)
			case !there.same(made):
				return fail(codeDuplicateLoadBalancerName, "A load balancer with the same name '%s' exists, but with different settings", in.Name)
			}
			return errUnchanged
		}
		made.ID = newID()
		c.model.LoadBalancer = made
		return nil
	})
	if err != nil {
		return nil, err
	}
	return loadBalancersOutput{LoadBalancers: members[describedLoadBalancer]{c.api.describeLoadBalancer(v)}}, nil
}

// same tells whether creating b would give a load balancer as there is already.
func (b *LoadBalancer) same(other *LoadBalancer) bool {
	return b.Scheme == other.Scheme && b.IPAddressType == other.IPAddressType && sameSet(b.Subnets, other.Subnets) &&
		sameSet(b.SecurityGroups, other.SecurityGroups) && (len(other.Tags) == 0 || maps.Equal(b.Tags, other.Tags))
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// subnetsOf reads subnets in either form, of which AWS takes one.
func subnetsOf(subnets []string, mappings []subnetMapping) ([]string, *Error) {
	if len(subnets) > 0 && len(mappings) > 0 {
		return nil, fail(codeValidationError, "You must specify either subnets or subnet mappings, not both")
	}
	for _, m := range mappings {
		if m.AllocationId != "" || m.PrivateIPv4Address != "" || m.IPv6Address != "" {
			return nil, fail(codeInvalidConfigurationRequest, "Addresses in subnet mappings are not for Application Load Balancers")
		}
		subnets = append(subnets, m.SubnetId)
	}
	seen := map[string]bool{}
	for _, s := range subnets {
		if !subnetShape.MatchString(s) {
			return nil, fail(codeInvalidSubnet, "The subnet ID '%s' is not valid", excerpt(s))
		}
		seen[s] = true
	}
	if len(seen) < minSubnets || len(seen) < len(subnets) {
		return nil, fail(codeValidationError, "At least two subnets in two different Availability Zones must be specified")
	}
	return subnets, nil
}

func checkSecurityGroups(groups []string) error {
	for _, g := range groups {
		if !securityGroupShape.MatchString(g) {
			return fail("InvalidSecurityGroup", "The security group '%s' is not valid", excerpt(g))
		}
	}
	return nil
}

type describeLoadBalancersInput struct {
	LoadBalancerArns []string
	Names            []string
	Marker           string
	PageSize         *int
}

func describeLoadBalancers(c *call, in *describeLoadBalancersInput) (any, error) {
	v := c.view()
	for _, arn := range in.LoadBalancerArns {
		if err := v.checkLoadBalancer(arn); err != nil {
			return nil, err
		}
	}
	for _, name := range in.Names {
		if !v.hasLoadBalancer() || name != v.env.LoadBalancer.Name {
			return nil, fail(codeLoadBalancerNotFound, "Load balancers '[%s]' not found", excerpt(name))
		}
	}
	var list []describedLoadBalancer
	if v.hasLoadBalancer() {
		list = append(list, c.api.describeLoadBalancer(v))
	}
	shown, next, err := paged(page{in.Marker, in.PageSize}, list, func(d *describedLoadBalancer) string { return d.LoadBalancerName })
	if err != nil {
		return nil, err
	}
	return loadBalancersOutput{shown, next}, nil
}

type loadBalancerInput struct {
	LoadBalancerArn string `aws:"required"`
}

func deleteLoadBalancer(c *call, in *loadBalancerInput) (any, error) {
	_, err := c.change(func(c *change) error {
		if refusal := c.checkLoadBalancer(in.LoadBalancerArn); refusal != nil {
			if refusal.Code == codeValidationError {
				return refusal
			}
			return errUnchanged // as AWS: what is not there need not be deleted
		}
		if c.model.LoadBalancer == nil {
			return c.declaredRefusal("load balancer", c.env.LoadBalancer.Name)
		}
		if c.env.LoadBalancer.Attributes.DeletionProtection {
			return fail(codeOperationNotPermitted, "Load balancer '%s' cannot be deleted because deletion protection is enabled", in.LoadBalancerArn)
		}
		c.model.LoadBalancer, c.model.Listeners, c.model.Rules = nil, nil, nil
		return nil
	})
	return nil, err
}

// ownLoadBalancer is the load balancer of that ARN, which the API made.
func (c *change) ownLoadBalancer(arn string) (*LoadBalancer, error) {
	if err := c.checkLoadBalancer(arn); err != nil {
		return nil, err
	}
	if c.model.LoadBalancer == nil {
		return nil, c.declaredRefusal("load balancer", c.env.LoadBalancer.Name)
	}
	return c.model.LoadBalancer, nil
}

type attributesOutput struct {
	Attributes members[attribute]
}

func describeLoadBalancerAttributes(c *call, in *loadBalancerInput) (any, error) {
	v := c.view()
	if err := v.checkLoadBalancer(in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return v.loadBalancerAttributes(), nil
}

func (v *view) loadBalancerAttributes() attributesOutput {
	var said map[string]string
	if v.model.LoadBalancer != nil {
		said = v.model.LoadBalancer.Attributes
	}
	return attributesOutput{loadBalancerAttributes.describe(&v.env.LoadBalancer.Attributes, said)}
}

type modifyLoadBalancerAttributesInput struct {
	LoadBalancerArn string      `aws:"required"`
	Attributes      []attribute `aws:"required"`
}

func modifyLoadBalancerAttributes(c *call, in *modifyLoadBalancerAttributesInput) (any, error) {
	v, err := c.change(func(c *change) error {
		lb, err := c.ownLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		lb.Attributes, err = loadBalancerAttributes.modify(lb.Attributes, in.Attributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v.loadBalancerAttributes(), nil
}

type setSecurityGroupsInput struct {
	LoadBalancerArn                                      string   `aws:"required"`
	SecurityGroups                                       []string `aws:"required"`
	EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic string   `aws:"on|off"`
}

type setSecurityGroupsOutput struct {
	SecurityGroupIds members[string]
}

func setSecurityGroups(c *call, in *setSecurityGroupsInput) (any, error) {
	if err := checkSecurityGroups(in.SecurityGroups); err != nil {
		return nil, err
	}
	if in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "" {
		return nil, fail(codeInvalidConfigurationRequest, "PrivateLink is for Network Load Balancers")
	}
	_, err := c.change(func(c *change) error {
		lb, err := c.ownLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		lb.SecurityGroups = in.SecurityGroups
		return nil
	})
	return setSecurityGroupsOutput{in.SecurityGroups}, err
}

type setSubnetsInput struct {
	LoadBalancerArn string `aws:"required"`
	Subnets         []string
	SubnetMappings  []subnetMapping
	IpAddressType   string `aws:"ipv4|dualstack|dualstack-without-public-ipv4"`
}

type setSubnetsOutput struct {
	AvailabilityZones members[availabilityZone]
	IpAddressType     string
}

func setSubnets(c *call, in *setSubnetsInput) (any, error) {
	subnets, refusal := subnetsOf(in.Subnets, in.SubnetMappings)
	if refusal != nil {
		return nil, refusal
	}
	v, err := c.change(func(c *change) error {
		lb, err := c.ownLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		lb.Subnets = subnets
		lb.IPAddressType = cmp.Or(in.IpAddressType, lb.IPAddressType)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return setSubnetsOutput{zonesOf(v.env, subnets), v.env.LoadBalancer.IPAddressType}, nil
}

type setIPAddressTypeInput struct {
	LoadBalancerArn string `aws:"required"`
	IpAddressType   string `aws:"required ipv4|dualstack|dualstack-without-public-ipv4"`
}

type setIPAddressTypeOutput struct {
	IpAddressType string
}

func setIPAddressType(c *call, in *setIPAddressTypeInput) (any, error) {
	_, err := c.change(func(c *change) error {
		lb, err := c.ownLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		lb.IPAddressType = in.IpAddressType
		return nil
	})
	return setIPAddressTypeOutput{in.IpAddressType}, err
}

// errUnchanged ends a change of which there is nothing to do.
var errUnchanged = errors.New("nothing to change")
