package data

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	mq "github.com/aws/aws-cdk-go/awscdk/v2/awsamazonmq"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// maxBrokerName bounds a broker's name, in characters.
//
// https://docs.aws.amazon.com/amazon-mq/latest/api-reference/brokers.html
const maxBrokerName = 50

// Broker is a RabbitMQ broker. Connections to one that is created are TLS.
type Broker struct {
	// Endpoint is that of AMQP.
	Endpoint
	// Name is the broker's, which metrics have as Broker; empty for one that exists.
	Name string
}

func newBroker(this constructs.Construct, props Props) *Broker {
	settings := &props.Environment.Data.Broker
	switch {
	case settings.Engine == "":
		return nil
	case !settings.Created():
		return &Broker{Endpoint: existing(settings.Existing)}
	}
	env := props.Environment
	name := resourceName(env, "broker", maxBrokerName)
	secret := newSecret(this, "BrokerSecret", "User and password of the broker of "+env.App+" "+env.Name, userName)
	nag.Acknowledge(secret, "AwsSolutions-SMG4", "Amazon MQ takes a RabbitMQ user only when it makes the broker; from then on the broker's own API changes the password, which Secrets Manager has no function for.")
	mode, subnets := deployment(settings.Deployment, props.PrivateSubnets)
	broker := mq.NewCfnBroker(this, new("Broker"), &mq.CfnBrokerProps{
		BrokerName:         &name,
		EngineType:         new("RABBITMQ"),
		EngineVersion:      &settings.EngineVersion,
		HostInstanceType:   &settings.InstanceType,
		DeploymentMode:     &mode,
		SubnetIds:          convert.Strings(subnets),
		SecurityGroups:     convert.Strings([]string{props.BrokerGroup}),
		PubliclyAccessible: new(false),
		EncryptionOptions:  &mq.CfnBroker_EncryptionOptionsProperty{UseAwsOwnedKey: new(true)},
		// The log group is named after the broker's id and made with it, so that its retention
		// cannot be set here.
		Logs:                    &mq.CfnBroker_LogListProperty{General: new(true)},
		AutoMinorVersionUpgrade: new(true),
		MaintenanceWindowStartTime: &mq.CfnBroker_MaintenanceWindowProperty{
			DayOfWeek: new(brokerMaintenanceDay), TimeOfDay: new(brokerMaintenanceTime), TimeZone: new("UTC"),
		},
		Users: convert.Union(&mq.CfnBroker_UserProperty{Username: new(userName), Password: password(secret)}),
	})
	return &Broker{
		Endpoint: Endpoint{Host: brokerHost(broker), Port: network.BrokerPort, SecretARN: *secret.SecretArn()},
		Name:     name,
	}
}

// deployment is Amazon MQ's word for one node or a cluster, and the subnets that each takes:
// one node has one, a cluster's three nodes are spread over all.
//
// https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/rabbitmq-broker-architecture.html
func deployment(kind string, subnets []string) (string, []string) {
	if kind == spec.BrokerCluster {
		return "CLUSTER_MULTI_AZ", subnets
	}
	return "SINGLE_INSTANCE", subnets[:1]
}

// brokerHost is the host of amqps://host:port, of which RabbitMQ has one. It is cut out of
// the endpoint, as the domain is not the same in all regions.
func brokerHost(broker mq.CfnBroker) string {
	endpoint := cdk.Fn_Select(jsii.Number(0), broker.AttrAmqpEndpoints())
	address := cdk.Fn_Select(jsii.Number(1), cdk.Fn_Split(new("://"), endpoint, nil))
	return *cdk.Fn_Select(jsii.Number(0), cdk.Fn_Split(new(":"), address, nil))
}
