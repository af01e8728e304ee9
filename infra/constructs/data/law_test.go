package data_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/data"
)

// survives says what becomes of each kind of resource when its stack goes: a kind that is
// not here holds state nobody has thought about.
var survives = map[string][]string{
	"AWS::AmazonMQ::Broker":                       {""},
	"AWS::ElastiCache::ReplicationGroup":          {"Snapshot"},
	"AWS::ElastiCache::SubnetGroup":               {""},
	"AWS::IAM::Role":                              {""},
	"AWS::Logs::LogGroup":                         {"Delete"},
	"AWS::RDS::DBInstance":                        {"Snapshot", "Delete"},
	"AWS::RDS::DBParameterGroup":                  {""},
	"AWS::RDS::DBProxy":                           {""},
	"AWS::RDS::DBProxyTargetGroup":                {""},
	"AWS::RDS::DBSubnetGroup":                     {""},
	"AWS::S3::Bucket":                             {"RetainExceptOnCreate"},
	"AWS::S3::BucketPolicy":                       {""},
	"AWS::SecretsManager::RotationSchedule":       {""},
	"AWS::SecretsManager::Secret":                 {"Delete"},
	"AWS::SecretsManager::SecretTargetAttachment": {""},
}

func TestStateSurvivesItsStack(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		for _, r := range m.resources {
			policies, known := survives[r.Type]
			if !known {
				t.Errorf("%s: nobody has said what survives of it", r.Type)
				continue
			}
			if !slices.Contains(policies, r.DeletionPolicy) || r.UpdateReplacePolicy != strings.TrimSuffix(r.DeletionPolicy, "ExceptOnCreate") {
				t.Errorf("%s: deletion policy %q, update-replace policy %q, want both one of %q", r.Type, r.DeletionPolicy, r.UpdateReplacePolicy, policies)
			}
			_, replica := r.Properties["SourceDBInstanceIdentifier"]
			if r.Type == "AWS::RDS::DBInstance" && (r.DeletionPolicy == "Delete") != replica {
				t.Errorf("%s: %s, and a replica: %v", r.Properties["DBInstanceIdentifier"], r.DeletionPolicy, replica)
			}
		}
	})
}

func TestNothingIsPublic(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		for _, r := range m.resources {
			switch r.Type {
			case "AWS::RDS::DBInstance", "AWS::AmazonMQ::Broker":
				r.want(t, map[string]any{"PubliclyAccessible": false})
			case "AWS::S3::Bucket":
				r.want(t, map[string]any{"PublicAccessBlockConfiguration": map[string]any{
					"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
				}})
			}
		}
	})
}

func TestEverythingIsEncrypted(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		for _, r := range m.resources {
			switch r.Type {
			case "AWS::RDS::DBInstance":
				if _, replica := r.Properties["SourceDBInstanceIdentifier"]; !replica {
					r.want(t, map[string]any{"StorageEncrypted": true})
				}
			case "AWS::RDS::DBParameterGroup":
				if got := r.Properties["Parameters"].(map[string]any)["rds.force_ssl"]; got != "1" {
					t.Errorf("rds.force_ssl = %v, want 1", got)
				}
			case "AWS::RDS::DBProxy":
				r.want(t, map[string]any{"RequireTLS": true})
			case "AWS::ElastiCache::ReplicationGroup":
				r.want(t, map[string]any{"AtRestEncryptionEnabled": true, "TransitEncryptionEnabled": true})
			case "AWS::AmazonMQ::Broker":
				r.want(t, map[string]any{"EncryptionOptions": map[string]any{"UseAwsOwnedKey": true}})
			case "AWS::S3::Bucket":
				r.want(t, map[string]any{"BucketEncryption": map[string]any{"ServerSideEncryptionConfiguration": []any{
					map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}},
				}}})
			}
		}
	})
}

var dynamicReference = regexp.MustCompile(`^\["","\{\{resolve:secretsmanager:",\{"Ref":"([A-Za-z0-9]+)"\},":SecretString:password::\}\}"\]$`)

// Every password is generated, has only what all services and URLs take, and is in a
// template by reference.
func TestPasswordsAreNowhere(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		used := map[string]bool{}
		for _, r := range m.resources {
			for _, value := range []any{r.Properties["MasterUserPassword"], r.Properties["AuthToken"], userPassword(r)} {
				if value == nil {
					continue
				}
				parts := strings.NewReplacer("[\"\",[", "[\"\",", "]]", "]").Replace(text(t, value.(map[string]any)["Fn::Join"]))
				match := dynamicReference.FindStringSubmatch(parts)
				if match == nil {
					t.Errorf("%s: its password is %s", r.Type, parts)
					continue
				}
				if used[match[1]] {
					t.Errorf("%s: its secret is another's as well", r.Type)
				}
				used[match[1]] = true
			}
		}
		secrets := m.of("AWS::SecretsManager::Secret")
		if len(secrets) != len(used) {
			t.Errorf("%d secrets, %d passwords", len(secrets), len(used))
		}
		for _, s := range secrets {
			if !used[s.id] {
				t.Errorf("%s: nobody's password", s.id)
			}
			generated := s.Properties["GenerateSecretString"].(map[string]any)
			if generated["GenerateStringKey"] != "password" || generated["ExcludePunctuation"] != true || generated["IncludeSpace"] == true {
				t.Errorf("%s is generated with %s", s.id, text(t, generated))
			}
			// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
			if n := generated["PasswordLength"].(float64); n < 16 || n > 128 {
				t.Errorf("%s has a password of %v characters, want 16 to 128", s.id, n)
			}
			var user struct{ Username string }
			if err := json.Unmarshal([]byte(generated["SecretStringTemplate"].(string)), &user); err != nil || user.Username == "" {
				t.Errorf("%s names no user: %v", s.id, err)
			}
		}
	})
}

