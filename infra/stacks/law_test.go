package stacks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

// all is every resource of a type; a type that an environment should have and has not is a
// test that finds nothing, so that the caller says how many it wants at least.
func all(t *testing.T, s *synthesized, kind string, atLeast int) []*template.Resource {
	t.Helper()
	list := s.assembly.All(kind)
	if len(list) < atLeast {
		t.Fatalf("%s has %d of %s, want at least %d", s.name, len(list), kind, atLeast)
	}
	return list
}

// isWorld tells whether a block is everybody.
func isWorld(block string) bool { return block == "0.0.0.0/0" || block == "::/0" }

// TestOnlyTheWebIsOpenToTheWorld: and behind an edge not even that.
func TestOnlyTheWebIsOpenToTheWorld(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		open := 0
		for _, r := range all(t, s, "AWS::EC2::SecurityGroup", 1) {
			if list := r.List("SecurityGroupIngress"); len(list) > 0 {
				t.Errorf("%s lets %d in by itself; rules are resources of their own, which this test reads", r.Name(), len(list))
			}
		}
		for _, r := range all(t, s, "AWS::EC2::SecurityGroupIngress", 1) {
			if !isWorld(r.String("CidrIp")) && !isWorld(r.String("CidrIpv6")) {
				continue
			}
			open++
			from, to := r.Number("FromPort"), r.Number("ToPort")
			group, _, _ := s.assembly.Target(r.Stack, r.Get("GroupId"))
			switch {
			case from != to || from != 80 && from != 443:
				t.Errorf("%s opens ports %v to %v to the world", r.Name(), from, to)
			case group == nil || !strings.Contains(group.Path, "LoadBalancerSecurityGroup"):
				t.Errorf("%s opens %v to the world", r.Name(), group)
			case s.env.Edge.Present():
				t.Errorf("%s opens the load balancer to the world, behind an edge", r.Name())
			case s.env.LoadBalancer.Scheme == spec.SchemeInternal:
				t.Errorf("%s opens an internal load balancer to the world", r.Name())
			}
		}
		if want := !s.env.Edge.Present() && s.env.LoadBalancer.Scheme == spec.SchemeInternetFacing; want != (open > 0) {
			t.Errorf("%d ports are open to the world", open)
		}
	})
}

// TestOnlyCloudFrontReachesWhatIsBehindAnEdge wants its prefix list, once: it fills a group.
func TestOnlyCloudFrontReachesWhatIsBehindAnEdge(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		lists := 0
		for _, r := range all(t, s, "AWS::EC2::SecurityGroupIngress", 1) {
			if id := r.String("SourcePrefixListId"); id != "" {
				lists++
				if id != s.env.AWS.CloudFrontPrefixList || r.Number("FromPort") != 443 || r.Number("ToPort") != 443 {
					t.Errorf("%s lets prefix list %s to port %v", r.Name(), id, r.Number("FromPort"))
				}
			}
		}
		want := 0
		if s.env.Edge.Present() {
			want = 1
		}
		if lists != want {
			t.Errorf("%d rules with a prefix list, want %d", lists, want)
		}
	})
}

