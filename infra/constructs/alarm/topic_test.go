package alarm_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/spec"
)

func newTopic(t *testing.T, props alarm.TopicProps) (cdk.Stack, *alarm.Topic) {
	t.Helper()
	s := stack(props.Environment)
	return s, alarm.NewTopic(s, "Topic", props)
}

// statements are those of a policy that a service has.
func statements(t *testing.T, document any) []map[string]any {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []map[string]any }
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	return policy.Statement
}

func TestKeyRotatesAndServesCloudWatchOfOneAccount(t *testing.T) {
	s, _ := newTopic(t, alarm.TopicProps{Environment: whole(t), Name: alarm.TopicName})
	all := resources(t, s)
	keys := ofType(all, "AWS::KMS::Key")
	if len(keys) != 1 || keys[0]["EnableKeyRotation"] != true {
		t.Fatalf("keys %v", keys)
	}
	found := 0
	for _, document := range []any{keys[0]["KeyPolicy"], ofType(all, "AWS::SNS::TopicPolicy")[0]["PolicyDocument"]} {
		for _, statement := range statements(t, document) {
			principal, _ := statement["Principal"].(map[string]any)
			if principal["Service"] != "cloudwatch.amazonaws.com" {
				continue
			}
			found++
			condition, _ := statement["Condition"].(map[string]any)
			equals, _ := condition["StringEquals"].(map[string]any)
			if equals["aws:SourceAccount"] != "123456789012" {
				t.Errorf("CloudWatch of any account may: %v", statement)
			}
		}
	}
	if found != 2 {
		t.Errorf("CloudWatch has %d grants, want one for the key and one for the topic", found)
	}
}

func TestTopicIsEncryptedAndTakesTLSOnly(t *testing.T) {
	s, _ := newTopic(t, alarm.TopicProps{Environment: whole(t), Name: alarm.TopicName})
	all := resources(t, s)
	topics := ofType(all, "AWS::SNS::Topic")
	if len(topics) != 1 || topics[0]["KmsMasterKeyId"] == nil || topics[0]["TopicName"] != "syncapp-whole-alarms" {
		t.Fatalf("topics %v", topics)
	}
	denied := slices.ContainsFunc(statements(t, ofType(all, "AWS::SNS::TopicPolicy")[0]["PolicyDocument"]), func(s map[string]any) bool {
		condition, _ := json.Marshal(s["Condition"])
		return s["Effect"] == "Deny" && strings.Contains(string(condition), `"aws:SecureTransport":"false"`)
	})
	if !denied {
		t.Error("messages may be published without TLS")
	}
}

func TestEveryAddressIsSubscribed(t *testing.T) {
	env := whole(t)
	s, _ := newTopic(t, alarm.TopicProps{Environment: env, Name: alarm.TopicName})
	var got []string
	for _, p := range ofType(resources(t, s), "AWS::SNS::Subscription") {
		if p["Protocol"] == "email" {
			got = append(got, p["Endpoint"].(string))
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(env.Alarms.Notify.Email)); !slices.Equal(got, want) {
		t.Errorf("subscribed are %q, want %q", got, want)
	}
}

func TestSlackReadsAndNothingElse(t *testing.T) {
	env := whole(t)
	s := stack(env)
	edge := alarm.TopicARN(s, env, alarm.EdgeTopicName, "us-east-1")
	alarm.NewTopic(s, "Topic", alarm.TopicProps{Environment: env, Name: alarm.TopicName, Slack: true, OtherTopicARNs: []string{edge}})
	all := resources(t, s)
	channels := ofType(all, "AWS::Chatbot::SlackChannelConfiguration")
	if len(channels) != 1 || channels[0]["SlackWorkspaceId"] != "T01234567" || channels[0]["SlackChannelId"] != "C01234567" {
		t.Fatalf("channels %v", channels)
	}
	if guardrails, _ := channels[0]["GuardrailPolicies"].([]any); len(guardrails) != 1 {
		t.Errorf("guardrails %v; without one a member of the channel is an administrator", guardrails)
	}
	text, _ := json.Marshal(channels[0]["SnsTopicArns"])
	if topics, _ := channels[0]["SnsTopicArns"].([]any); len(topics) != 2 || !strings.Contains(string(text), ":sns:us-east-1:123456789012:syncapp-whole-alarms-edge") {
		t.Errorf("topics %s", text)
	}
	for _, policy := range ofType(all, "AWS::IAM::ManagedPolicy") {
		for _, statement := range statements(t, policy["PolicyDocument"]) {
			for _, action := range statement["Action"].([]any) {
				_, verb, _ := strings.Cut(action.(string), ":")
				if strings.Contains(verb, "*") || !slices.ContainsFunc([]string{"Describe", "Get", "List"}, func(p string) bool { return strings.HasPrefix(verb, p) }) {
					t.Errorf("the channel may %s", action)
				}
			}
		}
	}
}

func TestNoChannelNoSlack(t *testing.T) {
	env := whole(t)
	env.Alarms.Notify.Slack = spec.Slack{}
	s, _ := newTopic(t, alarm.TopicProps{Environment: env, Name: alarm.TopicName, Slack: true})
	if got := ofType(resources(t, s), "AWS::Chatbot::SlackChannelConfiguration"); len(got) != 0 {
		t.Errorf("channels %v", got)
	}
	env = whole(t)
	s, _ = newTopic(t, alarm.TopicProps{Environment: env, Name: alarm.EdgeTopicName})
	if got := ofType(resources(t, s), "AWS::Chatbot::SlackChannelConfiguration"); len(got) != 0 {
		t.Errorf("a topic that is not to post to Slack has %v", got)
	}
}

func TestNagFindsNothing(t *testing.T) {
	env := whole(t)
	s := stack(env)
	topic := alarm.NewTopic(s, "Topic", alarm.TopicProps{Environment: env, Name: alarm.TopicName, Slack: true})
	alarm.New(s, "Alarms", alarm.Props{Environment: env, Subjects: everything(), TopicARN: topic.ARN})
	cdk.Aspects_Of(s).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: new(false)}), nil)
	annotations := assertions.Annotations_FromStack(s)
	rules := assertions.Match_StringLikeRegexp(new("AwsSolutions"))
	for _, found := range append(*annotations.FindError(new("*"), rules), *annotations.FindWarning(new("*"), rules)...) {
		text, _ := json.Marshal(found)
		t.Errorf("%s", text)
	}
}
