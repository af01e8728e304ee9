package signin

import (
	"net/netip"
	"time"
)

// Try counts a failure without hashing a password.
func (d *Door) Try(user string, from netip.Addr) { d.throttle.begin(user, from, time.Now()) }

// Remembered is how many addresses and names failures are remembered of.
func (d *Door) Remembered() (addresses, users int) {
	return len(d.throttle.addresses), len(d.throttle.users)
}

// Occupy lets no password be hashed until Free.
func (d *Door) Occupy() {
	for range cap(d.slots) {
		d.slots <- struct{}{}
	}
}

// Free ends Occupy.
func (d *Door) Free() *Door {
	for range cap(d.slots) {
		<-d.slots
	}
	return d
}
