package alarm

import (
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// ServiceDown is the kind of the one alarm that is made of others.
var ServiceDown = Kind{
	Name: "service-down", Severity: Critical,
	Meaning: "Clients are not served: a target group has too few healthy targets, or too many requests fail.",
	Measure: "any alarm of the kinds healthy-targets-critical and error-rate-critical", Limit: "in alarm",
	WindowWords: "as those", Missing: NotBreaching, MissingReason: "it has no data of its own; see those",
}

// Composite is an alarm that is made of others.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
type Composite struct {
	Kind Kind
	Name string
	// Children are the names of the alarms it is made of; any of them suffices.
	Children []string
}

// ServiceDownOf is the composite alarm over an inventory, or nil if nothing in it can tell
// that the service is down.
func ServiceDownOf(env *spec.Environment, inventory []Alarm) *Composite {
	c := &Composite{Kind: ServiceDown, Name: Name(env, ServiceDown, "")}
	for i := range inventory {
		switch inventory[i].Kind.Name {
		case HealthyTargetsCritical.Name, ErrorRateCritical.Name:
			c.Children = append(c.Children, inventory[i].Name)
		}
	}
	if len(c.Children) == 0 {
		return nil
	}
	return c
}

// Rule is the composite alarm's rule in CloudWatch's words.
func (c *Composite) Rule() string {
	terms := make([]string, len(c.Children))
	for i, name := range c.Children {
		terms[i] = fmt.Sprintf("ALARM(%q)", name)
	}
	return strings.Join(terms, " OR ")
}

// Description is the text of the notification; its last line is the runbook's path.
func (c *Composite) Description() string { return description(c.Kind, "") }
