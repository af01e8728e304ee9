package data_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
	"github.com/evenkeel/evenkeel/spec"
)

func TestBrokerIsAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		in := m.env.Data.Broker
		if !in.Created() {
			return
		}
		mode, zones := "SINGLE_INSTANCE", subnets[:1]
		if in.Deployment == spec.BrokerCluster {
			mode, zones = "CLUSTER_MULTI_AZ", subnets
		}
		broker := m.one(t, "AWS::AmazonMQ::Broker")
		broker.want(t, map[string]any{
			"BrokerName":                 m.data.Broker.Name,
			"EngineType":                 "RABBITMQ",
			"EngineVersion":              in.EngineVersion,
			"HostInstanceType":           in.InstanceType,
			"DeploymentMode":             mode,
			"SubnetIds":                  zones,
			"SecurityGroups":             []string{brokerGroup},
			"Logs":                       map[string]any{"General": true},
			"AutoMinorVersionUpgrade":    true,
			"MaintenanceWindowStartTime": map[string]any{"DayOfWeek": "SUNDAY", "TimeOfDay": "05:00", "TimeZone": "UTC"},
		})
		// amqps://host:5671 between "://" and ":".
		endpoint := map[string]any{"Fn::Select": []any{0, attribute(broker.id, "AmqpEndpoints")}}
		address := map[string]any{"Fn::Select": []any{1, map[string]any{"Fn::Split": []any{"://", endpoint}}}}
		host := map[string]any{"Fn::Select": []any{0, map[string]any{"Fn::Split": []any{":", address}}}}
		if got, want := m.shown(t, m.data.Broker.Host), text(t, host); got != want || m.data.Broker.Port != network.BrokerPort {
			t.Errorf("the broker is at %s:%d, want %s:%d", got, m.data.Broker.Port, want, network.BrokerPort)
		}
	})
}

// Both deployments are in the environments that the tests above go through.
func TestBothDeploymentsAreTested(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range all {
		seen[build(t, file).env.Data.Broker.Deployment] = true
	}
	if !seen[spec.BrokerSingle] || !seen[spec.BrokerCluster] {
		t.Errorf("deployments %v, want single and cluster", seen)
	}
}
