package stacks_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/infra/cost"
)

// TestEverythingHasAPrice, or is known to cost nothing: a new kind of resource is thought of.
func TestEverythingHasAPrice(t *testing.T) {
	prices, err := cost.ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	totals := map[string]float64{}
	each(t, func(t *testing.T, s *synthesized) {
		if _, priced := prices.Regions[s.env.AWS.Region]; !priced {
			return // prices are of two regions
		}
		lines := cost.Estimate(s.assembly, prices)
		for _, l := range cost.Unpriced(lines) {
			t.Errorf("%s %s (%s) has no price", l.Stack, l.Resource, l.What)
		}
		totals[s.name] = cost.Total(lines)
	})
	if totals["dev"] <= 0 || totals["dev"]*4 > totals["prod"] {
		t.Errorf("dev costs %.0f, prod %.0f: dev is meant to be cheap", totals["dev"], totals["prod"])
	}
}
