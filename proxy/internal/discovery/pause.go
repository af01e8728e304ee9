package discovery

import "time"

const (
	// minPause and maxPause bound for how long an answer is taken as true, whatever its TTL.
	minPause = time.Second
	maxPause = time.Hour
	// firstRetry is waited for after a failure, and twice as long after each further one.
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
	// spread is by how much of it a pause is made longer at most, so that those who asked
	// together do not go on together.
	spread = 0.1
)

// pause is how long to wait before the next look-up: the interval, or without one as long as
// the records live; after failures in a row less at first, and never longer than the
// interval. chance is from 0 to below 1.
func pause(interval, ttl time.Duration, failures int, chance float64) time.Duration {
	wait := interval
	if wait == 0 {
		wait = min(max(ttl, minPause), maxPause)
	}
	if failures > 0 {
		retry := firstRetry << min(failures-1, 10)
		wait = min(retry, maxRetry)
		if interval > 0 {
			wait = min(wait, interval)
		}
	}
	return wait + time.Duration(chance*spread*float64(wait))
}