// TestNothingIsInTheOpen wants encryption on whatever keeps or carries something.
func TestNothingIsInTheOpen(t *testing.T) {
	rules := map[string]func(r *template.Resource) bool{
		"AWS::RDS::DBInstance": func(r *template.Resource) bool {
			return (r.Bool("StorageEncrypted") || r.Has("SourceDBInstanceIdentifier")) && !r.Bool("PubliclyAccessible")
		},
		"AWS::RDS::DBProxy": func(r *template.Resource) bool { return r.Bool("RequireTLS") },
		"AWS::ElastiCache::ReplicationGroup": func(r *template.Resource) bool {
			return r.Bool("AtRestEncryptionEnabled") && r.Bool("TransitEncryptionEnabled") && r.Has("AuthToken")
		},
		"AWS::AmazonMQ::Broker": func(r *template.Resource) bool { return !r.Bool("PubliclyAccessible") && r.Has("EncryptionOptions") },
		"AWS::SQS::Queue":       func(r *template.Resource) bool { return r.Bool("SqsManagedSseEnabled") || r.Has("KmsMasterKeyId") },
		"AWS::SNS::Topic":       func(r *template.Resource) bool { return r.Has("KmsMasterKeyId") },
		"AWS::S3::Bucket": func(r *template.Resource) bool {
			return r.Has("BucketEncryption.ServerSideEncryptionConfiguration[0]") &&
				r.Bool("PublicAccessBlockConfiguration.BlockPublicPolicy") && r.Bool("PublicAccessBlockConfiguration.RestrictPublicBuckets")
		},
		"AWS::EC2::LaunchTemplate": func(r *template.Resource) bool {
			return r.Bool("LaunchTemplateData.BlockDeviceMappings[0].Ebs.Encrypted") &&
				r.String("LaunchTemplateData.MetadataOptions.HttpTokens") == "required"
		},
		"AWS::KMS::Key": func(r *template.Resource) bool { return r.Bool("EnableKeyRotation") },
		"AWS::ElasticLoadBalancingV2::Listener": func(r *template.Resource) bool {
			return r.String("Protocol") != "HTTPS" || strings.Contains(r.String("SslPolicy"), "TLS13-1-2") || strings.Contains(r.String("SslPolicy"), "TLS13-1-3")
		},
		"AWS::CloudFront::Distribution": func(r *template.Resource) bool {
			return strings.HasPrefix(r.String("DistributionConfig.ViewerCertificate.MinimumProtocolVersion"), "TLSv1.2") ||
				strings.HasPrefix(r.String("DistributionConfig.ViewerCertificate.MinimumProtocolVersion"), "TLSv1.3")
		},
	}
	seen := map[string]bool{}
	each(t, func(t *testing.T, s *synthesized) {
		for kind, ok := range rules {
			for _, r := range s.assembly.All(kind) {
				seen[kind] = true
				if !ok(r) {
					t.Errorf("%s (%s) is in the open", r.Name(), kind)
				}
			}
		}
	})
	for kind := range rules {
		if !seen[kind] {
			t.Errorf("no environment has a %s: the rule proves nothing", kind)
		}
	}
}

// TestBucketsAndQueuesWantTLS reads the policies.
func TestBucketsAndQueuesWantTLS(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		for kind, policy := range map[string]string{"AWS::S3::Bucket": "AWS::S3::BucketPolicy", "AWS::SQS::Queue": "AWS::SQS::QueuePolicy", "AWS::SNS::Topic": "AWS::SNS::TopicPolicy"} {
			covered := map[string]bool{}
			for _, p := range s.assembly.All(policy) {
				text := s.assembly.Render(p.Stack, p.Properties)
				if !strings.Contains(text, `"aws:SecureTransport":"false"`) {
					continue
				}
				for _, ref := range s.assembly.References(p.Stack, p.Properties) {
					covered[ref.Resource.Name()] = true
				}
			}
			for _, r := range s.assembly.All(kind) {
				if !covered[r.Name()] {
					t.Errorf("%s can be reached without TLS", r.Name())
				}
			}
		}
	})
}

// TestEveryAlarmTellsSomeone and says what it makes of missing data.
func TestEveryAlarmTellsSomeone(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		alarms := append(all(t, s, "AWS::CloudWatch::Alarm", 5), s.assembly.All("AWS::CloudWatch::CompositeAlarm")...)
		for _, r := range alarms {
			actions := r.List("AlarmActions")
			if len(actions) == 0 || len(r.List("OKActions")) == 0 {
				t.Errorf("%s tells nobody", r.Name())
				continue
			}
			if topic, _, ok := s.assembly.Target(r.Stack, actions[0]); !ok || topic.Type != "AWS::SNS::Topic" || topic.Stack != r.Stack {
				t.Errorf("%s tells %v, want a topic of its own region", r.Name(), actions[0])
			}
			if r.Type == "AWS::CloudWatch::Alarm" && r.String("TreatMissingData") == "" {
				t.Errorf("%s does not say what missing data means", r.Name())
			}
		}
	})
}

// TestLogsExpire wants a retention on every log group: the file's.
func TestLogsExpire(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		for _, r := range all(t, s, "AWS::Logs::LogGroup", 1) {
			if got := r.Number("RetentionInDays"); got != float64(s.env.AWS.LogRetentionDays) {
				t.Errorf("%s is kept for %v days, want %d", r.Name(), got, s.env.AWS.LogRetentionDays)
			}
		}
		for _, r := range s.assembly.All("AWS::S3::Bucket") {
			isLog := strings.Contains(strings.ToLower(r.Path), "log")
			if isLog && r.Number("LifecycleConfiguration.Rules[0].ExpirationInDays") != float64(s.env.AWS.LogRetentionDays) {
				t.Errorf("%s keeps logs for %v days", r.Name(), r.Get("LifecycleConfiguration.Rules[0].ExpirationInDays"))
			}
		}
	})
}

