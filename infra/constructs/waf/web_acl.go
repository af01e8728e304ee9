// Package waf makes the environment file's web application firewall: a WAFv2 web ACL, its
// sets of addresses and its log. The rules are the file's; this package gives them AWS's
// shape, an order and what they cost.
package waf

import (
	"maps"
	"slices"
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	logs "github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	wafv2 "github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Scope is where a web ACL may be used.
type Scope string

const (
	// Cloudfront is for distributions; the web ACL is in us-east-1.
	Cloudfront Scope = "CLOUDFRONT"
	// Regional is for load balancers, in their region. Behind an edge every request comes
	// from CloudFront's addresses, so rules that look at addresses belong to the edge then.
	Regional Scope = "REGIONAL"
)

// Props is what a web ACL is made from.
type Props struct {
	// Environment has the rules in its WAF.
	Environment *spec.Environment
	// Scope is where the web ACL is used.
	Scope Scope
}

// WebACL is the firewall's handles.
type WebACL struct {
	// ARN is what a distribution names as its web ACL.
	ARN string
	// Name is the web ACL's name and, in AWS/WAFV2, the dimension WebACL of its metrics.
	Name string
	// Capacity is what the rules cost, in web ACL capacity units. Above 1500 each request
	// costs more.
	Capacity int

	scope Scope
}

// names of what a web ACL stands before, from which its own and its log's are made. They
// differ so that a firewall that moves to or from the edge exists twice meanwhile.
var names = map[Scope]string{Cloudfront: "edge", Regional: "load-balancer"}

// logPrefix is how AWS wants the name of a log group that a web ACL writes to to begin.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
const logPrefix = "aws-waf-logs-"

// New makes the web ACL, its sets of addresses and its log. The error is Check's.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html
func New(scope constructs.Construct, id string, props Props) (*WebACL, error) {
	if err := Check(props.Environment); err != nil {
		return nil, err
	}
	this := constructs.NewConstruct(scope, &id)
	sets := newIPSets(this, props)
	all := rules(&props.Environment.WAF, func(set string) []string { return sets[set] })
	name := props.Environment.ResourceName(names[props.Scope])
	acl := wafv2.NewCfnWebACL(this, new("WebACL"), &wafv2.CfnWebACLProps{
		Name:                 &name,
		Scope:                new(string(props.Scope)),
		DefaultAction:        defaultAction(&props.Environment.WAF),
		Rules:                properties(all),
		VisibilityConfig:     visibility(name),
		DataProtectionConfig: dataProtection(),
	})
	newLog(this, props.Environment, name, acl)

	made := &WebACL{ARN: *acl.AttrArn(), Name: name, scope: props.Scope}
	for _, r := range all {
		made.Capacity += r.capacity
	}
	return made, nil
}

// Associate puts the web ACL before the load balancer with the ARN. A web ACL of scope
// Cloudfront panics: a distribution names its web ACL itself.
func (w *WebACL) Associate(scope constructs.Construct, id, loadBalancerARN string) {
	if w.scope != Regional {
		panic("waf: a web ACL of scope " + string(w.scope) + " cannot stand before a load balancer")
	}
	wafv2.NewCfnWebACLAssociation(scope, &id, &wafv2.CfnWebACLAssociationProps{
		ResourceArn: &loadBalancerARN,
		WebAclArn:   &w.ARN,
	})
}

func defaultAction(firewall *spec.WAF) *wafv2.CfnWebACL_DefaultActionProperty {
	if firewall.DefaultAction == spec.WAFBlock {
		return &wafv2.CfnWebACL_DefaultActionProperty{Block: &wafv2.CfnWebACL_BlockActionProperty{}}
	}
	return &wafv2.CfnWebACL_DefaultActionProperty{Allow: &wafv2.CfnWebACL_AllowActionProperty{}}
}

// visibility counts under the name and keeps samples for the console.
func visibility(name string) *wafv2.CfnWebACL_VisibilityConfigProperty {
	return &wafv2.CfnWebACL_VisibilityConfigProperty{
		CloudWatchMetricsEnabled: new(true),
		MetricName:               &name,
		SampledRequestsEnabled:   new(true),
	}
}

// dataProtection hides credentials in sampled requests, which the log's own redaction does
// not reach.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/data-protection-masking.html
func dataProtection() *wafv2.CfnWebACL_DataProtectionConfigProperty {
	return &wafv2.CfnWebACL_DataProtectionConfigProperty{
		DataProtections: convert.Union(&wafv2.CfnWebACL_DataProtectProperty{
			Action: new("SUBSTITUTION"),
			Field: &wafv2.CfnWebACL_FieldToProtectProperty{
				FieldType: new("SINGLE_HEADER"),
				FieldKeys: convert.Strings(spec.SecretHeaders()),
			},
		}),
	}
}

// newIPSets makes the sets of the file, each one for either version of IP that it has
// addresses of, and returns their ARNs by the set's name.
func newIPSets(this constructs.Construct, props Props) map[string][]string {
	arns := map[string][]string{}
	parent := constructs.NewConstruct(this, new("IPSets"))
	for _, name := range slices.Sorted(maps.Keys(props.Environment.WAF.IPSets)) {
		set := constructs.NewConstruct(parent, new(name))
		for _, f := range families(props.Environment.WAF.IPSets[name].Addresses) {
			made := wafv2.NewCfnIPSet(set, new(f.version), &wafv2.CfnIPSetProps{
				Scope:            new(string(props.Scope)),
				IpAddressVersion: new(f.version),
				Addresses:        convert.Strings(f.addresses),
				Description:      new("waf.ip-sets " + strings.ReplaceAll(name, "_", "-")),
			})
			arns[name] = append(arns[name], *made.AttrArn())
		}
	}
	return arns
}

// newLog makes the log of requests that a rule blocked or counted. Plain allowed ones are
// in the access log of what the web ACL stands before.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/logging-management-configure.html
func newLog(this constructs.Construct, env *spec.Environment, name string, acl wafv2.CfnWebACL) {
	group := logs.NewCfnLogGroup(this, new("LogGroup"), &logs.CfnLogGroupProps{
		LogGroupName:    new(logPrefix + name),
		RetentionInDays: jsii.Number(env.AWS.LogRetentionDays),
	})
	group.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)
	// Not AttrArn, which ends in :*, and which AWS WAF refuses.
	destination := cdk.Stack_Of(this).FormatArn(&cdk.ArnComponents{
		Service:      new("logs"),
		Resource:     new("log-group"),
		ResourceName: group.Ref(),
		ArnFormat:    cdk.ArnFormat_COLON_RESOURCE_NAME,
	})
	var redacted []any
	for _, header := range spec.SecretHeaders() {
		redacted = append(redacted, &wafv2.CfnLoggingConfiguration_FieldToMatchProperty{
			SingleHeader: map[string]string{"Name": header},
		})
	}
	action := func(name string) map[string]any {
		return map[string]any{"ActionCondition": map[string]string{"Action": name}}
	}
	wafv2.NewCfnLoggingConfiguration(this, new("Logging"), &wafv2.CfnLoggingConfigurationProps{
		ResourceArn:           acl.AttrArn(),
		LogDestinationConfigs: &[]any{destination},
		RedactedFields:        &redacted,
		LoggingFilter: map[string]any{
			"DefaultBehavior": "DROP",
			"Filters": []any{map[string]any{
				"Behavior":    "KEEP",
				"Requirement": "MEETS_ANY",
				"Conditions":  []any{action("BLOCK"), action("COUNT")},
			}},
		},
	})
}
