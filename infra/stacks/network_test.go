package stacks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/stacks"
	"github.com/evenkeel/evenkeel/infra/template"
)

// TestNetworkIsAsTheFileSays counts zones, gateways and endpoints; a network that exists is
// left alone.
func TestNetworkIsAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		vpc := s.env.AWS.VPC
		want := map[string]int{
			"AWS::EC2::VPC": 1, "AWS::EC2::Subnet": 2 * vpc.AvailabilityZones, "AWS::EC2::NatGateway": vpc.NATGateways,
			"AWS::EC2::FlowLog": 1, "AWS::EC2::VPCEndpoint": 1,
		}
		if vpc.InterfaceEndpoints {
			want["AWS::EC2::VPCEndpoint"] = 8
		}
		if vpc.ID != "" {
			want = map[string]int{"AWS::EC2::VPC": 0, "AWS::EC2::Subnet": 0, "AWS::EC2::NatGateway": 0, "AWS::EC2::FlowLog": 0, "AWS::EC2::VPCEndpoint": 0}
		}
		for kind, n := range want {
			if got := len(s.assembly.All(kind)); got != n {
				t.Errorf("%d of %s, want %d", got, kind, n)
			}
		}
		for _, subnet := range s.assembly.All("AWS::EC2::Subnet") {
			if subnet.Bool("MapPublicIpOnLaunch") {
				t.Errorf("%s gives out public addresses", subnet.Name())
			}
		}
	})
}

// TestPrivateSubnetsHaveNoWayIn: their way out, if any, is a NAT gateway.
func TestPrivateSubnetsHaveNoWayIn(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		if s.env.AWS.VPC.ID != "" {
			return
		}
		routes := map[*template.Resource]*template.Resource{}
		for _, r := range s.assembly.All("AWS::EC2::Route") {
			table, _, _ := s.assembly.Target(r.Stack, r.Get("RouteTableId"))
			routes[table] = r
		}
		private := 0
		for _, a := range s.assembly.All("AWS::EC2::SubnetRouteTableAssociation") {
			subnet, _, _ := s.assembly.Target(a.Stack, a.Get("SubnetId"))
			table, _, _ := s.assembly.Target(a.Stack, a.Get("RouteTableId"))
			if !strings.Contains(subnet.Path, "PrivateSubnet") {
				if routes[table] == nil || !routes[table].Has("GatewayId") {
					t.Errorf("%s does not lead to the internet", subnet.Name())
				}
				continue
			}
			private++
			route := routes[table]
			if (route == nil) != (s.env.AWS.VPC.NATGateways == 0) || route != nil && !route.Has("NatGatewayId") {
				t.Errorf("%s leads out by %v", subnet.Name(), route)
			}
		}
		if private != s.env.AWS.VPC.AvailabilityZones {
			t.Errorf("%d private subnets, want %d", private, s.env.AWS.VPC.AvailabilityZones)
		}
	})
}