func userPassword(r resource) any {
	users, _ := r.Properties["Users"].([]any)
	if len(users) != 1 {
		return nil
	}
	return users[0].(map[string]any)["Password"]
}

func TestLogsAreKeptAsLongAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		names := map[string]string{}
		for _, g := range m.of("AWS::Logs::LogGroup") {
			g.want(t, map[string]any{"RetentionInDays": m.env.AWS.LogRetentionDays})
			name := g.Properties["LogGroupName"].(string)
			if names[name] != "" {
				t.Errorf("two groups are called %s", name)
			}
			names[name] = g.id
		}
		for name, writer := range logs(m) {
			group, made := names[name]
			if !made {
				t.Errorf("%s would make %s itself", writer.Type, name)
			} else if !strings.Contains(text(t, writer.DependsOn)+text(t, writer.Properties), `"`+group+`"`) {
				t.Errorf("%s could write to %s before it is there", writer.Type, name)
			}
			delete(names, name)
		}
		for name := range names {
			t.Errorf("nobody writes to %s", name)
		}
	})
}

// logs are the log groups that the services write to, and who does.
func logs(m made) map[string]resource {
	list := map[string]resource{}
	for _, r := range m.resources {
		switch r.Type {
		case "AWS::RDS::DBInstance":
			for _, log := range r.Properties["EnableCloudwatchLogsExports"].([]any) {
				list["/aws/rds/instance/"+r.Properties["DBInstanceIdentifier"].(string)+"/"+log.(string)] = r
			}
		case "AWS::RDS::DBProxy":
			list["/aws/rds/proxy/"+r.Properties["DBProxyName"].(string)] = r
		case "AWS::SecretsManager::RotationSchedule":
			list["/aws/lambda/"+r.Properties["HostedRotationLambda"].(map[string]any)["RotationLambdaName"].(string)] = r
		case "AWS::ElastiCache::ReplicationGroup":
			for _, log := range r.Properties["LogDeliveryConfigurations"].([]any) {
				list["/aws/vendedlogs/elasticache/"+r.Properties["ReplicationGroupId"].(string)+"/"+log.(map[string]any)["LogType"].(string)] = r
			}
		}
	}
	return list
}

// Names are those of the environment wherever a service takes them, and never more than it
// takes.
func TestNamesFit(t *testing.T) {
	shape := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	limits := map[string]int{
		"DBInstanceIdentifier": 63, "DBProxyName": 63, "ReplicationGroupId": 40, "BrokerName": 50, "BucketName": 63, "RotationLambdaName": 64,
	}
	each(t, func(t *testing.T, m made) {
		seen := map[string]bool{}
		for _, r := range m.resources {
			properties := r.Properties
			if hosted, ok := properties["HostedRotationLambda"].(map[string]any); ok {
				properties = hosted
			}
			for property, limit := range limits {
				name, ok := properties[property].(string)
				if !ok {
					continue
				}
				if !shape.MatchString(name) || len(name) > limit {
					t.Errorf("%s: %s %q", r.Type, property, name)
				}
				if seen[property+name] {
					t.Errorf("%s: two have %s %q", r.Type, property, name)
				}
				seen[property+name] = true
				if m.env.Name == "prod" && !strings.HasPrefix(name, m.env.ResourceName("")) {
					t.Errorf("%s: %s %q is not found by the environment's name", r.Type, property, name)
				}
			}
		}
	})
}

func TestExistingMakesNothing(t *testing.T) {
	m := build(t, existing)
	if len(m.resources) != 0 || m.transform != nil {
		t.Errorf("made %d resources with transform %v, want none", len(m.resources), m.transform)
	}
	in := m.env.Data
	if got, want := m.data.Database.Endpoint, (data.Endpoint{Host: "db.example.com", Port: 6432, SecretARN: in.Database.Existing.SecretARN}); got != want {
		t.Errorf("database: %+v, want %+v", got, want)
	}
	if got, want := m.data.Cache.Endpoint, (data.Endpoint{Host: "cache.example.com", Port: 6379}); got != want {
		t.Errorf("cache: %+v, want %+v", got, want)
	}
	if got, want := m.data.Broker.Endpoint, (data.Endpoint{Host: "broker.example.com", Port: 5672, SecretARN: in.Broker.Existing.SecretARN}); got != want {
		t.Errorf("broker: %+v, want %+v", got, want)
	}
	if m.data.Database.Instance != "" || m.data.Database.Pool != "" || m.data.Cache.ReplicationGroup != "" || m.data.Broker.Name != "" {
		t.Error("what exists has names of what is made")
	}
}

func TestAbsentIsNil(t *testing.T) {
	if b := build(t, long).data.Broker; b != nil {
		t.Errorf("broker: %+v, want none", b)
	}
	if f := build(t, dev).data.Files; len(f) != 0 {
		t.Errorf("files: %+v, want none", f)
	}
}
