package routing

import (
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

// TestRoute tells apart what leads elsewhere, and nothing else.
func TestRoute(t *testing.T) {
	to := func(groups ...spec.WeightedTargetGroup) *spec.Action { return &spec.Action{Forward: groups} }
	blue, green := spec.WeightedTargetGroup{TargetGroup: "blue", Weight: 1}, spec.WeightedTargetGroup{TargetGroup: "green", Weight: 1}
	off := spec.WeightedTargetGroup{TargetGroup: "green"}
	more := spec.WeightedTargetGroup{TargetGroup: "blue", Weight: 9}
	url := spec.Transforms{URLRewrite: spec.Rewrite{Regex: "^/a", Replace: "/b"}}
	host := spec.Transforms{HostHeaderRewrite: spec.Rewrite{Regex: "^/a", Replace: "/b"}}
	one := routeOf(&spec.Transforms{}, to(blue))
	for name, other := range map[string]string{
		"weight":        routeOf(&spec.Transforms{}, to(more)),
		"group of none": routeOf(&spec.Transforms{}, to(blue, off)),
	} {
		if other != one {
			t.Errorf("%s: route is %s, want %s", name, other, one)
		}
	}
	seen := map[string]string{one: "one group"}
	for name, route := range map[string]string{
		"two groups":    routeOf(&spec.Transforms{}, to(blue, green)),
		"another group": routeOf(&spec.Transforms{}, to(green)),
		"url":           routeOf(&url, to(blue)),
		"host":          routeOf(&host, to(blue)),
	} {
		if seen[route] != "" {
			t.Errorf("%s has the route of %s: %s", name, seen[route], route)
		}
		seen[route] = name
	}
}
