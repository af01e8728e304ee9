package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"time"
)

const (
	// checkedFor is how long a password that was right need not be hashed again: a script asks
	// once a second.
	checkedFor = time.Minute
	// maxChecked bounds how many are kept.
	maxChecked = 64
)

// checked keeps which users and passwords were right, as hashes with a key of this process.
type checked struct {
	key   [32]byte
	until map[key]time.Time
}

func newChecked() checked {
	c := checked{until: map[key]time.Time{}}
	_, _ = rand.Read(c.key[:]) // it ends the process rather than fail
	return c
}

// sum is the hash of a user and a password, whose lengths are bounded by what a head may have.
func (c *checked) sum(user, password string) key {
	h := sha256.New()
	h.Write(c.key[:])
	name := sha256.Sum256([]byte(user))
	h.Write(name[:])
	h.Write([]byte(password))
	return key(h.Sum(nil))
}

// Check reports whether a script's user and password are right, without a session.
func (d *Door) Check(user, password string, from netip.Addr) error {
	d.mu.Lock()
	// The user's hash may change meanwhile: what was right counts for the key of before only.
	before := d.checked
	sum, now := before.sum(user, password), time.Now()
	right := now.Before(before.until[sum])
	d.mu.Unlock()
	if right {
		return nil
	}
	if err := d.verify(user, password, from); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.checked.key != before.key {
		return nil
	}
	if len(d.checked.until) >= maxChecked {
		clear(d.checked.until)
	}
	d.checked.until[sum] = now.Add(checkedFor)
	return nil
}
