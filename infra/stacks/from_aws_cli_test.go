package stacks_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

// option is one of an AWS CLI command and where its like is in the template of production.
type option struct {
	name string
	// key is where the environment file says it; empty for what it need not say.
	key string
	// resource picks the resource, property is in it; an attribute's key stands after a colon.
	resource func(s *synthesized) *template.Resource
	property string
	// want is what the property has to be; nil for a reference, which then has to lead to a
	// resource of the type in leads.
	want  func(env *spec.Environment) string
	leads string
	// absent: the property must not be there.
	absent bool
	// note says what a command had to do that is not a property.
	note string
}

type command struct {
	name    string
	options []option
}

func commands() []command {
	group := the("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroup-web")
	balancer := the("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancer/Resource")
	https := the("AWS::ElasticLoadBalancingV2::Listener", "Listener-https")
	http := the("AWS::ElasticLoadBalancingV2::Listener", "Listener-http")
	launch := the("AWS::EC2::LaunchTemplate", "Fleet-web/LaunchTemplate")
	fleet := the("AWS::AutoScaling::AutoScalingGroup", "Fleet-web/Group")
	scaling := the("AWS::AutoScaling::ScalingPolicy", "Fleet-web/ScaleOnCPU")
	queue := the("AWS::SQS::Queue", "Drain/Queue")
	web := func(env *spec.Environment) *spec.TargetGroup { return env.TargetGroup("web") }
	return []command{
		{"elbv2 create-target-group", []option{
			{
				name: "--name", key: "target_groups[].name", resource: group, property: "Tags:Name", want: func(env *spec.Environment) string { return web(env).Name },
				note: "a tag: a fixed name would keep AWS from replacing the group",
			},
			{name: "--protocol", key: "target_groups[].protocol", resource: group, property: "Protocol", want: func(env *spec.Environment) string { return web(env).Protocol }},
			{name: "--port", key: "target_groups[].port", resource: group, property: "Port", want: func(env *spec.Environment) string { return strconv.Itoa(web(env).Port) }},
			{name: "--vpc-id", key: "aws.vpc", resource: group, property: "VpcId", leads: "AWS::EC2::VPC"},
			{name: "--target-type", key: "target_groups[].target_type", resource: group, property: "TargetType", want: func(env *spec.Environment) string { return web(env).TargetType }},
			{name: "--health-check-protocol", key: "target_groups[].health_check.protocol", resource: group, property: "HealthCheckProtocol", want: func(env *spec.Environment) string { return web(env).HealthCheck.Protocol }},
			{name: "--health-check-port", key: "target_groups[].health_check.port", resource: group, property: "HealthCheckPort", want: func(env *spec.Environment) string { return web(env).HealthCheck.Port }},
			{name: "--health-check-path", key: "target_groups[].health_check.path", resource: group, property: "HealthCheckPath", want: func(env *spec.Environment) string { return web(env).HealthCheck.Path }},
			{name: "--health-check-interval-seconds", key: "target_groups[].health_check.interval", resource: group, property: "HealthCheckIntervalSeconds", want: func(env *spec.Environment) string { return count(web(env).HealthCheck.Interval.Seconds()) }},
			{name: "--health-check-timeout-seconds", key: "target_groups[].health_check.timeout", resource: group, property: "HealthCheckTimeoutSeconds", want: func(env *spec.Environment) string { return count(web(env).HealthCheck.Timeout.Seconds()) }},
			{name: "--healthy-threshold-count", key: "target_groups[].health_check.healthy_threshold", resource: group, property: "HealthyThresholdCount", want: func(env *spec.Environment) string { return strconv.Itoa(web(env).HealthCheck.HealthyThreshold) }},
			{name: "--unhealthy-threshold-count", key: "target_groups[].health_check.unhealthy_threshold", resource: group, property: "UnhealthyThresholdCount", want: func(env *spec.Environment) string { return strconv.Itoa(web(env).HealthCheck.UnhealthyThreshold) }},
			{name: "--matcher HttpCode", key: "target_groups[].health_check.matcher", resource: group, property: "Matcher.HttpCode", want: func(env *spec.Environment) string { return web(env).HealthCheck.Matcher }},
		}},
		{"elbv2 modify-target-group-attributes", []option{
			{name: "deregistration_delay.timeout_seconds", key: "target_groups[].deregistration_delay", resource: group, property: "TargetGroupAttributes:deregistration_delay.timeout_seconds", want: func(env *spec.Environment) string { return count(web(env).DeregistrationDelay.Seconds()) }},
			{name: "slow_start.duration_seconds", key: "target_groups[].slow_start", resource: group, property: "TargetGroupAttributes:slow_start.duration_seconds", want: func(env *spec.Environment) string { return count(web(env).SlowStart.Seconds()) }},
			{name: "stickiness.enabled", key: "target_groups[].stickiness", resource: group, property: "TargetGroupAttributes:stickiness.enabled", want: func(env *spec.Environment) string { return strconv.FormatBool(web(env).Stickiness.Type != "") }},
			{name: "stickiness.type", key: "target_groups[].stickiness.type", resource: group, property: "TargetGroupAttributes:stickiness.type", want: func(env *spec.Environment) string { return web(env).Stickiness.Type }},
			{name: "stickiness.lb_cookie.duration_seconds", key: "target_groups[].stickiness.duration", resource: group, property: "TargetGroupAttributes:stickiness.lb_cookie.duration_seconds", want: func(env *spec.Environment) string { return count(web(env).Stickiness.Duration.Seconds()) }},
			{name: "load_balancing.algorithm.type", key: "target_groups[].algorithm", resource: group, property: "TargetGroupAttributes:load_balancing.algorithm.type", want: func(env *spec.Environment) string { return web(env).Algorithm }},
		}},
		{"elbv2 register-targets", []option{
			{name: "--target-group-arn", key: "target_groups[].fleet", resource: fleet, property: "TargetGroupARNs[0]", leads: "AWS::ElasticLoadBalancingV2::TargetGroup"},
			{name: "--targets Id", key: "target_groups[].fleet", resource: fleet, property: "AutoScalingGroupName", want: func(env *spec.Environment) string { return env.ResourceName("web") }, note: "the group registers its instances by itself"},
			{name: "--targets Port", key: "target_groups[].port", resource: group, property: "Port", want: func(env *spec.Environment) string { return strconv.Itoa(web(env).Port) }},
		}},
		{"elbv2 create-load-balancer", []option{
			{name: "--name", key: "load_balancer.name", resource: balancer, property: "Name", want: func(env *spec.Environment) string { return env.LoadBalancer.Name }},
			{name: "--type", resource: balancer, property: "Type", want: func(*spec.Environment) string { return "application" }},
			{name: "--scheme", key: "load_balancer.scheme", resource: balancer, property: "Scheme", want: func(env *spec.Environment) string { return env.LoadBalancer.Scheme }},
			{name: "--ip-address-type", key: "load_balancer.ip_address_type", resource: balancer, property: "IpAddressType", want: func(env *spec.Environment) string { return env.LoadBalancer.IPAddressType }},
			{name: "--subnets", key: "aws.vpc", resource: balancer, property: "Subnets[0]", leads: "AWS::EC2::Subnet"},
			{name: "--security-groups", resource: balancer, property: "SecurityGroups[0]", leads: "AWS::EC2::SecurityGroup"},
			{name: "--tags", key: "aws.tags", resource: balancer, property: "Tags:" + spec.TagEnvironment, want: func(env *spec.Environment) string { return env.Name }},
		}},
		{"elbv2 create-listener (HTTPS)", []option{
			{name: "--load-balancer-arn", resource: https, property: "LoadBalancerArn", leads: "AWS::ElasticLoadBalancingV2::LoadBalancer"},
			{name: "--protocol", key: "load_balancer.listeners[].protocol", resource: https, property: "Protocol", want: func(*spec.Environment) string { return spec.ProtocolHTTPS }},
			{name: "--port", key: "load_balancer.listeners[].port", resource: https, property: "Port", want: func(*spec.Environment) string { return "443" }},
			{name: "--ssl-policy", key: "load_balancer.listeners[].ssl_policy", resource: https, property: "SslPolicy", want: func(env *spec.Environment) string { return env.LoadBalancer.Listeners[1].SSLPolicy }},
			{name: "--certificates CertificateArn", key: "load_balancer.listeners[].certificates", resource: https, property: "Certificates[0].CertificateArn", leads: "AWS::CertificateManager::Certificate"},
			{name: "--default-actions Type", key: "load_balancer.listeners[].default_action", resource: https, property: "DefaultActions[0].Type", want: func(*spec.Environment) string { return "forward" }},
			{name: "--default-actions TargetGroupArn", key: "load_balancer.listeners[].default_action.forward", resource: https, property: "DefaultActions[0].ForwardConfig.TargetGroups[0].TargetGroupArn", leads: "AWS::ElasticLoadBalancingV2::TargetGroup"},
		}},
		{"elbv2 create-listener (HTTP)", []option{
			{name: "--load-balancer-arn", resource: http, property: "LoadBalancerArn", leads: "AWS::ElasticLoadBalancingV2::LoadBalancer"},
			{name: "--protocol", key: "load_balancer.listeners[].protocol", resource: http, property: "Protocol", want: func(*spec.Environment) string { return spec.ProtocolHTTP }},
			{name: "--port", key: "load_balancer.listeners[].port", resource: http, property: "Port", want: func(*spec.Environment) string { return "80" }},
			{name: "--default-actions Type", key: "load_balancer.listeners[].default_action", resource: http, property: "DefaultActions[0].Type", want: func(*spec.Environment) string { return "redirect" }},
			{name: "RedirectConfig.Protocol", key: "load_balancer.listeners[].default_action.redirect.protocol", resource: http, property: "DefaultActions[0].RedirectConfig.Protocol", want: redirect(func(r *spec.Redirect) string { return r.Protocol })},
			{name: "RedirectConfig.Port", key: "load_balancer.listeners[].default_action.redirect.port", resource: http, property: "DefaultActions[0].RedirectConfig.Port", want: redirect(func(r *spec.Redirect) string { return r.Port })},
			{name: "RedirectConfig.StatusCode", key: "load_balancer.listeners[].default_action.redirect.status_code", resource: http, property: "DefaultActions[0].RedirectConfig.StatusCode", want: redirect(func(r *spec.Redirect) string { return r.StatusCode })},
		}},
		{"ec2 create-launch-template", []option{
			{name: "--launch-template-name", resource: launch, property: "LaunchTemplateName", want: func(env *spec.Environment) string { return env.ResourceName("web") }},
			{name: "--version-description", resource: launch, property: "VersionDescription", want: func(*spec.Environment) string { return "fleet web of syncapp prod" }},
			{name: "ImageId", key: "fleets.web.ami", resource: launch, property: "LaunchTemplateData.ImageId", want: func(env *spec.Environment) string {
				f := env.Fleets["web"]
				return "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-" + f.Architecture()
			}},
			{name: "InstanceType", key: "fleets.web.instance_type", resource: launch, property: "LaunchTemplateData.InstanceType", want: func(env *spec.Environment) string { return env.Fleets["web"].InstanceType }},
			{name: "KeyName", resource: launch, property: "LaunchTemplateData.KeyName", absent: true, note: "no key: Session Manager in place of SSH"},
			{name: "SecurityGroupIds", resource: launch, property: "LaunchTemplateData.SecurityGroupIds[0]", leads: "AWS::EC2::SecurityGroup"},
			{name: "IamInstanceProfile", resource: launch, property: "LaunchTemplateData.IamInstanceProfile.Arn", leads: "AWS::IAM::InstanceProfile"},
			{name: "UserData", key: "fleets.web.user_data", resource: launch, property: "LaunchTemplateData.UserData", note: "the script, after a file with what the application needs to know"},
			{name: "TagSpecifications", key: "aws.tags", resource: launch, property: "LaunchTemplateData.TagSpecifications[0].Tags:" + spec.TagEnvironment, want: func(env *spec.Environment) string { return env.Name }},
			{name: "Monitoring.Enabled", resource: launch, property: "LaunchTemplateData.Monitoring.Enabled", want: func(*spec.Environment) string { return "true" }},
		}},
		{"autoscaling create-auto-scaling-group", []option{
			{name: "--auto-scaling-group-name", resource: fleet, property: "AutoScalingGroupName", want: func(env *spec.Environment) string { return env.ResourceName("web") }},
			{name: "--launch-template", resource: fleet, property: "LaunchTemplate.LaunchTemplateId", leads: "AWS::EC2::LaunchTemplate"},
			{name: "--min-size", key: "fleets.web.capacity.min", resource: fleet, property: "MinSize", want: func(env *spec.Environment) string { return strconv.Itoa(env.Fleets["web"].Capacity.Min) }},
			{name: "--max-size", key: "fleets.web.capacity.max", resource: fleet, property: "MaxSize", want: func(env *spec.Environment) string { return strconv.Itoa(env.Fleets["web"].Capacity.Max) }},
			{
				name: "--desired-capacity", key: "fleets.web.capacity.min", resource: fleet, property: "MinSize", want: func(env *spec.Environment) string { return strconv.Itoa(env.Fleets["web"].Capacity.Min) },
				note: "left to scaling, as every deploy would set it back; a new group begins with the least",
			},
			{name: "--target-group-arns", key: "target_groups[].fleet", resource: fleet, property: "TargetGroupARNs[0]", leads: "AWS::ElasticLoadBalancingV2::TargetGroup"},
			{name: "--vpc-zone-identifier", key: "aws.vpc", resource: fleet, property: "VPCZoneIdentifier[0]", leads: "AWS::EC2::Subnet"},
			{name: "--health-check-type", key: "target_groups[].fleet", resource: fleet, property: "HealthCheckType", want: func(*spec.Environment) string { return "ELB" }},
			{name: "--health-check-grace-period", key: "fleets.web.health_check_grace_period", resource: fleet, property: "HealthCheckGracePeriod", want: func(env *spec.Environment) string {
				return count(env.Fleets["web"].HealthCheckGracePeriod.Seconds())
			}},
			{name: "--tags", key: "aws.tags", resource: fleet, property: "Tags:" + spec.TagEnvironment, want: func(env *spec.Environment) string { return env.Name }},
		}},
		{"autoscaling put-scaling-policy", []option{
			{name: "--auto-scaling-group-name", resource: scaling, property: "AutoScalingGroupName", leads: "AWS::AutoScaling::AutoScalingGroup"},
			{name: "--policy-type", resource: scaling, property: "PolicyType", want: func(*spec.Environment) string { return "TargetTrackingScaling" }},
			{name: "TargetValue", key: "fleets.web.scaling.cpu_utilization", resource: scaling, property: "TargetTrackingConfiguration.TargetValue", want: func(env *spec.Environment) string { return strconv.Itoa(env.Fleets["web"].Scaling.CPUUtilization) }},
			{name: "PredefinedMetricType", key: "fleets.web.scaling", resource: scaling, property: "TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType", want: func(*spec.Environment) string { return "ASGAverageCPUUtilization" }},
		}},
		{"elbv2 deregister-targets, wait target-deregistered, ec2 stop-instances", []option{
			{name: "deregister-targets", resource: fleet, property: "TargetGroupARNs[0]", leads: "AWS::ElasticLoadBalancingV2::TargetGroup", note: "the group deregisters an instance that is to end"},
			{name: "wait target-deregistered", key: "target_groups[].deregistration_delay", resource: group, property: "TargetGroupAttributes:deregistration_delay.timeout_seconds", want: func(env *spec.Environment) string { return count(web(env).DeregistrationDelay.Seconds()) }},
			{
				name: "stop-instances", key: "fleets.web.drain", resource: fleet, property: "LifecycleHookSpecificationList[0].HeartbeatTimeout", want: func(env *spec.Environment) string { return count(env.Fleets["web"].Drain.Heartbeat.Seconds()) },
				note: "the hook holds the instance until its work is done",
			},
			{name: "stop-instances", key: "fleets.web.drain", resource: fleet, property: "LifecycleHookSpecificationList[0].NotificationTargetARN", leads: "AWS::SQS::Queue", note: "whom the hook tells"},
			{name: "stop-instances", key: "fleets.web.drain.maximum", resource: queue, property: "QueueName", want: func(env *spec.Environment) string { return env.ResourceName("drain") }, note: "where drains of up to 48h wait for their next step"},
		}},
	}
}

