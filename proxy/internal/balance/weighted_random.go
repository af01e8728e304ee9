package balance

// weightedRandom picks by chance: each target with the share that its weight, lowered by
// anomaly mitigation, has in the sum of all.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
type weightedRandom struct{ lot }

func newWeightedRandom(targets []Target, _ Options) (Algorithm, error) {
	weights := make([]float64, len(targets))
	for i := range targets {
		weights[i] = float64(targets[i].weight()) * targets[i].mitigation()
	}
	return &weightedRandom{lot{gate: newGate(targets), places: newPlaces(weights), weights: weights}}, nil
}

func (w *weightedRandom) Pick(f Facts) int {
	random := f.Random
	return w.draw(&f, &random)
}

// mitigation is Mitigation within its range.
func (t *Target) mitigation() float64 {
	if t.Mitigation > 0 && t.Mitigation < 1 {
		return t.Mitigation
	}
	return 1
}
