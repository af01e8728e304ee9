// Package network makes the VPC that an environment lives in, or takes one that exists, and
// the security groups that say who may talk to whom in it.
package network

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	ec2 "github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Props says what network to make.
type Props struct {
	Environment *spec.Environment
	// Functions says whether functions in the network need a security group.
	Functions bool
	// Queues says whether one of them sends to queues.
	Queues bool
}

// Network is a VPC, its subnets, and the security groups in it.
type Network struct {
	// ID of the VPC.
	ID string
	// PublicSubnets and PrivateSubnets are subnet ids, one for each zone. A network that
	// exists may have no public ones.
	PublicSubnets, PrivateSubnets []string
	// Groups are the security groups.
	Groups Groups
}

// New makes the network, or takes the one that the file names.
func New(scope constructs.Construct, id string, props Props) *Network {
	this := constructs.NewConstruct(scope, &id)
	n := &Network{}
	if vpc := props.Environment.AWS.VPC; vpc.ID != "" {
		n.ID, n.PublicSubnets, n.PrivateSubnets = vpc.ID, vpc.PublicSubnets, vpc.PrivateSubnets
	} else {
		n.make(this, props.Environment)
	}
	n.Groups = newGroups(this, n, props)
	if vpc := props.Environment.AWS.VPC; vpc.ID == "" && vpc.InterfaceEndpoints {
		n.interfaceEndpoints(this, props)
	}
	return n
}

// subnets are those of one kind, with their route tables.
type subnets struct {
	ids    []string
	tables []ec2.CfnRouteTable
}

// newBits is how many bits of the VPC's block number its subnets: 16 blocks, of which each
// zone takes a public one and a private one.
const newBits = 4

func (n *Network) make(this constructs.Construct, env *spec.Environment) {
	settings := env.AWS.VPC
	vpc := ec2.NewCfnVPC(this, new("VPC"), &ec2.CfnVPCProps{
		CidrBlock:          &settings.CIDR,
		EnableDnsHostnames: new(true),
		EnableDnsSupport:   new(true),
		Tags:               name(env.ResourceName("network")),
	})
	n.ID = *vpc.Ref()
	gateway := ec2.NewCfnInternetGateway(this, new("InternetGateway"), &ec2.CfnInternetGatewayProps{Tags: name(env.ResourceName("network"))})
	attached := ec2.NewCfnVPCGatewayAttachment(this, new("InternetGatewayAttachment"), &ec2.CfnVPCGatewayAttachmentProps{
		VpcId: vpc.Ref(), InternetGatewayId: gateway.Ref(),
	})
	blocks := cdk.Fn_Cidr(vpc.AttrCidrBlock(), jsii.Number(1<<newBits), jsii.Sprintf("%d", 32-prefix(settings.CIDR)-newBits))
	public := n.subnets(this, env, "Public", "public", blocks, 0)
	private := n.subnets(this, env, "Private", "private", blocks, settings.AvailabilityZones)
	n.PublicSubnets, n.PrivateSubnets = public.ids, private.ids
	for i, table := range public.tables {
		route := ec2.NewCfnRoute(this, new("PublicDefaultRoute"+letter(i)), &ec2.CfnRouteProps{
			RouteTableId: table.Ref(), DestinationCidrBlock: new(everywhere), GatewayId: gateway.Ref(),
		})
		route.AddResourceDependency(attached, nil)
	}
	var gateways []ec2.CfnNatGateway
	for i := range settings.NATGateways {
		address := ec2.NewCfnEIP(this, new("NATAddress"+letter(i)), &ec2.CfnEIPProps{
			Domain: new("vpc"), Tags: name(env.ResourceName("nat-" + letter(i))),
		})
		address.AddResourceDependency(attached, nil)
		gateways = append(gateways, ec2.NewCfnNatGateway(this, new("NATGateway"+letter(i)), &ec2.CfnNatGatewayProps{
			SubnetId: &public.ids[i], AllocationId: address.AttrAllocationId(), Tags: name(env.ResourceName("nat-" + letter(i))),
		}))
	}
	for i, table := range private.tables {
		if len(gateways) == 0 {
			break
		}
		ec2.NewCfnRoute(this, new("PrivateDefaultRoute"+letter(i)), &ec2.CfnRouteProps{
			RouteTableId: table.Ref(), DestinationCidrBlock: new(everywhere), NatGatewayId: gateways[i%len(gateways)].Ref(),
		})
	}
	n.gatewayEndpoint(this, append(public.tables, private.tables...))
	flowLog(this, env, n.ID)
}

const everywhere = "0.0.0.0/0"

func (n *Network) subnets(this constructs.Construct, env *spec.Environment, kind, label string, blocks *[]*string, first int) subnets {
	var s subnets
	for i := range env.AWS.VPC.AvailabilityZones {
		tag := env.ResourceName(label + "-" + letter(i))
		subnet := ec2.NewCfnSubnet(this, new(kind+"Subnet"+letter(i)), &ec2.CfnSubnetProps{
			VpcId: &n.ID,
			// By number: which letters an account has differs.
			AvailabilityZone:    cdk.Fn_Select(jsii.Number(i), cdk.Fn_GetAzs(nil)),
			CidrBlock:           cdk.Fn_Select(jsii.Number(first+i), blocks),
			MapPublicIpOnLaunch: new(false),
			Tags:                name(tag),
		})
		table := ec2.NewCfnRouteTable(this, new(kind+"RouteTable"+letter(i)), &ec2.CfnRouteTableProps{VpcId: &n.ID, Tags: name(tag)})
		ec2.NewCfnSubnetRouteTableAssociation(this, new(kind+"RouteTableAssociation"+letter(i)), &ec2.CfnSubnetRouteTableAssociationProps{
			SubnetId: subnet.Ref(), RouteTableId: table.Ref(),
		})
		s.ids = append(s.ids, *subnet.Ref())
		s.tables = append(s.tables, table)
	}
	return s
}

// letter counts zones as people do: a, b, c. The zone of the account may be called otherwise.
func letter(i int) string { return string(rune('a' + i)) }

func name(value string) *[]*cdk.CfnTag {
	return convert.List(&cdk.CfnTag{Key: new("Name"), Value: &value})
}