// TestStateOutlivesItsStack: what cannot be made again is kept or has a last snapshot.
func TestStateOutlivesItsStack(t *testing.T) {
	want := map[string]string{
		"AWS::RDS::DBInstance":               "Snapshot",
		"AWS::ElastiCache::ReplicationGroup": "Snapshot",
		"AWS::S3::Bucket":                    "RetainExceptOnCreate",
	}
	each(t, func(t *testing.T, s *synthesized) {
		for kind, policy := range want {
			for _, r := range s.assembly.All(kind) {
				if kind == "AWS::RDS::DBInstance" && r.Has("SourceDBInstanceIdentifier") {
					continue // a replica's state is its source's
				}
				// One that a failed first deploy leaves behind would stand in the way of the next.
				replace := strings.TrimSuffix(policy, "ExceptOnCreate")
				if r.DeletionPolicy != policy || r.UpdateReplacePolicy != replace {
					t.Errorf("%s: DeletionPolicy %q, UpdateReplacePolicy %q, want %s and %s", r.Name(), r.DeletionPolicy, r.UpdateReplacePolicy, policy, replace)
				}
			}
		}
		protected := s.env.Data.Database.DeletionProtection
		for _, r := range s.assembly.All("AWS::RDS::DBInstance") {
			if !r.Has("SourceDBInstanceIdentifier") && r.Bool("DeletionProtection") != protected {
				t.Errorf("%s: DeletionProtection %v, want %v", r.Name(), r.Bool("DeletionProtection"), protected)
			}
		}
	})
}

// TestNoStackHoldsAnother: an export that is in use keeps its stack from changing what it
// exports, such as a target group that is replaced or a fleet that is taken out of the file.
func TestNoStackHoldsAnother(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		references := 0
		for _, stack := range s.assembly.Stacks {
			for name, o := range stack.Outputs {
				if o.Export.Name != nil {
					t.Errorf("%s exports %s", stack.Name, name)
				}
			}
			if strings.Contains(string(stack.Raw), "Fn::ImportValue") {
				t.Errorf("%s imports", stack.Name)
			}
			references += strings.Count(string(stack.Raw), "Fn::GetStackOutput")
		}
		if references == 0 {
			t.Error("no stack takes anything from another: this test reads the wrong thing")
		}
	})
}

// TestInstancesMayToTheLast: a group is made after what its instances may do, and goes before.
func TestInstancesMayToTheLast(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		for _, group := range s.assembly.All("AWS::AutoScaling::AutoScalingGroup") {
			policies := 0
			for _, id := range group.DependsOn {
				if group.Stack.Resources[id].Type == "AWS::IAM::Policy" {
					policies++
				}
			}
			if policies == 0 {
				t.Errorf("%s does not depend on its instances' policy", group.Name())
			}
		}
	})
}

// TestFirewallStandsWhereTheClientIsSeen: there is one, at the edge if there is an edge.
func TestFirewallStandsWhereTheClientIsSeen(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		acls := s.assembly.All("AWS::WAFv2::WebACL")
		if !s.env.WAF.Present() {
			if len(acls) > 0 {
				t.Errorf("%d web ACLs for a file without rules", len(acls))
			}
			return
		}
		if len(acls) != 1 {
			t.Fatalf("%d web ACLs, want 1", len(acls))
		}
		scope, region, associations := "REGIONAL", s.env.AWS.Region, 1
		if s.env.Edge.Present() {
			scope, region, associations = "CLOUDFRONT", "us-east-1", 0
		}
		if got := acls[0].String("Scope"); got != scope || acls[0].Stack.Region != region {
			t.Errorf("scope %s in %s, want %s in %s", got, acls[0].Stack.Region, scope, region)
		}
		if got := len(s.assembly.All("AWS::WAFv2::WebACLAssociation")); got != associations {
			t.Errorf("%d associations, want %d", got, associations)
		}
	})
}

