package elbv2api

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// describedTargetGroup is a target group as AWS shows one.
type describedTargetGroup struct {
	TargetGroupArn             string
	TargetGroupName            string
	Protocol                   string
	Port                       int
	VpcId                      string
	HealthCheckProtocol        string
	HealthCheckPort            string
	HealthCheckEnabled         bool
	HealthCheckIntervalSeconds int
	HealthCheckTimeoutSeconds  int
	HealthyThresholdCount      int
	UnhealthyThresholdCount    int
	HealthCheckPath            string
	Matcher                    matcher
	LoadBalancerArns           members[string]
	TargetType                 string
	ProtocolVersion            string
	IpAddressType              string
	TargetControlPort          *int `xml:",omitempty"`
}

// defaultTargetGroupIPs is the IP address type of groups that have not said.
const defaultTargetGroupIPs = "ipv4"

func (v *view) describeTargetGroup(g *spec.TargetGroup) describedTargetGroup {
	h := &g.HealthCheck
	d := describedTargetGroup{
		TargetGroupArn: v.env.TargetGroupARN(g.Name), TargetGroupName: g.Name, Protocol: g.Protocol, Port: g.Port,
		VpcId: cmp.Or(v.env.AWS.VPC.ID, noVPC), HealthCheckProtocol: h.Protocol, HealthCheckPort: h.Port, HealthCheckEnabled: true,
		HealthCheckIntervalSeconds: secondsIn(h.Interval), HealthCheckTimeoutSeconds: secondsIn(h.Timeout),
		HealthyThresholdCount: h.HealthyThreshold, UnhealthyThresholdCount: h.UnhealthyThreshold, HealthCheckPath: h.Path,
		Matcher: matcher{HttpCode: h.Matcher}, TargetType: g.TargetType, ProtocolVersion: g.ProtocolVersion, IpAddressType: defaultTargetGroupIPs,
	}
	if g.ProtocolVersion == spec.ProtocolVersionGRPC {
		d.Matcher = matcher{GrpcCode: h.Matcher}
	}
	if g.TargetControlPort != 0 {
		d.TargetControlPort = &g.TargetControlPort
	}
	if v.users[g.Name] {
		d.LoadBalancerArns = members[string]{v.env.LoadBalancerARN()}
	}
	if made := v.model.targetGroup(g.Name); made != nil {
		d.VpcId = cmp.Or(made.VPCID, d.VpcId)
		d.IpAddressType = made.IPAddressType
	}
	return d
}

// healthCheckInput is what creating and modifying have in common.
type healthCheckInput struct {
	HealthCheckProtocol        string
	HealthCheckPort            string
	HealthCheckEnabled         *bool
	HealthCheckPath            string
	HealthCheckIntervalSeconds *int
	HealthCheckTimeoutSeconds  *int
	HealthyThresholdCount      *int
	UnhealthyThresholdCount    *int
	Matcher                    *matcher
}

// apply sets what was said of health checks.
func (in *healthCheckInput) apply(g *spec.TargetGroup) error {
	h := &g.HealthCheck
	if in.HealthCheckEnabled != nil && !*in.HealthCheckEnabled {
		return fail(codeInvalidConfigurationRequest, "Health check enabled must be true for target groups with target type '%s'", g.TargetType)
	}
	if p := in.HealthCheckProtocol; p != "" && p != spec.ProtocolHTTP && p != spec.ProtocolHTTPS {
		return fail(codeInvalidConfigurationRequest, "Health check protocol '%s' is not for target groups with the protocol '%s'", excerpt(p), g.Protocol)
	}
	h.Protocol = cmp.Or(in.HealthCheckProtocol, h.Protocol)
	h.Port = cmp.Or(in.HealthCheckPort, h.Port)
	h.Path = cmp.Or(in.HealthCheckPath, h.Path)
	setSeconds(&h.Interval, in.HealthCheckIntervalSeconds)
	setSeconds(&h.Timeout, in.HealthCheckTimeoutSeconds)
	setInt(&h.HealthyThreshold, in.HealthyThresholdCount)
	setInt(&h.UnhealthyThreshold, in.UnhealthyThresholdCount)
	if m := in.Matcher; m != nil {
		grpc := g.ProtocolVersion == spec.ProtocolVersionGRPC
		if m.HttpCode != "" && grpc || m.GrpcCode != "" && !grpc {
			return fail(codeInvalidConfigurationRequest, "Matcher has a code that is not for the protocol version '%s'", g.ProtocolVersion)
		}
		h.Matcher = cmp.Or(m.HttpCode, m.GrpcCode, h.Matcher)
	}
	if h.Timeout >= h.Interval {
		return fail(codeValidationError, "Health check interval must be greater than the timeout.")
	}
	return nil
}

