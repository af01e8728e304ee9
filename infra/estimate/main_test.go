package main

import (
	"strings"
	"testing"
)

func TestEstimate(t *testing.T) {
	var out strings.Builder
	if err := estimate(&out, "testdata/assembly"); err != nil {
		t.Fatal(err)
	}
	// 730 hours of a NAT gateway in Ireland at 0.048 dollars, and 10 GB through it.
	for _, want := range []string{"\napp-network ", "  Nat ", "35.04\n", "\nTotal ", "35.52\n", "Assumptions:", "Prices of 20"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
	if err := estimate(&out, t.TempDir()); err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("error %v, want one about manifest.json", err)
	}
}
