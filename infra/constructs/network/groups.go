package network

import (
	"maps"
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	ec2 "github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Groups are the ids of the security groups. They stand in one place, and all rules between
// them with them, so that no two stacks need each other.
type Groups struct {
	// LoadBalancer is the load balancer's; it takes requests.
	LoadBalancer string
	// Fleets are those of instances, by the fleet's name.
	Fleets map[string]string
	// Database, Cache and Broker are for what is created; empty for what is not.
	Database, Cache, Broker string
	// Endpoints is that of interface endpoints; empty without any.
	Endpoints string
	// Functions is that of functions in the network; empty without any.
	Functions string
}

// Ports of what is created. The database's and the cache's are not the services' own, which
// everybody looks for first.
const (
	DatabasePort = 5433
	// PoolPort is that of the connection pool in front of the database; RDS Proxy has no other.
	PoolPort   = 5432
	CachePort  = 6380
	BrokerPort = 5671
	// BrokerConsolePort is that of RabbitMQ's management API, by which queue depths are read.
	BrokerConsolePort = 443
)

// portHTTP and portHTTPS are the only ones that are ever open to the world.
const (
	portHTTP  = 80
	portHTTPS = 443
)

// privateBlocks are where clients of an internal load balancer are, in a network whose own
// block is not known.
//
// https://www.rfc-editor.org/rfc/rfc1918
var privateBlocks = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}

func newGroups(this constructs.Construct, n *Network, props Props) Groups {
	env := props.Environment
	g := Groups{Fleets: map[string]string{}}
	balancer := newGroup(this, n, env, "LoadBalancer", "load-balancer", "Clients to the load balancer")
	g.LoadBalancer = *balancer.AttrGroupId()
	takeRequests(this, env, g.LoadBalancer)
	if props.Functions {
		functions := newGroup(this, n, env, "Functions", "functions", "Functions in the network")
		g.Functions = *functions.AttrGroupId()
		leave(this, "Functions", g.Functions, portHTTPS)
	}
	for _, fleet := range slices.Sorted(maps.Keys(env.Fleets)) {
		group := newGroup(this, n, env, "Fleet-"+fleet, fleet, "Instances of fleet "+fleet)
		g.Fleets[fleet] = *group.AttrGroupId()
		leaveAll(this, "Fleet-"+fleet, g.Fleets[fleet])
		for _, port := range targetPorts(env, fleet) {
			between(this, "LoadBalancerTo-"+fleet, g.LoadBalancer, g.Fleets[fleet], port)
			if g.Functions != "" {
				between(this, "FunctionsTo-"+fleet, g.Functions, g.Fleets[fleet], port)
			}
		}
	}
	for _, port := range addressPorts(env) {
		leave(this, "LoadBalancerToTargets", g.LoadBalancer, port)
		if g.Functions != "" && port != portHTTPS {
			leave(this, "FunctionsToTargets", g.Functions, port)
		}
	}
	g.data(this, n, env)
	if env.AWS.VPC.ID == "" && env.AWS.VPC.InterfaceEndpoints {
		group := newGroup(this, n, env, "Endpoints", "endpoints", "Interface endpoints")
		g.Endpoints = *group.AttrGroupId()
		enter(this, "Endpoints", g.Endpoints, portHTTPS, env.AWS.VPC.CIDR, "the network to interface endpoints")
	}
	return g
}

