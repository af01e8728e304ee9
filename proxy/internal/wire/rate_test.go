package wire_test

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

func TestBodyRate(t *testing.T) {
	for _, c := range []struct {
		name   string
		bytes  int // in each piece
		every  time.Duration
		grace  time.Duration
		pieces int
		slow   bool
	}{
		{"a drip is cut after the grace", 1, time.Second, 60 * time.Second, 61, true},
		{"a drip within the grace is not", 1, time.Second, 60 * time.Second, 60, false},
		{"a slow honest upload is not", 200, time.Second, 60 * time.Second, 3600, false},
		{"seldom and much is honest", 64 << 10, 59 * time.Second, 60 * time.Second, 100, false},
		{"no grace is no bound", 1, time.Hour, 0, 100, false},
	} {
		var rate wire.BodyRate
		var err error
		for range c.pieces {
			if err = rate.Observe(c.bytes, c.every, c.grace); err != nil {
				break
			}
		}
		if (err != nil) != c.slow || err != nil && !wire.Timeout(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
