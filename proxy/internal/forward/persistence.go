package forward

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// persistence is what becomes of HAProxy's persistence cookie in one exchange.
type persistence struct {
	// cookie is what the client's says, if that counts.
	cookie sticky.Persistence
	// named is the address of the target that it names; empty for none that may serve.
	named string
}

// persistent returns the target that the client's cookie names, if it may serve. A client
// whose target is out goes to another one, and stays there.
func persistent(x *exchange.Exchange, snapshot *target.Snapshot, p *persistence) (*target.Target, telemetry.Cookie) {
	c := snapshot.Config.Persistence
	text, ok := findCookie(&x.Request, c.Name)
	if !ok {
		return nil, telemetry.CookieAbsent
	}
	cookie := sticky.ParsePersistence(text)
	if !cookie.Holds(x.Record.Created, c.MaxIdle, c.MaxLife) {
		return nil, telemetry.CookieExpired
	}
	p.cookie = cookie
	t := snapshot.HoldsPersistent(cookie.Value)
	if t == nil {
		return nil, telemetry.CookieGone
	}
	p.named = t.Address
	return t, telemetry.CookieHeld
}

// hideCookie takes the persistence cookie out of what the target receives, whatever it says.
func hideCookie(fields []exchange.Field, x *exchange.Exchange, name string) []exchange.Field {
	kept := fields[:0]
	for i := range fields {
		f := fields[i]
		if f.ID == exchange.FieldCookie {
			if _, ours := sticky.Find(f.Value, name); ours {
				b, _ := sticky.Without(x.Arena.Begin(), f.Value, name)
				if f.Value = x.Arena.End(b); len(f.Value) == 0 {
					continue
				}
			}
		}
		kept = append(kept, f)
	}
	return kept
}

// persist gives the client its cookie if it needs one, in the place of one of that name from
// the target.
//
// https://docs.haproxy.org/3.2/configuration.html#4.2-cookie
func (s *session) persist() {
	c, p, r := s.cfg.Persistence, &s.sticky.persistence, &s.x.Response
	kept, theirs := r.Fields[:0], false
	for _, f := range r.Fields {
		if f.ID == exchange.FieldSetCookie && sticky.Sets(f.Value, c.Name) {
			theirs = true
			if !c.Preserve {
				continue
			}
		}
		kept = append(kept, f)
	}
	r.Fields = kept
	now := s.x.Record.Created
	switch {
	case theirs && c.Preserve,
		p.named == s.target.Address && !p.cookie.Stale(now, c.MaxIdle, c.MaxLife),
		c.Postonly && string(s.x.Request.Method) != "POST",
		s.target.Persistent == "": // registered before there were such cookies
		return
	}
	a := &s.x.Arena
	b := append(append(a.Begin(), c.Name...), '=')
	b = p.cookie.Append(b, s.target.Persistent, now, c.MaxIdle, c.MaxLife)
	b = append(b, "; path=/"...)
	if c.Domain != "" {
		b = append(append(b, "; domain="...), c.Domain...)
	}
	if c.HTTPOnly {
		b = append(b, "; HttpOnly"...)
	}
	if c.Secure {
		b = append(b, "; Secure"...)
	}
	if c.SameSite != "" {
		b = append(append(b, "; SameSite="...), c.SameSite...)
	}
	s.setCookie(a.End(b))
	// Caches keep answers that say nothing of it, too. HAProxy leaves those alone that have
	// neither a validator nor a date of expiry.
	if method := string(s.x.Request.Method); c.Nocache && (method == "GET" || method == "HEAD") && !uncached(r.Fields) {
		r.Fields = append(r.Fields, exchange.Field{Name: nameCacheControl, Value: valuePrivate})
	}
}

var (
	nameCacheControl = []byte("Cache-Control")
	valuePrivate     = []byte("private")
)

// uncached reports whether an answer says that shared caches must not keep it.
func uncached(fields []exchange.Field) bool {
	for i := range fields {
		if !exchange.EqualFold(fields[i].Name, "Cache-Control") {
			continue
		}
		for directive := range bytes.SplitSeq(fields[i].Value, []byte{','}) {
			directive = bytes.TrimSpace(directive)
			if exchange.EqualFold(directive, "private") || exchange.EqualFold(directive, "no-store") {
				return true
			}
		}
	}
	return false
}
