// Package nag holds an environment's stacks to cdk-nag's AwsSolutions pack, and records why a
// finding of it or of CDK's own validation is accepted.
//
// https://github.com/cdklabs/cdk-nag/blob/main/RULES.md
package nag

import (
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/evenkeel/evenkeel/infra/convert"
)

// Acknowledge accepts a rule's finding on the construct and all below it. The reason is a
// sentence for the reviewer: why the rule's concern does not apply, or what stands in for it.
// A rule that finds several things takes what it finds in brackets, as in
// AwsSolutions-IAM5[Resource::*], and that alone is accepted. Rules of CDK itself have a
// prefix, as in CloudFormation-Validate::E1152.
func Acknowledge(scope constructs.IConstruct, rule, reason string) {
	if strings.Contains(rule, "::") && !strings.Contains(rule, "[") {
		cdk.Validations_Of(scope).Acknowledge(&cdk.Acknowledgment{Id: &rule, Reason: &reason})
		return
	}
	accepted := &cdknag.NagPackSuppression{Id: &rule, Reason: &reason}
	if id, finding, ok := strings.Cut(strings.TrimSuffix(rule, "]"), "["); ok {
		accepted.Id, accepted.AppliesTo = &id, convert.List[any](finding)
	}
	cdknag.NagSuppressions_AddResourceSuppressions(scope, convert.List(accepted), new(true))
}

// Check puts every stack of the app before the AwsSolutions pack when it is synthesized: a
// finding that nobody accepted is an error, and the reports in the assembly list them all.
func Check(app cdk.App) {
	cdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{
		Reports:       new(true),
		ReportFormats: convert.List(cdknag.NagReportFormat_JSON),
	}), nil)
}
