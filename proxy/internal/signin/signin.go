// Package signin lets operators in: users with bcrypt hashes, the sessions of those who are
// in, and what makes guessing slow.
package signin

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	// MaxPassword is how many bytes of a password bcrypt looks at. A longer one is wrong.
	MaxPassword = 72
	// MaxUser bounds a user's name, in bytes.
	MaxUser = 64
	// MaxCost bounds the cost of a hash: one more doubles the seconds that a sign-in takes.
	MaxCost = 15
	// MinCost is the least of Hash; what others made may be cheaper.
	MinCost = 10
	// maxWaiting bounds who waits for a password to be hashed.
	maxWaiting = 16
	// patience bounds how long.
	patience = 5 * time.Second
	// rest is for how many times as long as a hash took no other begins: guessers get a
	// quarter of one processor at most.
	rest = 3
)

// Errors of SignIn and Check, beside *WaitError.
var (
	// ErrRefused: no such user, or not with that password. Which of the two is not said.
	ErrRefused = errors.New("user or password is wrong")
	// ErrBusy: too many passwords are being checked.
	ErrBusy = errors.New("too many sign-ins at once; try again")
)

// WaitError says that there were too many failures.
type WaitError struct {
	// After is when another try will be looked at.
	After time.Duration
}

// Error implements error.
func (e *WaitError) Error() string {
	return fmt.Sprintf("too many failed sign-ins; try again in %s", e.After.Round(time.Second)+time.Second)
}

// Door has the users and who of them is in. Its methods may be called at once from several
// goroutines.
type Door struct {
	// slots are for passwords that are being hashed, waiting for those that wait to be.
	slots, waiting chan struct{}

	mu sync.Mutex
	// users are the hashes by name; decoy is compared with for a user that is not there.
	users    map[string][]byte
	decoy    []byte
	sessions map[key]*Session
	throttle throttle
	checked  checked
}

// New returns a door without users.
func New() *Door {
	return &Door{
		slots:    make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/4)),
		waiting:  make(chan struct{}, maxWaiting),
		sessions: map[key]*Session{},
		throttle: newThrottle(),
		checked:  newChecked(),
	}
}

// Errors of Hash.
var (
	errNoPassword   = errors.New("the password is empty")
	errLongPassword = fmt.Errorf("the password is longer than %d bytes, of which bcrypt looks at no more", MaxPassword)
)

// Hash makes the bcrypt hash of a password: 1 to MaxPassword bytes, at a cost of MinCost to MaxCost.
func Hash(password []byte, cost int) ([]byte, error) {
	switch {
	case len(password) == 0:
		return nil, errNoPassword
	case len(password) > MaxPassword:
		return nil, errLongPassword
	case cost < MinCost || cost > MaxCost:
		return nil, fmt.Errorf("cost is %d to %d (got %d)", MinCost, MaxCost, cost)
	}
	return bcrypt.GenerateFromPassword(password, cost)
}

// CheckHash reports what is wrong with a bcrypt hash.
func CheckHash(hash []byte) error {
	cost, err := bcrypt.Cost(hash)
	if err != nil {
		return fmt.Errorf("no bcrypt hash: %w", err)
	}
	if cost > MaxCost {
		return fmt.Errorf("bcrypt hash of cost %d; %d is the most", cost, MaxCost)
	}
	return nil
}

// SetUsers replaces the users, by name with their hashes. Who is not there any more, or has
// another hash, is out.
func (d *Door) SetUsers(users map[string][]byte) error {
	d.mu.Lock()
	same := maps.EqualFunc(users, d.users, bytes.Equal)
	d.mu.Unlock()
	if same {
		return nil
	}
	cost := bcrypt.MinCost
	for name, hash := range users {
		if err := CheckHash(hash); err != nil {
			return fmt.Errorf("user %q: %w", name, err)
		}
		c, _ := bcrypt.Cost(hash)
		cost = max(cost, c)
	}
	var decoy []byte
	if len(users) > 0 {
		var err error
		if decoy, err = bcrypt.GenerateFromPassword([]byte(random()), cost); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, s := range d.sessions {
		if hash, there := users[s.User]; !there || string(hash) != string(d.users[s.User]) {
			d.end(id)
		}
	}
	d.users, d.decoy, d.checked = users, decoy, newChecked()
	return nil
}

// Guarded reports whether there are users.
func (d *Door) Guarded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.users) > 0
}

// verify looks at a password. It takes as long for a user that is not there.
func (d *Door) verify(user, password string, from netip.Addr) error {
	if len(user) > MaxUser {
		user = "" // nobody's name
	}
	d.mu.Lock()
	wait := d.throttle.begin(user, from, time.Now())
	hash, there := d.users[user]
	if !there {
		hash = d.decoy
	}
	d.mu.Unlock()
	if wait > 0 {
		return &WaitError{After: wait}
	}
	err := d.compare(hash, password)
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(err, ErrBusy) {
		d.throttle.undo(user, from)
		return err
	}
	if err == nil && there && string(d.users[user]) == string(hash) {
		d.throttle.passed(user, from)
		return nil
	}
	return ErrRefused
}

// compare hashes the password when it is its turn.
func (d *Door) compare(hash []byte, password string) error {
	select {
	case d.waiting <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-d.waiting }()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case d.slots <- struct{}{}:
	case <-late.C:
		return ErrBusy
	}
	began := time.Now()
	err := bcrypt.CompareHashAndPassword(hash, []byte(password[:min(len(password), MaxPassword)]))
	time.AfterFunc(rest*time.Since(began), func() { <-d.slots })
	if err == nil && len(password) > MaxPassword {
		return ErrRefused
	}
	return err
}

// random is 256 bits of chance.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it ends the process rather than fail
	return base64.RawURLEncoding.EncodeToString(b[:])
}
