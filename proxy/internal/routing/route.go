package routing

import (
	"fmt"

	"github.com/evenkeel/evenkeel/spec"
)

// routeOf says what becomes of the requests that a forward action takes: its transforms, and
// the target groups of which one may be chosen. Where it is the same, so are the answers.
func routeOf(t *spec.Transforms, a *spec.Action) string {
	var groups []string
	for _, g := range a.Forward {
		if g.Weight > 0 {
			groups = append(groups, g.TargetGroup)
		}
	}
	return fmt.Sprintf("%q %q", groups, *t)
}
