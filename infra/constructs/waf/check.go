package waf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// MaxCapacity is what the rules of a web ACL may cost, in web ACL capacity units.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
const MaxCapacity = 5000

// Costs of statements in web ACL capacity units.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html
const (
	unitsMatch          = 1 // an IP set or a list of countries
	unitsRate           = 2
	unitsCustomKey      = 30
	unitsStartsWith     = 2
	unitsTransformation = 10
)

// managedCapacity is what AWS's groups cost, in web ACL capacity units.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
var managedCapacity = map[string]int{
	commonRuleSet:                           700,
	"AWSManagedRulesKnownBadInputsRuleSet":  200,
	"AWSManagedRulesAmazonIpReputationList": 25,
	"AWSManagedRulesAnonymousIpList":        50,
	"AWSManagedRulesAdminProtectionRuleSet": 100,
	"AWSManagedRulesSQLiRuleSet":            200,
	"AWSManagedRulesLinuxRuleSet":           200,
	"AWSManagedRulesUnixRuleSet":            100,
	"AWSManagedRulesWindowsRuleSet":         200,
	"AWSManagedRulesPHPRuleSet":             100,
	"AWSManagedRulesWordPressRuleSet":       100,
}

// statuses are those that a rule can answer with instead of 403.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-status-codes.html
var statuses = []int{
	400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414, 415, 416, 421, 429,
	500, 501, 502, 503, 504, 505,
}

// reservedNames are metrics that a web ACL has by itself.
//
// https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html
var reservedNames = []string{"All", "ALL", "Default_Action"}

// Check tells what of the environment's firewall AWS does not take, although the container
// does; all of it at once. It makes no constructs.
func Check(env *spec.Environment) error {
	var problems []error
	for i, l := range env.WAF.RateLimits {
		if !slices.Contains(statuses, l.Status) {
			problems = append(problems, fmt.Errorf("waf.rate_limits[%d].status: is none that AWS WAF answers with (got %d, want one of %s)",
				i, l.Status, strings.Trim(fmt.Sprint(statuses), "[]")))
		}
	}
	all := rules(&env.WAF, func(set string) []string {
		var versions []string
		for _, f := range families(env.WAF.IPSets[set].Addresses) {
			versions = append(versions, f.version)
		}
		return versions
	})
	seen := slices.Clone(reservedNames)
	sum, costs := 0, []string{}
	for _, r := range all {
		if slices.Contains(seen, r.name) {
			problems = append(problems, fmt.Errorf("waf: a rule has the name of another or of one that AWS keeps (got %q, want another name)", r.name))
		}
		seen = append(seen, r.name)
		sum += r.capacity
		costs = append(costs, fmt.Sprintf("%s %d", r.name, r.capacity))
	}
	if sum > MaxCapacity {
		problems = append(problems, fmt.Errorf("waf: the rules cost more web ACL capacity units than a web ACL has (got %d, want at most %d): %s",
			sum, MaxCapacity, strings.Join(costs, ", ")))
	}
	return errors.Join(problems...)
}
