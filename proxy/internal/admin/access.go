package admin

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/signin"
)

const (
	// sessionCookie goes to the page only. Browsers do not tell ports apart: without the path,
	// whatever else listens on this host would be given it.
	sessionCookie = "evenkeel_session"
	pagePath      = "/stats"
	signInPath    = pagePath + "/sign-in"
	// csrfField is where a change has the session's token: in a header field, or in a form's.
	csrfHeader = "X-CSRF-Token"
	csrfField  = "csrf"
)

// visitor is who makes a request.
type visitor struct {
	// user is empty for somebody who is not signed in.
	user string
	// session is nil for a script, which signs in with each request.
	session *signin.Session
}

// visit tells who makes r: a browser by its session, a script by basic authentication. It has
// answered when it returns false. Nothing asks a browser for basic authentication, so that
// none has a password to send along with a request that another site makes it send.
func (s *Server) visit(w http.ResponseWriter, r *http.Request) (visitor, bool) {
	if session := s.options.Door.Session(sessionID(r)); session != nil {
		return visitor{session.User, session}, true
	}
	user, password, given := r.BasicAuth()
	if !given || !s.options.Door.Guarded() { // without users nobody can be who they say
		return visitor{}, true
	}
	if err := s.options.Door.Check(user, password, clientAddress(r)); err != nil {
		if errors.Is(err, signin.ErrRefused) {
			s.refusedSignIn(r, user)
		}
		status, text := signInProblem(w, err)
		plain(w, status, text)
		return visitor{}, false
	}
	return visitor{user, nil}, true
}

// insiders answers those who may see the page: everybody as long as there are no users.
func (s *Server) insiders(next func(http.ResponseWriter, *http.Request, visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.visit(w, r)
		if !ok {
			return
		}
		if who.user == "" && s.options.Door.Guarded() {
			plain(w, http.StatusUnauthorized, "sign in at "+signInPath+", or with basic authentication")
			return
		}
		next(w, r, who)
	}
}

// changers answers those who may change something: users only, and a browser's only by our own
// page.
func (s *Server) changers(next func(http.ResponseWriter, *http.Request, visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.options.Door.Guarded() {
			plain(w, http.StatusForbidden, "nothing can be changed without users: name some in proxy.admin.users")
			return
		}
		s.insiders(func(w http.ResponseWriter, r *http.Request, who visitor) {
			if err := r.ParseForm(); err != nil {
				plain(w, http.StatusBadRequest, "the form cannot be read: it is at most 4096 bytes of application/x-www-form-urlencoded")
				return
			}
			token := r.Header.Get(csrfHeader)
			if token == "" {
				token = r.PostForm.Get(csrfField)
			}
			if who.session != nil && !who.session.Proves(token) {
				s.options.Logger.Warn("change was refused: not from our page", slog.String("user", who.user), slog.String("client", r.RemoteAddr))
				plain(w, http.StatusForbidden, "the page is of another session: load it again")
				return
			}
			next(w, r, who)
		})(w, r)
	}
}

// signInForm shows the form, or the page to who is in.
func (s *Server) signInForm(w http.ResponseWriter, r *http.Request) {
	if !s.options.Door.Guarded() || s.options.Door.Session(sessionID(r)) != nil {
		http.Redirect(w, r, pagePath, http.StatusSeeOther)
		return
	}
	s.render(w, http.StatusOK, "sign_in.html", pageData{})
}

// signIn takes the form.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.render(w, http.StatusBadRequest, "sign_in.html", pageData{Problem: "The form is too large."})
		return
	}
	user, password := r.PostForm.Get("user"), r.PostForm.Get("password")
	id, _, err := s.options.Door.SignIn(user, password, clientAddress(r), sessionID(r))
	if err != nil {
		if errors.Is(err, signin.ErrRefused) {
			s.refusedSignIn(r, user)
		}
		status, text := signInProblem(w, err)
		s.render(w, status, "sign_in.html", pageData{Problem: text, User: user[:min(len(user), signin.MaxUser)]})
		return
	}
	s.options.Source.SignedIn(true)
	s.options.Logger.Info("operator signed in", slog.String("user", user), slog.String("client", r.RemoteAddr))
	setSession(w, r, id, int(signin.SessionLife.Seconds()))
	http.Redirect(w, r, pagePath, http.StatusSeeOther)
}

// signOut ends the session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, who visitor) {
	s.options.Door.SignOut(sessionID(r))
	s.options.Logger.Info("operator signed out", slog.String("user", who.user), slog.String("client", r.RemoteAddr))
	setSession(w, r, "", -1)
	http.Redirect(w, r, signInPath, http.StatusSeeOther)
}

// refusedSignIn counts and records a wrong password. What was given for a user is not logged at
// length: it may well be the password.
func (s *Server) refusedSignIn(r *http.Request, user string) {
	s.options.Source.SignedIn(false)
	s.options.Logger.Warn("sign-in was refused", slog.String("user", user[:min(len(user), signin.MaxUser)]), slog.String("client", r.RemoteAddr))
}

// signInProblem says what is wrong, and when to come back.
func signInProblem(w http.ResponseWriter, err error) (int, string) {
	if wait, ok := errors.AsType[*signin.WaitError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.After.Seconds()))))
		return http.StatusTooManyRequests, err.Error()
	}
	if errors.Is(err, signin.ErrBusy) {
		w.Header().Set("Retry-After", "1")
		return http.StatusServiceUnavailable, err.Error()
	}
	return http.StatusUnauthorized, err.Error()
}

func setSession(w http.ResponseWriter, r *http.Request, id string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: id, Path: pagePath, MaxAge: maxAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

// sessionID is what the request's cookie says; empty for none, and when there are several: one of
// them is not ours.
func sessionID(r *http.Request) string {
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// clientAddress is where r comes from.
func clientAddress(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr()
}
