package doctor

import "math"

// surely is how many standard deviations away chance is taken to be no explanation: one in
// 30,000 looks at a load balancer that does well goes that far.
const surely = 4

// leastExpected is how many of something every target must be expected to have before counts
// are compared: with fewer, the chi-square distribution is none.
const leastExpected = 5

// differs tells whether counts differ from shares by more than chance explains, by Pearson's
// chi-square test. The counts are taken to be of as many independent choices as sample says,
// which are fewer when choices bind later ones.
func differs(counts, shares []float64, sample float64) bool {
	total := 0.0
	for _, n := range counts {
		total += n
	}
	if total == 0 || len(counts) < 2 {
		return false
	}
	x := 0.0
	for i, n := range counts {
		expected := shares[i] * sample
		if expected < leastExpected {
			return false
		}
		difference := n/total*sample - expected
		x += difference * difference / expected
	}
	// Wilson and Hilferty: the cube root of chi-square by its degrees of freedom is about normal.
	k := float64(len(counts) - 1)
	return (math.Cbrt(x/k)-(1-2/(9*k)))/math.Sqrt(2/(9*k)) > surely
}

// atLeast is the share that surely holds when part of whole was counted: the lower end of
// Wilson's interval.
func atLeast(part, whole uint64) float64 {
	if whole == 0 || part == 0 {
		return 0
	}
	n, p := float64(whole), float64(part)/float64(whole)
	const z = surely
	return (p + z*z/(2*n) - z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}