func redirect(part func(*spec.Redirect) string) func(*spec.Environment) string {
	return func(env *spec.Environment) string { return part(env.LoadBalancer.Listeners[0].DefaultAction.Redirect) }
}

func count(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// the picks the one resource of a type whose path ends so.
func the(kind, path string) func(s *synthesized) *template.Resource {
	return func(s *synthesized) *template.Resource {
		var found *template.Resource
		for _, r := range s.assembly.All(kind) {
			if strings.HasSuffix(r.Path, path) || strings.HasSuffix(r.Path, path+"/Resource") {
				if found != nil {
					panic("two resources end in " + path)
				}
				found = r
			}
		}
		return found
	}
}

// TestEveryOptionOfTheCommandLineHasItsProperty writes the table for those who come from
// AWS CLI commands, and holds each line of it to the template.
func TestEveryOptionOfTheCommandLineHasItsProperty(t *testing.T) {
	s := of(t, "prod")
	var text bytes.Buffer
	text.WriteString("# From AWS CLI commands\n\nWhere each option of the commands that used to build SyncApp is now: the key of the\n" +
		"environment file that says it, and the property of production's template that carries it.\n" +
		"Generated by `go test ./infra/stacks -update`, which reads the template.\n")
	for _, c := range commands() {
		fmt.Fprintf(&text, "\n## aws %s\n\n| Option | Environment file | Template | In production |\n| --- | --- | --- | --- |\n", c.name)
		for _, o := range c.options {
			r := o.resource(s)
			if r == nil {
				t.Errorf("%s %s: the template has no such resource", c.name, o.name)
				continue
			}
			got := shown(t, s, c, o, r)
			key := "follows from the rest"
			if o.key != "" {
				key = "`" + o.key + "`"
			}
			where := strings.TrimPrefix(r.Type, "AWS::") + " `" + strings.ReplaceAll(o.property, ":", " ") + "`"
			if o.note != "" {
				got += "; " + o.note
			}
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", o.name, key, where, got)
		}
	}
	fresh(t, "../../docs/reference/from-aws-cli.md", text.Bytes())
}

// shown holds an option's property to what it has to be and returns how to show it.
func shown(t *testing.T, s *synthesized, c command, o option, r *template.Resource) string {
	t.Helper()
	path, key, isAttribute := strings.Cut(o.property, ":")
	got := r.String(path)
	if isAttribute {
		var ok bool
		if got, ok = r.Attribute(path, key); !ok {
			t.Errorf("%s %s: %s has no %s %s", c.name, o.name, r.Name(), path, key)
		}
	}
	switch {
	case o.absent:
		if r.Has(path) {
			t.Errorf("%s %s: %s has %s", c.name, o.name, r.Name(), o.property)
		}
		return "not there"
	case o.want != nil:
		if want := o.want(s.env); got != want {
			t.Errorf("%s %s: %s of %s is %q, want %q", c.name, o.name, o.property, r.Name(), got, want)
		}
		return "`" + got + "`"
	case o.leads != "":
		to, _, ok := s.assembly.Target(r.Stack, r.Get(path))
		if !ok || to.Type != o.leads {
			t.Errorf("%s %s: %s of %s is %q, want a reference to %s", c.name, o.name, o.property, r.Name(), got, o.leads)
			return got
		}
		return "→ " + strings.TrimPrefix(to.Type, "AWS::")
	case got == "":
		t.Errorf("%s %s: %s of %s is empty", c.name, o.name, o.property, r.Name())
	}
	return "there"
}
