// Package loadbalancer makes the Application Load Balancer of the file: its attributes,
// listeners, rules and target groups, each property by the name that the file has it under.
// L1 constructs have the shape of AWS's API, which the file speaks as well, so that nothing
// is translated that could be lost.
package loadbalancer

import (
	"strconv"
	"time"

	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says what stands around the load balancer.
type Props struct {
	Environment *spec.Environment
	// VPCID is where targets are.
	VPCID string
	// Subnets are at least two, in different zones: public ones for an internet-facing load
	// balancer.
	Subnets []string
	// SecurityGroup is the id of the load balancer's.
	SecurityGroup string
	// Aggregate is the health function's target group; nil without the function.
	Aggregate *Aggregate
}

// Aggregate is where the health of the environment is served.
type Aggregate struct {
	// Path of requests, exact.
	Path string
	// TargetGroupARN is the function's.
	TargetGroupARN string
}

// LoadBalancer is what others need to know of it.
type LoadBalancer struct {
	// ARN is the load balancer's Amazon Resource Name.
	ARN string
	// FullName is app/<name>/<id>, the dimension of its metrics.
	FullName string
	// DNSName and HostedZoneID are what an alias record points to.
	DNSName, HostedZoneID string
	// TargetGroups are by their name in the file.
	TargetGroups map[string]TargetGroup
	// Certificates are the ARNs of those that are made here, by their name in the file.
	Certificates map[string]string
}

// New makes the load balancer and all that belongs to it.
func New(scope constructs.Construct, id string, props Props) *LoadBalancer {
	this := constructs.NewConstruct(scope, &id)
	env := props.Environment
	b := &LoadBalancer{TargetGroups: map[string]TargetGroup{}, Certificates: map[string]string{}}
	buckets := logBuckets(this, env)
	balancer := elbv2.NewCfnLoadBalancer(this, new("Resource"), &elbv2.CfnLoadBalancerProps{
		Name:                   &env.LoadBalancer.Name,
		Type:                   new("application"),
		Scheme:                 &env.LoadBalancer.Scheme,
		IpAddressType:          &env.LoadBalancer.IPAddressType,
		Subnets:                convert.References(props.Subnets),
		SecurityGroups:         convert.References([]string{props.SecurityGroup}),
		LoadBalancerAttributes: attributes(&env.LoadBalancer.Attributes),
	})
	if env.LoadBalancer.Attributes.AccessLogs.Bucket == "" {
		nag.Acknowledge(balancer, "AwsSolutions-ELB2", "The environment file names no bucket for access logs, of which its reader is warned.")
	}
	for _, policy := range buckets {
		// The load balancer tries whether it may write before it takes the attribute.
		balancer.AddResourceDependency(policy, nil)
	}
	b.ARN, b.FullName = *balancer.Ref(), *balancer.AttrLoadBalancerFullName()
	b.DNSName, b.HostedZoneID = *balancer.AttrDnsName(), *balancer.AttrCanonicalHostedZoneId()
	for i := range env.TargetGroups {
		b.newTargetGroup(this, props, &env.TargetGroups[i])
	}
	for i := range env.LoadBalancer.Listeners {
		b.newListener(this, props, &env.LoadBalancer.Listeners[i])
	}
	return b
}

// attribute is a key of AWS and its value, both strings.
type attribute struct{ key, value string }

// attributes are those of the load balancer, all of them, so that what someone changes by
// hand comes back. IPv6 and cross-zone attributes are left out where AWS refuses to hear them.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
func attributes(a *spec.LoadBalancerAttributes) any {
	list := []attribute{
		{"idle_timeout.timeout_seconds", seconds(a.IdleTimeout)},
		{"client_keep_alive.seconds", seconds(a.ClientKeepAlive)},
		{"routing.http.desync_mitigation_mode", a.DesyncMitigationMode},
		{"routing.http.drop_invalid_header_fields.enabled", strconv.FormatBool(a.DropInvalidHeaderFields)},
		{"routing.http.xff_header_processing.mode", a.XFFHeaderProcessingMode},
		{"routing.http.xff_client_port.enabled", strconv.FormatBool(a.XFFClientPort)},
		{"routing.http.preserve_host_header.enabled", strconv.FormatBool(a.PreserveHostHeader)},
		{"routing.http2.enabled", strconv.FormatBool(a.HTTP2)},
		{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", strconv.FormatBool(a.TLSVersionAndCipherSuite)},
		{"waf.fail_open.enabled", strconv.FormatBool(a.WAFFailOpen)},
		{"zonal_shift.config.enabled", strconv.FormatBool(a.ZonalShift)},
		{"deletion_protection.enabled", strconv.FormatBool(a.DeletionProtection)},
	}
	if a.IPv6DenyAllIGWTraffic {
		list = append(list, attribute{"ipv6.deny_all_igw_traffic", "true"})
	}
	for _, logs := range []struct {
		key    string
		bucket spec.LogBucket
	}{
		{"access_logs.s3", a.AccessLogs},
		{"connection_logs.s3", a.ConnectionLogs},
		{"health_check_logs.s3", a.HealthCheckLogs},
	} {
		list = append(list, attribute{logs.key + ".enabled", strconv.FormatBool(logs.bucket.Bucket != "")})
		if logs.bucket.Bucket == "" {
			continue
		}
		list = append(list, attribute{logs.key + ".bucket", logs.bucket.Bucket})
		if logs.bucket.Prefix != "" {
			list = append(list, attribute{logs.key + ".prefix", logs.bucket.Prefix})
		}
	}
	props := make([]*elbv2.CfnLoadBalancer_LoadBalancerAttributeProperty, len(list))
	for i, a := range list {
		props[i] = &elbv2.CfnLoadBalancer_LoadBalancerAttributeProperty{Key: &a.key, Value: &a.value}
	}
	return convert.Union(props...)
}

// seconds is d as attributes have it.
func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
