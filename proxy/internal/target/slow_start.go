package target

import (
	"time"

	"github.com/evenkeel/evenkeel/targethealth"
)

// startsSlow reports whether m, which turns healthy now, grows into its share. It does
// when somebody else carries the load meanwhile: another healthy target that is not in
// slow start itself. Targets that an empty group was filled with do not, or all would crawl.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode
func startsSlow(m *member, members []*member, duration time.Duration, now time.Time) bool {
	if duration == 0 || m.first {
		return false
	}
	for _, other := range members {
		if other != m && other.health.State == targethealth.Healthy && !other.slow(now) {
			return true
		}
	}
	return false
}

// slow reports whether m is in slow start.
func (m *member) slow(now time.Time) bool {
	return m.ramp > 0 && now.Sub(m.rampFrom) < m.ramp
}
