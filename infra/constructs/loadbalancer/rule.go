package loadbalancer

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

func (b *LoadBalancer) newRule(this constructs.Construct, l *spec.Listener, listener string, r *spec.Rule) {
	conditions := make([]*elbv2.CfnListenerRule_RuleConditionProperty, len(r.Conditions))
	for i := range r.Conditions {
		conditions[i] = condition(&r.Conditions[i])
	}
	elbv2.NewCfnListenerRule(this, new("Rule-"+l.Name+"-"+r.Name), &elbv2.CfnListenerRuleProps{
		ListenerArn: &listener,
		Priority:    jsii.Number(r.Priority),
		Conditions:  convert.Union(conditions...),
		Transforms:  transforms(&r.Transforms),
		Actions:     convert.Union(b.ruleAction(&r.Action)),
		Tags:        &[]*cdk.CfnTag{{Key: new("Name"), Value: &r.Name}},
	})
}

// condition is the one of a condition's fields that says something.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html
func condition(c *spec.Condition) *elbv2.CfnListenerRule_RuleConditionProperty {
	switch {
	case len(c.HostHeader.Values)+len(c.HostHeader.RegexValues) > 0:
		return &elbv2.CfnListenerRule_RuleConditionProperty{
			Field: new("host-header"),
			HostHeaderConfig: &elbv2.CfnListenerRule_HostHeaderConfigProperty{
				Values: convert.Strings(c.HostHeader.Values), RegexValues: convert.Strings(c.HostHeader.RegexValues),
			},
		}
	case len(c.PathPattern.Values)+len(c.PathPattern.RegexValues) > 0:
		return &elbv2.CfnListenerRule_RuleConditionProperty{
			Field: new("path-pattern"),
			PathPatternConfig: &elbv2.CfnListenerRule_PathPatternConfigProperty{
				Values: convert.Strings(c.PathPattern.Values), RegexValues: convert.Strings(c.PathPattern.RegexValues),
			},
		}
	case c.HTTPHeader.Name != "":
		return &elbv2.CfnListenerRule_RuleConditionProperty{
			Field: new("http-header"),
			HttpHeaderConfig: &elbv2.CfnListenerRule_HttpHeaderConfigProperty{
				HttpHeaderName: &c.HTTPHeader.Name,
				Values:         convert.Strings(c.HTTPHeader.Values), RegexValues: convert.Strings(c.HTTPHeader.RegexValues),
			},
		}
	case len(c.HTTPRequestMethod) > 0:
		return &elbv2.CfnListenerRule_RuleConditionProperty{
			Field:                   new("http-request-method"),
			HttpRequestMethodConfig: &elbv2.CfnListenerRule_HttpRequestMethodConfigProperty{Values: convert.Strings(c.HTTPRequestMethod)},
		}
	case len(c.QueryString) > 0:
		pairs := make([]*elbv2.CfnListenerRule_QueryStringKeyValueProperty, len(c.QueryString))
		for i := range c.QueryString {
			pairs[i] = &elbv2.CfnListenerRule_QueryStringKeyValueProperty{
				Key: convert.Optional(c.QueryString[i].Key), Value: &c.QueryString[i].Value,
			}
		}
		return &elbv2.CfnListenerRule_RuleConditionProperty{
			Field:             new("query-string"),
			QueryStringConfig: &elbv2.CfnListenerRule_QueryStringConfigProperty{Values: convert.Union(pairs...)},
		}
	}
	return &elbv2.CfnListenerRule_RuleConditionProperty{
		Field:          new("source-ip"),
		SourceIpConfig: &elbv2.CfnListenerRule_SourceIpConfigProperty{Values: convert.Strings(c.SourceIP)},
	}
}

// transforms are at most one of a kind.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleTransform.html
func transforms(t *spec.Transforms) any {
	var list []*elbv2.CfnListenerRule_TransformProperty
	if w := t.HostHeaderRewrite; w.Regex != "" {
		list = append(list, &elbv2.CfnListenerRule_TransformProperty{Type: new("host-header-rewrite"), HostHeaderRewriteConfig: rewrite(w)})
	}
	if w := t.URLRewrite; w.Regex != "" {
		list = append(list, &elbv2.CfnListenerRule_TransformProperty{Type: new("url-rewrite"), UrlRewriteConfig: rewrite(w)})
	}
	return convert.Union(list...)
}

func rewrite(w spec.Rewrite) *elbv2.CfnListenerRule_RewriteConfigObjectProperty {
	return &elbv2.CfnListenerRule_RewriteConfigObjectProperty{
		Rewrites: convert.Union(&elbv2.CfnListenerRule_RewriteConfigProperty{Regex: &w.Regex, Replace: &w.Replace}),
	}
}
