package template_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
)

// resources is a template with one resource of the id and type for each of the properties.
func resources(list ...string) []byte {
	return []byte(`{"Resources": {` + strings.Join(list, ", ") + `}}`)
}

func resource(id, resourceType, properties string) string {
	return fmt.Sprintf(`%q: {"Type": %q, "Properties": %s}`, id, resourceType, properties)
}

func diff(t *testing.T, before, after []byte) []string {
	t.Helper()
	changes, err := template.Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.String()
	}
	return lines
}

func TestDiff(t *testing.T) {
	const (
		bucket   = "AWS::S3::Bucket"
		queue    = "AWS::SQS::Queue"
		role     = "AWS::IAM::Role"
		database = "AWS::RDS::DBInstance"
		rdsPage  = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html"
	)
	for _, test := range []struct {
		name          string
		before, after []byte
		want          []string
	}{
		{"nothing", resources(resource("Q", queue, `{"A": [1, {"B": "x"}]}`)), resources(resource("Q", queue, `{"A": [1, {"B": "x"}]}`)), nil},
		{
			"what reads alike", resources(resource("Q", queue, `{"DelaySeconds": 30, "Fifo": true}`)),
			resources(resource("Q", queue, `{"Fifo": "true", "DelaySeconds": "30"}`)), nil,
		},
		{"added", resources(), resources(resource("B", bucket, `{}`)), []string{"added B (AWS::S3::Bucket)"}},
		{"removed, without state", resources(resource("R", role, `{}`)), resources(), []string{"removed R (AWS::IAM::Role)"}},
		{
			"removed, with state", resources(resource("B", bucket, `{}`)), resources(),
			[]string{"removed B (AWS::S3::Bucket); REPLACED: it is removed"},
		},
		{
			"renamed", resources(resource("Old", bucket, `{"A": 1}`)), resources(resource("New", bucket, `{"A": 1}`), resource("Other", bucket, `{"A": 2}`)),
			[]string{"added New (AWS::S3::Bucket)", "removed Old (AWS::S3::Bucket); REPLACED: its logical id becomes New", "added Other (AWS::S3::Bucket)"},
		},
		{
			"renamed and changed", resources(resource("Old", bucket, `{"A": 1}`)), resources(resource("New", bucket, `{"A": 2}`)),
			[]string{"added New (AWS::S3::Bucket)", "removed Old (AWS::S3::Bucket); REPLACED: its logical id becomes New"},
		},
		{
			"removed beside one that stays", resources(resource("Old", bucket, `{}`), resource("Same", bucket, `{}`)), resources(resource("Same", bucket, `{}`)),
			[]string{"removed Old (AWS::S3::Bucket); REPLACED: it is removed"},
		},
		{
			"another type", resources(resource("X", bucket, `{"A": 1}`)), resources(resource("X", queue, `{}`)),
			[]string{"changed X (AWS::SQS::Queue): Type; REPLACED: its type was AWS::S3::Bucket"},
		},
		{
			"another type, without state", resources(resource("X", role, `{}`)), resources(resource("X", bucket, `{}`)),
			[]string{"changed X (AWS::S3::Bucket): Type"},
		},
		{
			"a property that replaces", resources(resource("D", database, `{"StorageEncrypted": false, "DBName": "a"}`)),
			resources(resource("D", database, `{"StorageEncrypted": true, "DBName": "b", "MultiAZ": true}`)),
			[]string{"changed D (AWS::RDS::DBInstance): DBName, MultiAZ, StorageEncrypted; REPLACED: changed DBName, StorageEncrypted, see " + rdsPage},
		},
		{
			"a property that replaces, left out", resources(resource("D", database, `{"DBName": "a"}`)), resources(resource("D", database, `{}`)),
			[]string{"changed D (AWS::RDS::DBInstance): DBName; REPLACED: changed DBName, see " + rdsPage},
		},
		{
			"a property that does not replace", resources(resource("D", database, `{"DBInstanceClass": "db.t4g.medium"}`)),
			resources(resource("D", database, `{"DBInstanceClass": "db.r6g.large"}`)),
			[]string{"changed D (AWS::RDS::DBInstance): DBInstanceClass"},
		},
		{
			"a property of what has no state", resources(resource("R", role, `{"RoleName": "a"}`)), resources(resource("R", role, `{"RoleName": "b"}`)),
			[]string{"changed R (AWS::IAM::Role): RoleName"},
		},
		{
			"deep", resources(resource("R", role, `{"A": {"B": [{"C": 1, "D": 2}, 3], "E": [1]}}`)),
			resources(resource("R", role, `{"A": {"B": [{"C": 9, "D": 2}, 4], "E": [1, 2]}}`)),
			[]string{"changed R (AWS::IAM::Role): A.B[0].C, A.B[1], A.E"},
		},
		{
			"a value and a reference", resources(resource("R", role, `{"A": "x", "B": null}`)), resources(resource("R", role, `{"A": {"Ref": "x"}, "B": "y"}`)),
			[]string{"changed R (AWS::IAM::Role): A, B"},
		},
		{
			"attributes", []byte(`{"Resources": {"R": {"Type": "T", "DeletionPolicy": "Retain", "DependsOn": ["A", "B"]}}}`),
			[]byte(`{"Resources": {"R": {"Type": "T", "DeletionPolicy": "Delete", "DependsOn": ["B", "A"], "UpdatePolicy": {"X": 1}}}}`),
			[]string{"changed R (T): DeletionPolicy, UpdatePolicy"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := diff(t, test.before, test.after); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestReplacementsByType has, for each type that holds state, a property that replaces it and one
// that does not.
func TestReplacementsByType(t *testing.T) {
	for _, test := range []struct{ resourceType, replaces, keeps string }{
		{"AWS::AmazonMQ::Broker", "DeploymentMode", "HostInstanceType"},
		{"AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName", "MaxSize"},
		{"AWS::EC2::EIP", "Domain", "Tags"},
		{"AWS::EC2::Subnet", "AvailabilityZone", "MapPublicIpOnLaunch"},
		{"AWS::EC2::VPC", "CidrBlock", "EnableDnsSupport"},
		{"AWS::ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled", "CacheNodeType"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme", "SecurityGroups"},
		{"AWS::ElasticLoadBalancingV2::TargetGroup", "Port", "HealthCheckPath"},
		{"AWS::KMS::Key", "KeySpec", "EnableKeyRotation"},
		{"AWS::Logs::LogGroup", "LogGroupName", "RetentionInDays"},
		{"AWS::RDS::DBInstance", "DBSubnetGroupName", "MultiAZ"},
		{"AWS::RDS::DBProxy", "VpcSubnetIds", "RequireTLS"},
		{"AWS::S3::Bucket", "BucketName", "VersioningConfiguration"},
		{"AWS::SecretsManager::Secret", "Name", "Description"},
		{"AWS::SNS::Topic", "TopicName", "DisplayName"},
		{"AWS::SQS::Queue", "QueueName", "VisibilityTimeout"},
	} {
		for property, want := range map[string]bool{test.replaces: true, test.keeps: false} {
			before := resources(resource("X", test.resourceType, fmt.Sprintf(`{%q: "a"}`, property)))
			after := resources(resource("X", test.resourceType, fmt.Sprintf(`{%q: "b"}`, property)))
			changes, err := template.Diff(before, after)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != 1 || changes[0].Replacement != want {
				t.Errorf("%s.%s: %v, want replacement %v", test.resourceType, property, changes, want)
			}
			if got := len(template.Replacements(changes)) == 1; got != want {
				t.Errorf("%s.%s: Replacements has it: %v", test.resourceType, property, got)
			}
		}
	}
}

func TestDiffRefusesWhatIsNoTemplate(t *testing.T) {
	if _, err := template.Diff([]byte("{"), resources()); err == nil || !strings.Contains(err.Error(), "before") {
		t.Errorf("error %v, want one about before", err)
	}
	if _, err := template.Diff(resources(), []byte("{")); err == nil || !strings.Contains(err.Error(), "after") {
		t.Errorf("error %v, want one about after", err)
	}
}
