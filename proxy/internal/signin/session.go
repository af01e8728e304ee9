package signin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"time"
)

const (
	// maxSessions bounds who is in at once; one more puts out who has been idle longest.
	maxSessions = 64
	// SessionIdle ends a session of which nothing has been heard for so long; an open page is
	// heard of.
	SessionIdle = 30 * time.Minute
	// SessionLife ends any session.
	SessionLife = 12 * time.Hour
)

// Session is of one user who is in. It is not written once made, but for when it was last seen.
type Session struct {
	User string
	// CSRF is what a change has to bring along: only our own page can read it.
	CSRF string

	began, seen time.Time
}

// key is the hash of a session's id, so that how long it takes to look one up says nothing.
type key [sha256.Size]byte

// SignIn lets a user in and returns the new session and its id, a secret. old is the id that the
// browser had before; it is worth nothing any more, whoever gave it.
func (d *Door) SignIn(user, password string, from netip.Addr, old string) (id string, s *Session, err error) {
	if err := d.verify(user, password, from); err != nil {
		return "", nil, err
	}
	d.SignOut(old)
	id, now := random(), time.Now()
	s = &Session{User: user, CSRF: random(), began: now, seen: now}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(now)
	if len(d.sessions) >= maxSessions {
		d.endIdlest()
	}
	d.sessions[sha256.Sum256([]byte(id))] = s
	return id, s, nil
}

// SignOut ends a session.
func (d *Door) SignOut(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(sha256.Sum256([]byte(id)))
}

// Session returns the session of that id, of which something was heard now; nil for none.
func (d *Door) Session(id string) *Session {
	if id == "" {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.expire(now)
	s := d.sessions[sha256.Sum256([]byte(id))]
	if s != nil {
		s.seen = now
	}
	return s
}

// Proves reports whether token is the session's CSRF token.
func (s *Session) Proves(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.CSRF)) == 1
}

// expire ends what is too old. d.mu is held.
func (d *Door) expire(now time.Time) {
	for id, s := range d.sessions {
		if now.Sub(s.seen) >= SessionIdle || now.Sub(s.began) >= SessionLife {
			d.end(id)
		}
	}
}

func (d *Door) end(id key) { delete(d.sessions, id) }

func (d *Door) endIdlest() {
	var idlest key
	var since time.Time
	for id, s := range d.sessions {
		if since.IsZero() || s.seen.Before(since) {
			idlest, since = id, s.seen
		}
	}
	d.end(idlest)
}
