package forward

import (
	"errors"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
)

// cookieInvalid is the log's error reason for a target group cookie that is none of ours.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#error-reason-codes
const cookieInvalid = "AWSALBTGCookieInvalid"

// anyScope is the scope of target group cookies: which groups one may choose is up to the
// rule that matched.
const anyScope = ""

// pickGroup returns the target group that the request goes to: the one that its cookie
// names, or one by weight. It returns a status when there is none.
func (l *Listener) pickGroup(x *exchange.Exchange, f *routing.Forward) (*target.Group, int) {
	i := -1
	if f.Stickiness > 0 {
		i = l.stuckGroup(x, f)
	}
	if i < 0 && len(f.Groups) == 1 {
		i = 0
	}
	if i < 0 {
		i = f.Choose(random())
	}
	if i < 0 {
		return nil, http.StatusServiceUnavailable // every weight is 0
	}
	return l.groups[f.Groups[i].Name], 0
}

// stuckGroup returns the index of the group that the client's cookie names, or -1.
func (l *Listener) stuckGroup(x *exchange.Exchange, f *routing.Forward) int {
	text, ok := findCookie(&x.Request, sticky.NameTGCORS, sticky.NameTG)
	if !ok {
		return -1
	}
	name, err := l.open(x, sticky.TargetGroup, anyScope, text, f.Stickiness)
	if err != nil {
		if errors.Is(err, sticky.ErrInvalid) {
			x.Record.ErrorReason = cookieInvalid
		}
		return -1
	}
	for i := range f.Groups {
		if f.Groups[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// stickiness is what the answer has to tell the client about where to come back to.
type stickiness struct {
	// group says that the target group is to be named in a cookie.
	group bool
	// moved says that a cookie named a target that can no longer serve.
	moved bool
	// persistence is of HAProxy's cookie.
	persistence persistence
	// cookie is what the client's cookie did.
	cookie telemetry.Cookie
}

// boundTarget returns the target that the client's cookie names, if it may serve.
func (l *Listener) boundTarget(x *exchange.Exchange, f *routing.Forward, snapshot *target.Snapshot) (*target.Target, stickiness) {
	st := stickiness{group: f.Stickiness > 0}
	cfg := snapshot.Config
	if cfg.Persistence != nil {
		var t *target.Target
		t, st.cookie = persistent(x, snapshot, &st.persistence)
		return t, st
	}
	if cfg.Stickiness.Type == "" {
		return nil, st
	}
	address, cookie := l.stuckTarget(x, cfg)
	if st.cookie = cookie; cookie == telemetry.CookieHeld {
		if t := snapshot.Holds(address); t != nil {
			return t, st
		}
		st.moved, st.cookie = true, telemetry.CookieGone
	}
	nonSticky(x, cfg)
	return nil, st
}

// nonSticky notes that the request goes to another target than its cookie could name.
func nonSticky(x *exchange.Exchange, cfg *target.Config) {
	switch cfg.Stickiness.Type {
	case spec.StickinessLBCookie:
		x.Record.NonSticky = true
	case spec.StickinessAppCookie:
		x.Record.NonStickyApp = true
	}
}

// facts are what the group's algorithm may go by.
func facts(x *exchange.Exchange, cfg *target.Config) balance.Facts {
	return balance.Facts{Now: x.Record.Created, Random: random(), Hash: hashOf(x, &cfg.HashKey)}
}

// stuckTarget returns the address that the client's cookie names, if that holds.
func (l *Listener) stuckTarget(x *exchange.Exchange, cfg *target.Config) ([]byte, telemetry.Cookie) {
	kind := sticky.LBCookie
	var text []byte
	var ok bool
	if cfg.Stickiness.Type == spec.StickinessAppCookie {
		// Both are needed: the application's cookie says that there is a session, ours where.
		if _, ok = findCookie(&x.Request, cfg.Stickiness.CookieName); !ok {
			return nil, telemetry.CookieAbsent
		}
		kind = sticky.AppCookie
		text, ok = findCookie(&x.Request, sticky.NameApp)
	} else {
		text, ok = findCookie(&x.Request, sticky.NameLBCORS, sticky.NameLB)
	}
	if !ok {
		return nil, telemetry.CookieAbsent
	}
	address, err := l.open(x, kind, cfg.Name, text, cfg.Stickiness.Duration)
	switch {
	case err == nil:
		return address, telemetry.CookieHeld
	case errors.Is(err, sticky.ErrExpired):
		return nil, telemetry.CookieExpired
	}
	return nil, telemetry.CookieUnreadable
}

// maxOpened is how much of the arena opening a cookie of the usual size takes.
const maxOpened = 512

// open returns what a cookie of ours says.
func (l *Listener) open(x *exchange.Exchange, kind sticky.Kind, scope string, text []byte, maxAge time.Duration) ([]byte, error) {
	scratch := x.Arena.End(append(x.Arena.Begin(), blank[:]...))[:0]
	return l.svc.Sealer.Open(scratch, kind, scope, text, x.Record.Created, maxAge)
}

// blank is what room in an arena is made with.
var blank [maxOpened]byte

// findCookie returns the value of the first of the names that the request has a cookie of.
func findCookie(r *exchange.Request, names ...string) ([]byte, bool) {
	for _, name := range names {
		for i := range r.Fields {
			if r.Fields[i].ID != exchange.FieldCookie {
				continue
			}
			if v, ok := sticky.Find(r.Fields[i].Value, name); ok {
				return v, true
			}
		}
	}
	return nil, false
}

var nameSetCookie = []byte(exchange.FieldSetCookie.String())

// appendCookies adds the cookies of stickiness to the answer.
func (s *session) appendCookies() {
	if s.sticky.group {
		s.appendPair(s.memorized(s.cfg.Cookie, sticky.TargetGroup, anyScope, s.cfg.Name))
	}
	if s.cfg.Persistence != nil {
		s.persist()
	}
	switch s.cfg.Stickiness.Type {
	case spec.StickinessLBCookie:
		// On every answer, so that the duration begins anew with each request.
		s.appendPair(s.memorized(s.target.Cookie, sticky.LBCookie, s.cfg.Name, s.target.Address))
	case spec.StickinessAppCookie:
		if s.sticky.moved || s.setsApplicationCookie() {
			s.appendApplication(s.memorized(s.target.Cookie, sticky.AppCookie, s.cfg.Name, s.target.Address))
		}
	}
}

func (s *session) memorized(memo *sticky.Memo, kind sticky.Kind, scope, value string) *sticky.SetCookie {
	return memo.SetCookie(s.l.svc.Sealer, kind, scope, value, s.x.Record.Created)
}

// appendPair adds a cookie and its copy for requests from other sites.
func (s *session) appendPair(c *sticky.SetCookie) {
	s.setCookie(c.Plain)
	if s.l.https {
		s.setCookie(c.CrossSiteSecure)
	} else {
		s.setCookie(c.CrossSite)
	}
}

// appendApplication adds the cookie that goes with the application's. Browsers that know
// SameSite need it marked for requests from other sites, and then only TLS will do.
func (s *session) appendApplication(c *sticky.SetCookie) {
	agent, _ := s.x.Request.Lookup(exchange.FieldUserAgent)
	if s.l.https && sticky.NeedsSameSite(agent) {
		s.setCookie(c.CrossSiteSecure)
	} else {
		s.setCookie(c.Plain)
	}
}

func (s *session) setCookie(value []byte) {
	r := &s.x.Response
	r.Fields = append(r.Fields, exchange.Field{ID: exchange.FieldSetCookie, Name: nameSetCookie, Value: value})
}

// setsApplicationCookie reports whether the target's answer sets the application's cookie.
func (s *session) setsApplicationCookie() bool {
	for i := range s.x.Response.Fields {
		f := &s.x.Response.Fields[i]
		if f.ID == exchange.FieldSetCookie && sticky.Sets(f.Value, s.cfg.Stickiness.CookieName) {
			return true
		}
	}
	return false
}
