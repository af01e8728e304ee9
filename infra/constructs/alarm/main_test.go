package alarm_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/spec"
)

var update = flag.Bool("update", false, "write the files that are generated from the source")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

func load(t *testing.T, path string) *spec.Environment {
	t.Helper()
	env, err := spec.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func whole(t *testing.T) *spec.Environment { return load(t, "testdata/whole.yaml") }

// everything is one of each of what can be watched.
func everything() alarm.Subjects {
	return alarm.Subjects{
		LoadBalancer: "app/syncapp-whole/0123456789abcdef",
		TargetGroups: []alarm.TargetGroup{
			{Name: "web", FullName: "targetgroup/web/0123456789abcdef"},
			{Name: "idle", FullName: "targetgroup/idle/0123456789abcdef"},
			{Name: "aggregate", FullName: "targetgroup/aggregate/0123456789abcdef"},
		},
		Fleets: []alarm.Fleet{
			{Name: "web", GroupName: "syncapp-whole-web"},
			{Name: "workers-jobs", GroupName: "syncapp-whole-workers-jobs"},
			{Name: "workers-maintenance", GroupName: "syncapp-whole-workers-maintenance"},
		},
		Drain:        &alarm.Drain{QueueName: "syncapp-whole-drain", DeadLetterQueueName: "syncapp-whole-drain-dead-letters", FunctionName: "syncapp-whole-drain"},
		Health:       &alarm.Health{FunctionName: "syncapp-whole-health"},
		Database:     &alarm.Database{Identifier: "syncapp-whole-database", Replicas: []string{"syncapp-whole-replica-1"}, ProxyName: "syncapp-whole-database"},
		Cache:        &alarm.Cache{ClusterIDs: []string{"syncapp-whole-cache-001", "syncapp-whole-cache-002"}},
		Broker:       &alarm.Broker{Name: "syncapp-whole-broker"},
		Certificates: []alarm.Certificate{{Name: "syncapp", ARN: "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"}},
		WebACL:       &alarm.WebACL{MetricName: "syncapp-whole-waf", Region: "eu-west-1"},
		Distribution: &alarm.Distribution{ID: "E2EXAMPLE"},
	}
}

// stack is an empty stack of the environment's account and region.
func stack(env *spec.Environment) cdk.Stack {
	return cdk.NewStack(cdk.NewApp(nil), new("Observability"), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region},
	})
}

type resource struct {
	Type       string
	Properties map[string]any
	DependsOn  []string
}

// resources are those of a stack's template, by logical id.
func resources(t *testing.T, s cdk.Stack) map[string]resource {
	t.Helper()
	text, err := json.Marshal(assertions.Template_FromStack(s, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var template struct{ Resources map[string]resource }
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	return template.Resources
}

// ofType are the properties of all resources of a type.
func ofType(all map[string]resource, kind string) []map[string]any {
	var found []map[string]any
	for _, r := range all {
		if r.Type == kind {
			found = append(found, r.Properties)
		}
	}
	return found
}
