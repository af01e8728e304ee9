package wire

import (
	"fmt"
	"os"
	"time"
)

// minBodyRate is what a client must average, in bytes a second, once it has been waited
// for longer than one idle timeout in all: an honest mobile upload is far above it, a
// client that drips a byte a second is below.
const minBodyRate = 128

// ErrSlow ends a body that comes in slower than that. It is a timeout.
var ErrSlow = fmt.Errorf("body comes in too slowly: %w", os.ErrDeadlineExceeded)

// BodyRate holds one body to a minimum rate, since an idle timeout that every byte extends
// is no bound. The zero value is ready.
type BodyRate struct {
	waited time.Duration
	read   int64
}

// Observe counts n bytes that were waited for, and returns ErrSlow when all so far came in
// too slowly. grace is the idle timeout; 0 for no bound.
func (r *BodyRate) Observe(n int, waited, grace time.Duration) error {
	r.read += int64(n)
	r.waited += waited
	if grace > 0 && r.waited > grace && float64(r.read) < minBodyRate*r.waited.Seconds() {
		return ErrSlow
	}
	return nil
}
