package nginx

import (
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const keyMethods = "load_balancer.listeners[].rules[].conditions[].http_request_method"

// exceptMethods leaves the rules of a location to the methods of limit_except, where that denies
// all others.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#limit_except
func exceptMethods(o *location, content *piece, rules []piece) []piece {
	d := o.lastOwn("limit_except")
	if d == nil {
		return rules
	}
	methods := slices.Clone(d.Args)
	if slices.Contains(methods, "GET") && !slices.Contains(methods, "HEAD") {
		methods = append(methods, "HEAD")
	}
	values := len(content.conditions) + len(methods) + 1 // with a block of addresses
	if len(d.Block) != 1 || d.Block[0].Name != "deny" || d.Block[0].Arg(0) != "all" || values > spec.MaxValuesPerRule || ofEdge(content.action) {
		d.NotMapped("says more than that all others are denied, or names more than a rule has room for: write rules with an http_request_method condition")
		return rules
	}
	for i := range rules {
		rules[i].conditions = append(slices.Clone(rules[i].conditions), spec.Condition{HTTPRequestMethod: methods})
	}
	d.Maps(keyMethods)
	d.Block[0].Maps(keyMethods)
	return append(rules, piece{name: importer.Name(o.title(), "methods"), conditions: content.conditions, action: fixed(403, ""), from: d})
}