// TestWhatTalksMay holds the rules between security groups to what has to talk: each pair is
// let out on one side and in on the other.
func TestWhatTalksMay(t *testing.T) {
	s := of(t, "prod")
	may, out := map[string]bool{}, map[string]bool{}
	for _, r := range s.assembly.All("AWS::EC2::SecurityGroupEgress") {
		from, _, _ := s.assembly.Target(r.Stack, r.Get("GroupId"))
		to, _, ok := s.assembly.Target(r.Stack, r.Get("DestinationSecurityGroupId"))
		switch {
		case ok:
			out[short(from)+" > "+short(to)+" "+r.String("FromPort")] = true
		case r.String("IpProtocol") == "-1":
			out[short(from)+" > anywhere"] = true
		default:
			out[short(from)+" > anywhere "+r.String("FromPort")] = true
		}
	}
	// The APIs of AWS are anywhere: the one that rotates the database's password calls them too.
	for _, want := range []string{"Functions > anywhere 443", "Database > anywhere 443", "Fleet-web > anywhere"} {
		if !out[want] {
			t.Errorf("%s is not let out", want)
		}
	}
	if out["LoadBalancer > anywhere"] {
		t.Error("the load balancer is let out to anywhere")
	}
	for _, r := range s.assembly.All("AWS::EC2::SecurityGroupIngress") {
		from, _, ok := s.assembly.Target(r.Stack, r.Get("SourceSecurityGroupId"))
		to, _, _ := s.assembly.Target(r.Stack, r.Get("GroupId"))
		if ok {
			may[short(from)+" > "+short(to)+" "+r.String("FromPort")] = true
		}
	}
	for _, want := range []string{
		"LoadBalancer > Fleet-web 8000",
		"Functions > Fleet-web 8000",
		"Fleet-web > Database 5433", "Fleet-web > Database 5432", "Fleet-web > Cache 6380", "Fleet-web > Broker 5671",
		"Fleet-workers-sync-jobs > Database 5432", "Fleet-workers-sync-jobs > Broker 5671",
		"Database > Database 5433",
	} {
		from, port, _ := strings.Cut(want, " > ")
		if !may[want] {
			t.Errorf("%s is not let in", want)
		}
		if !out[want] && !out[from+" > anywhere"] {
			t.Errorf("%s is not let out to %s", from, port)
		}
		delete(may, want)
	}
	for pair := range may {
		if strings.HasPrefix(pair, "LoadBalancer > ") || strings.Contains(pair, "> LoadBalancer") || strings.Contains(pair, "> Functions") {
			t.Errorf("%s is let in for no reason", pair)
		}
	}
}

func short(r *template.Resource) string {
	name := r.Path[strings.LastIndex(r.Path, "/")+1:]
	return strings.TrimSuffix(name, "SecurityGroup")
}

// TestDrainReachesWhatItAsks: alone in a network without NAT gateways, the function that
// drains reaches the instances, and its queue, if it asks applications, and needs neither if
// it asks none.
func TestDrainReachesWhatItAsks(t *testing.T) {
	for endpoint, asks := range map[string]bool{"/drain/": true, "": false} {
		dir := t.TempDir()
		file := filepath.Join(dir, "asks.yaml")
		text := fmt.Sprintf(`
app: shop
load_balancer: {listeners: [{name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}]}
target_groups: [{name: web, port: 8000, fleet: web}]
fleets: {web: {instance_type: t3.small, drain: {endpoint: %q}}}
aws: {account: "444444444444", region: eu-central-1, vpc: {cidr: 10.0.0.0/16, nat_gateways: 0, interface_endpoints: true}}
`, endpoint)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := synthesize("asks", file, filepath.Join(dir, "out"), stacks.Functions{Drain: functions.Drain})
		if err != nil {
			t.Fatal(err)
		}
		reaches := slices.ContainsFunc(s.assembly.All("AWS::EC2::SecurityGroupIngress"), func(r *template.Resource) bool {
			from, _, ok := s.assembly.Target(r.Stack, r.Get("SourceSecurityGroupId"))
			return ok && short(from) == "Functions" && r.String("FromPort") == "8000"
		})
		queues := slices.ContainsFunc(s.assembly.All("AWS::EC2::VPCEndpoint"), func(r *template.Resource) bool {
			return strings.Contains(s.assembly.Render(r.Stack, r.Get("ServiceName")), ".sqs")
		})
		inside := slices.ContainsFunc(s.assembly.All("AWS::Lambda::Function"), func(r *template.Resource) bool {
			return strings.HasSuffix(r.String("FunctionName"), "-drain") && r.Has("VpcConfig.SubnetIds")
		})
		if reaches != asks || queues != asks || inside != asks {
			t.Errorf("endpoint %q: reaches instances %v, its queue %v, in the network %v, want %v", endpoint, reaches, queues, inside, asks)
		}
	}
}