// TestNothingWaitsForEver holds the times of the drain to each other.
func TestNothingWaitsForEver(t *testing.T) {
	for _, name := range []string{"prod", "everything"} {
		s := of(t, name)
		var queue *template.Resource
		for _, q := range all(t, s, "AWS::SQS::Queue", 2) {
			if q.String("QueueName") == s.env.ResourceName("drain") {
				queue = q
			}
		}
		var function *template.Resource
		for _, f := range all(t, s, "AWS::Lambda::Function", 2) {
			if f.String("FunctionName") == s.env.ResourceName("drain") {
				function = f
			}
		}
		if queue == nil || function == nil {
			t.Fatalf("%s: no drain queue or function", name)
		}
		visibility, timeout := seconds(queue.Number("VisibilityTimeout")), seconds(function.Number("Timeout"))
		if visibility < 6*timeout {
			t.Errorf("%s: a message is seen again after %v, want six times the function's %v", name, visibility, timeout)
		}
		retention := seconds(queue.Number("MessageRetentionPeriod"))
		for _, group := range all(t, s, "AWS::AutoScaling::AutoScalingGroup", 2) {
			fleet, f := fleetOf(t, s, group)
			hooks := group.List("LifecycleHookSpecificationList")
			if len(hooks) != 1 {
				t.Fatalf("%s: %d hooks in the group, want 1", group.Name(), len(hooks))
			}
			if group.String("LifecycleHookSpecificationList[0].LifecycleTransition") != "autoscaling:EC2_INSTANCE_TERMINATING" {
				t.Errorf("%s: the hook is of another transition", group.Name())
			}
			heartbeat := seconds(group.Number("LifecycleHookSpecificationList[0].HeartbeatTimeout"))
			switch {
			case heartbeat != f.Drain.Heartbeat:
				t.Errorf("%s: heartbeat %v, want the file's %v", fleet, heartbeat, f.Drain.Heartbeat)
			case heartbeat*spec.MaxHeartbeats < f.Drain.Maximum:
				t.Errorf("%s: 100 heartbeats of %v are less than the maximum %v", fleet, heartbeat, f.Drain.Maximum)
			case heartbeat < 2*timeout:
				t.Errorf("%s: a heartbeat of %v is no longer than two steps of %v", fleet, heartbeat, timeout)
			case retention < f.Drain.Maximum:
				t.Errorf("%s: messages are kept for %v, a drain takes %v", fleet, retention, f.Drain.Maximum)
			}
			result, retain := "CONTINUE", ""
			if f.Drain.OnTimeout == spec.DrainRetain {
				result, retain = "ABANDON", "retain"
			}
			if got := group.String("LifecycleHookSpecificationList[0].DefaultResult"); got != result {
				t.Errorf("%s: default result %q, want %s", fleet, got, result)
			}
			if got := group.String("InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon"); got != retain {
				t.Errorf("%s: an abandoned instance is kept: %q, want %q", fleet, got, retain)
			}
			if to, _, ok := s.assembly.Target(group.Stack, group.Get("LifecycleHookSpecificationList[0].NotificationTargetARN")); !ok || to != queue {
				t.Errorf("%s: the hook tells %v, want the drain's queue", fleet, to)
			}
			for i := range s.env.TargetGroups {
				if g := &s.env.TargetGroups[i]; g.Fleet == fleet && g.DeregistrationDelay >= f.Drain.Maximum {
					t.Errorf("%s: the deregistration delay %v is no less than the drain's maximum %v", fleet, g.DeregistrationDelay, f.Drain.Maximum)
				}
			}
		}
		if n := len(s.assembly.All("AWS::AutoScaling::LifecycleHook")); n > 0 {
			t.Errorf("%s: %d hooks are made after their groups, and deleted before them", name, n)
		}
		if err := after(s, s.env.ResourceName("drain"), s.env.ResourceName("fleets")); err != "" {
			t.Errorf("%s: %s", name, err)
		}
	}
}

func seconds(n float64) time.Duration { return time.Duration(n) * time.Second }

// after tells what is wrong if the second stack could be made before the first or deleted
// after it.
func after(s *synthesized, first, second string) string {
	text, err := os.ReadFile(filepath.Join(s.folder, "manifest.json"))
	if err != nil {
		return err.Error()
	}
	var manifest struct {
		Artifacts map[string]struct{ Dependencies []string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err.Error()
	}
	if !slices.Contains(manifest.Artifacts[second].Dependencies, first) {
		return second + " does not depend on " + first
	}
	return ""
}

func fleetOf(t *testing.T, s *synthesized, group *template.Resource) (string, spec.Fleet) {
	t.Helper()
	for name, f := range s.env.Fleets {
		if group.String("AutoScalingGroupName") == s.env.ResourceName(name) {
			return name, f
		}
	}
	t.Fatalf("%s is of no fleet", group.Name())
	return "", spec.Fleet{}
}
