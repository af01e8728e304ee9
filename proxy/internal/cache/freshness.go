package cache

import (
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// head is what an answer's fields say to a cache.
type head struct {
	control      directives
	etag         []byte
	lastModified []byte
	expires      []byte
	date         []byte
	age          seconds
	hasExpires   bool
	// personal says that it sets a cookie, other than those of stickiness.
	personal bool
	// varies is what Vary says; varyAll that it says *, or more than is looked at.
	varies  [maxVary][]byte
	varyN   int
	varyAll bool
	// origin is the one origin that may read it; empty for none, or any.
	origin []byte
}

// maxVary bounds the fields that Vary may name.
const maxVary = 8

// readHead reads the fields of an answer.
func readHead(fields []exchange.Field) head {
	var h head
	for i := range fields {
		f := &fields[i]
		switch f.ID {
		case exchange.FieldDate:
			h.date = f.Value
			continue
		case exchange.FieldSetCookie:
			h.personal = h.personal || !ofStickiness(f.Value)
			continue
		case exchange.FieldAccessControlAllowOrigin:
			if string(f.Value) != "*" {
				h.origin = f.Value
			}
			continue
		case exchange.FieldOther:
		default:
			continue
		}
		switch len(f.Name) {
		case len("Age"):
			if is(f.Name, "Age") {
				h.age.tighten(f.Value)
			}
		case len("ETag"): // and Vary
			switch {
			case is(f.Name, "ETag"):
				h.etag = f.Value
			case is(f.Name, "Vary"):
				h.readVary(f.Value)
			}
		case len("Expires"):
			if is(f.Name, "Expires") && !h.hasExpires {
				h.expires, h.hasExpires = f.Value, true
			}
		case len("Cache-Control"): // and Last-Modified
			switch {
			case is(f.Name, "Cache-Control"):
				h.control.read(f.Value)
			case is(f.Name, "Last-Modified"):
				h.lastModified = f.Value
			}
		}
	}
	// Cookies that may only be used after asking are not kept; the rest may be.
	if h.personal && h.control.withholds([]byte("Set-Cookie")) {
		h.personal = false
	}
	return h
}

func (h *head) readVary(value []byte) {
	for rest := skip(value, " \t,"); len(rest) > 0; rest = skip(rest, " \t,") {
		name, after := token(rest)
		if len(name) == 0 || string(name) == "*" || h.varyN == maxVary {
			h.varyAll = true
			return
		}
		h.varies[h.varyN] = name
		h.varyN++
		rest = after
	}
}

// namesVary reports whether Vary names a field.
func (h *head) namesVary(name string) bool {
	for _, v := range h.varies[:h.varyN] {
		if is(v, name) {
			return true
		}
	}
	return false
}

// term says how long an answer may be used.
type term struct {
	// born is when its age was 0.
	born time.Time
	// fresh is until when it may be used without asking.
	fresh time.Time
	// staleWhileRevalidate and staleIfError are until when it may be used while another
	// request asks, and when asking failed.
	staleWhileRevalidate, staleIfError time.Time
}

// storedByDefault are the statuses that default_ttl and min_ttl are for: what CloudFront has
// them for, and may be kept by RFC 9110 when nothing is said.
func storedByDefault(status int) bool {
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent,
		http.StatusMultipleChoices, http.StatusMovedPermanently, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// storedIfSaid are the statuses that are kept when the answer says for how long. Other errors
// never are: one that a client can provoke would be an outage for all others (cache-poisoned
// denial of service).
//
// https://www.rfc-editor.org/rfc/rfc9110#section-15.1
func storedIfSaid(status int) bool {
	switch status {
	case http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusRequestURITooLong, http.StatusNotImplemented:
		return true
	}
	return storedByDefault(status)
}

// judge decides whether an answer to a GET may be kept, and for how long. sent is when the
// request went out, now when the answer's head came; authorized says that the request had an
// Authorization field that is not part of the key.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-3
func (b *Behavior) judge(r *exchange.Response, h *head, authorized bool, sent, now time.Time) (term, bool) {
	d := &h.control
	if !storedIfSaid(r.Status) || h.varyAll || h.personal || d.malformed {
		return term{}, false
	}
	if len(h.origin) > 0 && !h.namesVary("Origin") && !b.keyed(nameOrigin) {
		return term{}, false // for one origin alone, though nothing says so
	}
	if authorized && !d.public && !d.mustRevalidate && !d.sMaxAge.set {
		return term{}, false
	}
	if r.ContentLength == exchange.Unknown && !r.Chunked && !r.NoBody && r.Version < exchange.HTTP2 {
		return term{}, false // it ends with the connection: who knows whether that was the end
	}
	byDefault := storedByDefault(r.Status)
	// As in CloudFront, min_ttl goes over whatever the answer says. What it says to another
	// client's credentials it never does.
	minTTL := b.minTTL
	if !byDefault || authorized {
		minTTL = 0
	}
	if (d.noStore || d.private) && minTTL == 0 {
		return term{}, false
	}
	t := term{born: now.Add(-h.initialAge(sent, now))}
	ttl, said := h.lifetime(now)
	switch {
	case d.noStore, d.private, d.noCache:
		t.fresh = now
	case said:
		t.fresh = t.born.Add(ttl)
	case byDefault:
		t.fresh = t.born.Add(b.defaultTTL)
	default:
		return term{}, false
	}
	t.fresh = earliest(latest(t.fresh, now.Add(minTTL)), now.Add(b.maxTTL))
	b.allowStale(&t, d)
	usable := t.fresh.After(now) || t.staleWhileRevalidate.After(now) || t.staleIfError.After(now)
	return t, usable || len(h.etag) > 0 || len(h.lastModified) > 0
}

// allowStale sets for how long a stale answer may do: as it says itself, or else as the file
// says, unless the answer forbids it.
//
// https://www.rfc-editor.org/rfc/rfc5861, https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4
func (b *Behavior) allowStale(t *term, d *directives) {
	t.staleWhileRevalidate, t.staleIfError = t.fresh, t.fresh
	if d.mustRevalidate || d.proxyRevalidate || d.noCache || d.noStore || d.private {
		return
	}
	window := func(s seconds, byFile time.Duration) time.Time {
		switch {
		case s.set:
			return t.fresh.Add(min(time.Duration(s.n)*time.Second, b.maxTTL))
		case d.sMaxAge.set:
			return t.fresh // s-maxage alone asks for revalidation, as proxy-revalidate does
		}
		return t.fresh.Add(byFile)
	}
	t.staleWhileRevalidate = window(d.staleWhileRevalidate, b.staleWhileRevalidate)
	t.staleIfError = window(d.staleIfError, b.staleIfError)
}

// lifetime returns what the answer says of its own freshness.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
func (h *head) lifetime(now time.Time) (time.Duration, bool) {
	switch {
	case h.control.sMaxAge.set:
		return time.Duration(h.control.sMaxAge.n) * time.Second, true
	case h.control.maxAge.set:
		return time.Duration(h.control.maxAge.n) * time.Second, true
	case h.hasExpires:
		expires, ok := parseDate(h.expires)
		if !ok {
			return 0, true // "0" above all: it has expired
		}
		date, ok := parseDate(h.date)
		if !ok {
			date = now
		}
		return max(expires.Sub(date), 0), true
	}
	return 0, false
}

// initialAge is how old an answer is when it comes.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3
func (h *head) initialAge(sent, now time.Time) time.Duration {
	var apparent time.Duration
	if date, ok := parseDate(h.date); ok {
		apparent = max(now.Sub(date).Truncate(time.Second), 0)
	}
	corrected := time.Duration(h.age.n) * time.Second
	if h.age.set {
		corrected += max(now.Sub(sent), 0)
	}
	return max(apparent, corrected)
}

// parseDate reads the three forms of an HTTP date.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
func parseDate(text []byte) (time.Time, bool) {
	if len(text) < len(time.ANSIC) || len(text) > 40 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
