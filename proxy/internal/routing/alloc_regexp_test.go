//go:build !race

package routing_test

import "testing"

// TestRegexpsAllocateNothing is not for the race detector, under which the pools of package
// regexp forget at random.
func TestRegexpsAllocateNothing(t *testing.T) {
	table := compile(t, crowd(100, allKinds))
	r := mustCanonicalize(t, browser())
	if n := testing.AllocsPerRun(100, func() { table.Match(r, peer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