func setSeconds(d *time.Duration, n *int) {
	if n != nil {
		*d = time.Duration(*n) * time.Second
	}
}

func setInt(to, n *int) {
	if n != nil {
		*to = *n
	}
}

type createTargetGroupInput struct {
	Name                       string `aws:"required"`
	Protocol                   string
	ProtocolVersion            string
	Port                       *int `aws:"1..65535"`
	VpcId                      string
	HealthCheckProtocol        string
	HealthCheckPort            string
	HealthCheckEnabled         *bool
	HealthCheckPath            string `aws:"1..1024"`
	HealthCheckIntervalSeconds *int   `aws:"5..300"`
	HealthCheckTimeoutSeconds  *int   `aws:"2..120"`
	HealthyThresholdCount      *int   `aws:"2..10"`
	UnhealthyThresholdCount    *int   `aws:"2..10"`
	Matcher                    *matcher
	TargetType                 string `aws:"instance|ip|lambda|alb"`
	Tags                       []tag
	IpAddressType              string `aws:"ipv4|ipv6"`
	TargetControlPort          *int   `aws:"1..65535"`
}

func (in *createTargetGroupInput) healthCheck() healthCheckInput {
	return healthCheckInput{
		in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckEnabled, in.HealthCheckPath,
		in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher,
	}
}

// targetGroup is what is asked for.
func (in *createTargetGroupInput) targetGroup() (spec.TargetGroup, error) {
	g := spec.Default[spec.TargetGroup]()
	g.Name = in.Name
	switch {
	case !loadBalancerName.MatchString(in.Name):
		return g, fail(codeValidationError, "Target group name '%s' must have at most 32 letters, digits and hyphens, and no hyphen first or last", excerpt(in.Name))
	case in.TargetType == "lambda" || in.TargetType == "alb":
		return g, fail(codeInvalidConfigurationRequest, "Target groups of type '%s' are not offered, only 'instance' and 'ip'", in.TargetType)
	case in.Protocol == "":
		return g, fail(codeValidationError, "A protocol must be specified")
	case in.Protocol != spec.ProtocolHTTP && in.Protocol != spec.ProtocolHTTPS:
		return g, fail(codeInvalidConfigurationRequest, "Target groups of protocol '%s' are not for Application Load Balancers, only HTTP and HTTPS", excerpt(in.Protocol))
	case in.Port == nil:
		return g, fail(codeValidationError, "A port must be specified")
	case in.VpcId != "" && !vpcShape.MatchString(in.VpcId):
		return g, fail(codeValidationError, "The VPC ID '%s' is not valid", excerpt(in.VpcId))
	}
	g.Protocol, g.Port = in.Protocol, *in.Port
	g.ProtocolVersion = cmp.Or(in.ProtocolVersion, g.ProtocolVersion)
	g.TargetType = cmp.Or(in.TargetType, spec.TargetTypeInstance)
	setInt(&g.TargetControlPort, in.TargetControlPort)
	g.Complete()
	check := in.healthCheck()
	return g, check.apply(&g)
}

type targetGroupsOutput struct {
	TargetGroups members[describedTargetGroup]
	NextMarker   string `xml:",omitempty"`
}

