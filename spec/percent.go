package spec

import (
	"strconv"
	"strings"
)

// Percent is a share in hundredths, written with its sign: 1% is Percent(1).
type Percent float64

// String formats p as an environment file has it.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// Fraction is p as a part of one: 0.01 for 1%.
func (p Percent) Fraction() float64 { return float64(p) / 100 }

// parsePercent reads plain decimals only: signs, exponents and names of floats are none.
func parsePercent(s string) (Percent, bool) {
	digits, ok := strings.CutSuffix(s, "%")
	if !ok || digits == "" || len(digits) > 10 || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(digits, 64)
	return Percent(f), err == nil
}
