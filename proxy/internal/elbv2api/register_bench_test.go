package elbv2api_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRegister registers and deregisters one target beside 1,000 in 100 groups, with
// signature and state file: what it costs is half of an iteration.
func BenchmarkRegister(b *testing.B) {
	var text strings.Builder
	text.WriteString(empty + "load_balancer:\n  listeners:\n    - {name: web, port: 80, protocol: HTTP, default_action: {forward: [{target_group: g0}]}}\ntarget_groups:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - {name: g%d, port: 8000}\n", i)
	}
	r := startWith(b, load(b, text.String()), filepath.Join(b.TempDir(), "state.json"))
	for i := range 100 {
		var ids []string
		for j := range 10 {
			if i+j > 0 {
				ids = append(ids, fmt.Sprintf("10.0.%d.%d", i, j+1))
			}
		}
		if err := r.register(r.arn(fmt.Sprintf("g%d", i)), ids...); err != nil {
			b.Fatal(err)
		}
	}
	arn := r.arn("g0")
	for b.Loop() {
		if err := r.register(arn, "10.1.0.1"); err != nil {
			b.Fatal(err)
		}
		if err := r.deregister(arn, "10.1.0.1"); err != nil {
			b.Fatal(err)
		}
		r.plane.drained()
	}
}