// takeRequests lets clients reach the load balancer. Behind an edge only CloudFront does, on
// the one port that it uses: its prefix list counts as some 55 of the 60 rules that a group
// may have, so that it stands in a group once.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html
func takeRequests(this constructs.Construct, env *spec.Environment, group string) {
	if env.Edge.Present() {
		ec2.NewCfnSecurityGroupIngress(this, new("LoadBalancerFromCloudFront"), &ec2.CfnSecurityGroupIngressProps{
			GroupId:            &group,
			IpProtocol:         new("tcp"),
			FromPort:           jsii.Number(portHTTPS),
			ToPort:             jsii.Number(portHTTPS),
			SourcePrefixListId: &env.AWS.CloudFrontPrefixList,
			Description:        new("CloudFront to the load balancer"),
		})
		return
	}
	const open = "An internet-facing load balancer is for everybody; without an edge these two ports are what they reach."
	for i := range env.LoadBalancer.Listeners {
		port := env.LoadBalancer.Listeners[i].Port
		for j, block := range clients(env, port) {
			rule := enter(this, "LoadBalancer"+string(rune('A'+j)), group, port, block, "clients to the load balancer")
			if block == everywhere {
				nag.Acknowledge(rule, "AwsSolutions-EC23", open)
			}
		}
		if env.LoadBalancer.IPAddressType != spec.IPAddressTypeIPv4 && env.LoadBalancer.Scheme == spec.SchemeInternetFacing && isPublicPort(port) {
			rule := ec2.NewCfnSecurityGroupIngress(this, jsii.Sprintf("LoadBalancerIPv6-%d", port), &ec2.CfnSecurityGroupIngressProps{
				GroupId: &group, IpProtocol: new("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), CidrIpv6: new("::/0"),
				Description: new("clients to the load balancer"),
			})
			nag.Acknowledge(rule, "AwsSolutions-EC23", open)
		}
	}
}

func isPublicPort(port int) bool { return port == portHTTP || port == portHTTPS }

// clients are the blocks that reach a port of the load balancer: everybody on the ports of
// the web, the network itself on all others.
func clients(env *spec.Environment, port int) []string {
	switch {
	case env.LoadBalancer.Scheme == spec.SchemeInternetFacing && isPublicPort(port):
		return []string{everywhere}
	case env.AWS.VPC.ID == "":
		return []string{env.AWS.VPC.CIDR}
	}
	return privateBlocks
}

// targetPorts are the ports on which a fleet's instances take requests and health checks.
func targetPorts(env *spec.Environment, fleet string) []int {
	ports := map[int]bool{}
	for i := range env.TargetGroups {
		if g := &env.TargetGroups[i]; g.Fleet == fleet {
			addPorts(ports, g)
		}
	}
	return slices.Sorted(maps.Keys(ports))
}

// addressPorts are the ports of targets that are addresses and in no group of ours.
func addressPorts(env *spec.Environment) []int {
	ports := map[int]bool{}
	for i := range env.TargetGroups {
		g := &env.TargetGroups[i]
		if g.Fleet != "" {
			continue
		}
		addPorts(ports, g)
		for _, t := range g.Targets {
			if t.Port != 0 {
				ports[t.Port] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ports))
}

func addPorts(ports map[int]bool, g *spec.TargetGroup) {
	ports[g.Port] = true
	if g.TargetControlPort != 0 {
		ports[g.TargetControlPort] = true
	}
	if p, ok := g.HealthCheck.FixedPort(); ok {
		ports[p] = true
	}
}

// data makes the groups of what is created and lets every fleet reach it.
func (g *Groups) data(this constructs.Construct, n *Network, env *spec.Environment) {
	for _, part := range []struct {
		created bool
		id, tag string
		ports   []int
		group   *string
	}{
		{env.Data.Database.Created(), "Database", "database", databasePorts(env), &g.Database},
		{env.Data.Cache.Created(), "Cache", "cache", []int{CachePort}, &g.Cache},
		{env.Data.Broker.Created(), "Broker", "broker", []int{BrokerPort, BrokerConsolePort}, &g.Broker},
	} {
		if !part.created {
			continue
		}
		*part.group = *newGroup(this, n, env, part.id, part.tag, "Instances to the "+part.tag).AttrGroupId()
		for _, port := range part.ports {
			for _, fleet := range slices.Sorted(maps.Keys(g.Fleets)) {
				admit(this, part.id+"From-"+fleet, g.Fleets[fleet], *part.group, port)
			}
		}
	}
	if g.Database != "" {
		// The connection pool and the function that rotates the password are in the
		// database's own group.
		admit(this, "DatabaseFromItself", g.Database, g.Database, DatabasePort)
		emit(this, "DatabaseToItself", g.Database, g.Database, DatabasePort)
		leave(this, "Database", g.Database, portHTTPS)
	}
}

func databasePorts(env *spec.Environment) []int {
	if env.Data.Database.ConnectionPool {
		return []int{DatabasePort, PoolPort}
	}
	return []int{DatabasePort}
}

// newGroup makes a group that lets nothing in and nothing out: without a rule of ours AWS
// would let everything out.
func newGroup(this constructs.Construct, n *Network, env *spec.Environment, id, tag, description string) ec2.CfnSecurityGroup {
	return ec2.NewCfnSecurityGroup(this, new(id+"SecurityGroup"), &ec2.CfnSecurityGroupProps{
		VpcId:            &n.ID,
		GroupDescription: &description,
		SecurityGroupEgress: convert.Union(&ec2.CfnSecurityGroup_EgressProperty{
			IpProtocol: new("icmp"), FromPort: jsii.Number(252), ToPort: jsii.Number(86), CidrIp: new("255.255.255.255/32"),
			Description: new("nothing: stands in the place of the rule that lets everything out"),
		}),
		Tags: &[]*cdk.CfnTag{{Key: new("Name"), Value: new(env.ResourceName(tag))}},
	})
}

// between lets one group reach another on a port, on both sides.
func between(this constructs.Construct, id, from, to string, port int) {
	admit(this, id, from, to, port)
	emit(this, id, from, to, port)
}

func admit(this constructs.Construct, id, from, to string, port int) {
	ec2.NewCfnSecurityGroupIngress(this, jsii.Sprintf("%s-%d", id, port), &ec2.CfnSecurityGroupIngressProps{
		GroupId: &to, SourceSecurityGroupId: &from, IpProtocol: new("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port),
		Description: &id,
	})
}

func emit(this constructs.Construct, id, from, to string, port int) {
	ec2.NewCfnSecurityGroupEgress(this, jsii.Sprintf("%s-%d-Egress", id, port), &ec2.CfnSecurityGroupEgressProps{
		GroupId: &from, DestinationSecurityGroupId: &to, IpProtocol: new("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port),
		Description: &id,
	})
}

func enter(this constructs.Construct, id, group string, port int, block, description string) ec2.CfnSecurityGroupIngress {
	return ec2.NewCfnSecurityGroupIngress(this, jsii.Sprintf("%sFromBlock-%d", id, port), &ec2.CfnSecurityGroupIngressProps{
		GroupId: &group, IpProtocol: new("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), CidrIp: &block, Description: &description,
	})
}

// leave lets a group reach one port anywhere, such as the APIs of AWS.
func leave(this constructs.Construct, id, group string, port int) {
	ec2.NewCfnSecurityGroupEgress(this, jsii.Sprintf("%sOut-%d", id, port), &ec2.CfnSecurityGroupEgressProps{
		GroupId: &group, IpProtocol: new("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), CidrIp: new(everywhere),
		Description: new("to wherever the port leads"),
	})
}

// leaveAll lets instances reach whatever they like: packages, mail, other people's APIs.
func leaveAll(this constructs.Construct, id, group string) {
	ec2.NewCfnSecurityGroupEgress(this, new(id+"Out"), &ec2.CfnSecurityGroupEgressProps{
		GroupId: &group, IpProtocol: new("-1"), CidrIp: new(everywhere), Description: new("instances to anywhere"),
	})
}