func createTargetGroup(c *call, in *createTargetGroupInput) (any, error) {
	g, err := in.targetGroup()
	if err != nil {
		return nil, err
	}
	tags, refusal := newTags(in.Tags)
	if refusal != nil {
		return nil, refusal
	}
	made := TargetGroup{TargetGroup: g, VPCID: in.VpcId, IPAddressType: cmp.Or(in.IpAddressType, defaultTargetGroupIPs), Tags: tags}
	v, err := c.change(func(c *change) error {
		if c.declared.TargetGroup(g.Name) != nil {
			return fail(codeDuplicateTargetGroupName, "A target group with the same name '%s' is declared by the environment file", g.Name)
		}
		if there := c.model.targetGroup(g.Name); there != nil {
			if there.same(&made) {
				return errUnchanged
			}
			return fail(codeDuplicateTargetGroupName, "A target group with the same name '%s' exists, but with different settings", g.Name)
		}
		if len(c.env.TargetGroups) >= spec.MaxTargetGroups {
			return fail(codeTooManyTargetGroups, "The maximum number of target groups has been reached: %d", spec.MaxTargetGroups)
		}
		made.ID = newID()
		c.model.TargetGroups = append(c.model.TargetGroups, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return targetGroupsOutput{TargetGroups: members[describedTargetGroup]{v.describeTargetGroup(v.env.TargetGroup(g.Name))}}, nil
}

// same tells whether creating other would give a target group as there is already.
func (g *TargetGroup) same(other *TargetGroup) bool {
	a, b := &g.TargetGroup, &other.TargetGroup
	return a.Protocol == b.Protocol && a.ProtocolVersion == b.ProtocolVersion && a.Port == b.Port && a.TargetType == b.TargetType &&
		a.HealthCheck == b.HealthCheck && a.TargetControlPort == b.TargetControlPort && g.VPCID == other.VPCID && g.IPAddressType == other.IPAddressType &&
		(len(other.Tags) == 0 || maps.Equal(g.Tags, other.Tags))
}

type describeTargetGroupsInput struct {
	LoadBalancerArn string
	TargetGroupArns []string
	Names           []string
	Marker          string
	PageSize        *int
}

func describeTargetGroups(c *call, in *describeTargetGroupsInput) (any, error) {
	v := c.view()
	ways := 0
	for _, used := range []bool{in.LoadBalancerArn != "", len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		return nil, fail(codeValidationError, "You can specify one of load balancer ARN, target group ARNs and names")
	}
	if in.LoadBalancerArn != "" {
		if err := v.checkLoadBalancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	for _, arn := range in.TargetGroupArns {
		if _, err := v.targetGroup(arn); err != nil {
			return nil, err
		}
	}
	for _, name := range in.Names {
		if v.env.TargetGroup(name) == nil {
			return nil, fail(codeTargetGroupNotFound, "One or more target groups not found")
		}
	}
	var list []describedTargetGroup
	for i := range v.env.TargetGroups {
		g := &v.env.TargetGroups[i]
		switch {
		case in.LoadBalancerArn != "" && !v.users[g.Name],
			len(in.TargetGroupArns) > 0 && !slices.Contains(in.TargetGroupArns, v.env.TargetGroupARN(g.Name)),
			len(in.Names) > 0 && !slices.Contains(in.Names, g.Name):
			continue
		}
		list = append(list, v.describeTargetGroup(g))
	}
	shown, next, err := paged(page{in.Marker, in.PageSize}, list, func(d *describedTargetGroup) string { return d.TargetGroupName })
	if err != nil {
		return nil, err
	}
	return targetGroupsOutput{shown, next}, nil
}

type targetGroupInput struct {
	TargetGroupArn string `aws:"required"`
}

func deleteTargetGroup(c *call, in *targetGroupInput) (any, error) {
	_, err := c.change(func(c *change) error {
		g, refusal := c.targetGroup(in.TargetGroupArn)
		switch {
		case refusal != nil && refusal.Code == codeValidationError:
			return refusal
		case refusal != nil:
			return errUnchanged // as AWS: what is not there need not be deleted
		case c.model.targetGroup(g.Name) == nil:
			return c.declaredRefusal("target group", g.Name)
		case c.users[g.Name]:
			return fail(codeResourceInUse, "Target group '%s' is currently in use by a listener or a rule", in.TargetGroupArn)
		}
		c.model.TargetGroups = slices.DeleteFunc(c.model.TargetGroups, func(made TargetGroup) bool { return made.TargetGroup.Name == g.Name })
		delete(c.model.Targets, g.Name)
		return nil
	})
	return nil, err
}

// ownTargetGroup is the target group of that ARN, which the API made.
func (c *change) ownTargetGroup(arn string) (*TargetGroup, error) {
	g, refusal := c.targetGroup(arn)
	if refusal != nil {
		return nil, refusal
	}
	if made := c.model.targetGroup(g.Name); made != nil {
		return made, nil
	}
	return nil, c.declaredRefusal("target group", g.Name)
}

type modifyTargetGroupInput struct {
	TargetGroupArn             string `aws:"required"`
	HealthCheckProtocol        string
	HealthCheckPort            string
	HealthCheckPath            string `aws:"1..1024"`
	HealthCheckEnabled         *bool
	HealthCheckIntervalSeconds *int `aws:"5..300"`
	HealthCheckTimeoutSeconds  *int `aws:"2..120"`
	HealthyThresholdCount      *int `aws:"2..10"`
	UnhealthyThresholdCount    *int `aws:"2..10"`
	Matcher                    *matcher
}

func modifyTargetGroup(c *call, in *modifyTargetGroupInput) (any, error) {
	check := healthCheckInput{
		in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckEnabled, in.HealthCheckPath,
		in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher,
	}
	v, err := c.change(func(c *change) error {
		made, err := c.ownTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		return check.apply(&made.TargetGroup)
	})
	if err != nil {
		return nil, err
	}
	g, refusal := v.targetGroup(in.TargetGroupArn)
	if refusal != nil {
		return nil, refusal
	}
	return targetGroupsOutput{TargetGroups: members[describedTargetGroup]{v.describeTargetGroup(g)}}, nil
}

func describeTargetGroupAttributes(c *call, in *targetGroupInput) (any, error) {
	return c.view().targetGroupAttributes(in.TargetGroupArn)
}

func (v *view) targetGroupAttributes(arn string) (any, error) {
	g, refusal := v.targetGroup(arn)
	if refusal != nil {
		return nil, refusal
	}
	var said map[string]string
	if made := v.model.targetGroup(g.Name); made != nil {
		said = made.Attributes
	}
	return attributesOutput{targetGroupAttributes.describe(g, said)}, nil
}

type modifyTargetGroupAttributesInput struct {
	TargetGroupArn string      `aws:"required"`
	Attributes     []attribute `aws:"required"`
}

func modifyTargetGroupAttributes(c *call, in *modifyTargetGroupAttributesInput) (any, error) {
	v, err := c.change(func(c *change) error {
		made, err := c.ownTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		made.Attributes, err = targetGroupAttributes.modify(made.Attributes, in.Attributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v.targetGroupAttributes(in.TargetGroupArn)
}

type limit struct {
	Name string
	Max  string
}

type accountLimitsOutput struct {
	Limits     members[limit]
	NextMarker string `xml:",omitempty"`
}

type pageInput struct {
	Marker   string
	PageSize *int
}

// accountLimits are the quotas of Application Load Balancers; there is one load balancer.
var accountLimits = []limit{
	{"application-load-balancers", "1"},
	{"certificates-per-application-load-balancer", strconv.Itoa(spec.MaxCertificates)},
	{"condition-values-per-alb-rule", strconv.Itoa(spec.MaxValuesPerRule)},
	{"condition-wildcards-per-alb-rule", strconv.Itoa(spec.MaxWildcardsPerRule)},
	{"listeners-per-application-load-balancer", strconv.Itoa(spec.MaxListeners)},
	{"rules-per-application-load-balancer", strconv.Itoa(spec.MaxRules)},
	{"target-groups", strconv.Itoa(spec.MaxTargetGroups)},
	{"target-groups-per-action-on-application-load-balancer", strconv.Itoa(spec.MaxForwardGroups)},
	{"target-groups-per-application-load-balancer", strconv.Itoa(spec.MaxTargetGroups)},
	{"targets-per-application-load-balancer", strconv.Itoa(spec.MaxTargets)},
	{"targets-per-target-group", strconv.Itoa(spec.MaxTargets)},
}

func describeAccountLimits(_ *call, in *pageInput) (any, error) {
	shown, next, err := paged(page(*in), accountLimits, func(l *limit) string { return l.Name })
	if err != nil {
		return nil, err
	}
	return accountLimitsOutput{shown, next}, nil
}
