package elbv2api

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout leaves room for resolverTime, a change and the answer.
	writeTimeout = 60 * time.Second
	idleTimeout  = 60 * time.Second

	maxHeaderBytes = 16 << 10
	// maxBody bounds requests: 1,000 targets take less than 200 KiB.
	maxBody = 1 << 20
	// maxConnections bounds the memory that clients of the API can take up: there is one
	// request at a time on each, as HTTP/2 is not spoken.
	maxConnections = 128
	// maxPerAddress leaves room for others than one that holds as many as it gets.
	maxPerAddress = maxConnections / 2
)

// version is the only one that the API has.
const version = "2015-12-01"

// Server is the API's listener.
type Server struct {
	api  *API
	http *http.Server
	gate atomic.Pointer[gate]
}

// NewServer returns a server that does not listen yet; security is nil for plain HTTP.
func NewServer(api *API, security *tls.Config) *Server {
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &Server{api: api, http: &http.Server{
		Protocols:         http1,
		ConnState:         stateChanged,
		Handler:           api.Handler(),
		TLSConfig:         security,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(api.logger.Handler(), slog.LevelDebug),
	}}
}

// Serve answers requests on ln until Shutdown, and returns nil then.
func (s *Server) Serve(ln net.Listener) error {
	g := newGate(ln, s.api)
	s.gate.Store(g)
	ln = newFairListener(netutil.LimitListener(g, maxConnections), maxPerAddress)
	var err error
	if s.http.TLSConfig != nil {
		err = s.http.ServeTLS(ln, "", "")
	} else {
		err = s.http.Serve(ln)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control API: %w", err)
}

// HandOver is [API.HandOver]; connections are left to the other process, too.
func (s *Server) HandOver(grace time.Duration) {
	s.api.HandOver(grace)
	if g := s.gate.Load(); g != nil {
		g.shut()
	}
}

// Shutdown stops listening and waits for the requests in progress, or for ctx; then there
// are no more changes.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.api.Freeze()
	return err
}

// Handler answers requests.
func (a *API) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID()
		w.Header().Set("X-Amzn-Requestid", id)
		w.Header().Set("Content-Type", "text/xml")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		c := &call{api: a, ctx: r.Context()}
		text, err := a.contained(c, r, id)
		if !c.trusted || !a.changeable() {
			// It stays open for nobody who has not shown a good signature, and for nothing that is
			// another process's.
			w.Header().Set("Connection", "close")
		}
		status := http.StatusOK
		if err != nil {
			refusal := a.refusal(err)
			status, text = refusal.status(), errorXML(id, refusal)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(status)
		_, _ = w.Write(text) // a client that left needs no answer
	})
}

// refusal is what a client is told of an error.
func (a *API) refusal(err error) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	// Such as a clash of what the file declares and what an action made.
	return fail(codeValidationError, "%s", err)
}

// contained lets a panic end the request that it happened on, and no other.
func (a *API) contained(c *call, r *http.Request, id string) (text []byte, err error) {
	defer func() {
		if e := recover(); e != nil {
			a.logger.Error("request to the control API panicked", slog.Any("panic", e), slog.String("stack", string(debug.Stack())))
			text, err = nil, fail(codeInternalFailure, "The request processing has failed because of an unknown error.")
		}
	}()
	return c.serve(r, id)
}

// identify tells who asks, and reads the body, which a signature is of.
func (c *call) identify(r *http.Request) ([]byte, *Error) {
	if refusal := c.api.checkOrigin(r); refusal != nil {
		return nil, refusal
	}
	secrets := *c.api.credentials.Load()
	if len(secrets) == 0 {
		c.trusted = true
		return readBody(r)
	}
	who, refusal := claimed(r, secrets, time.Now())
	if refusal != nil {
		return nil, refusal // no memory for the body of someone unknown
	}
	body, refusal := readBody(r)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := who.verify(r, body); refusal != nil {
		return nil, refusal
	}
	c.trusted, c.accessKeyID, c.signature, c.signed = true, who.accessKeyID, who.signature, who.signed
	return body, nil
}

// serve is the life of a request: who, what, then the action.
func (c *call) serve(r *http.Request, id string) ([]byte, error) {
	body, refusal := c.identify(r)
	if refusal != nil {
		return nil, refusal
	}
	form, refusal := formOf(r, body)
	if refusal != nil {
		return nil, refusal
	}
	p, refusal := parseQuery(form)
	if refusal != nil {
		return nil, refusal
	}
	name, ok := p.take("Action")
	if !ok {
		return nil, fail(codeMissingAction, "The request must contain the parameter Action")
	}
	asked, ok := p.take("Version")
	if !ok {
		asked = "NO_VERSION_SPECIFIED"
	}
	act, ok := actions[name]
	if !ok || act.run == nil || asked != version {
		return nil, fail(codeInvalidAction, "Could not find operation %s for version %s", excerpt(name), excerpt(asked))
	}
	if act.changes && c.signature == "" && r.Method != http.MethodPost {
		return nil, fail(codeMalformedQueryString, "A change without a signature has to come by POST")
	}
	if refusal := c.api.available(act.changes); refusal != nil {
		return nil, refusal
	}
	c.action = name
	result, err := c.once(act, p)
	if err != nil {
		return nil, err
	}
	return answerXML(name, id, result)
}

// once runs the action, a change no more than once for each signature.
func (c *call) once(act operation, p *parameters) (any, error) {
	if !act.changes || c.signature == "" {
		return act.run(c, p)
	}
	if refusal := c.api.replay.admit(c.signature, c.signed); refusal != nil {
		return nil, refusal
	}
	result, err := act.run(c, p)
	if err != nil && c.api.refusal(err).Code != codeInternalFailure {
		c.api.replay.forget(c.signature) // nothing was done
	}
	return result, err
}

// checkOrigin refuses what a browser could be tricked into: requests that a page of another
// site sent and, where no signature is asked for, requests for a foreign host name (DNS
// rebinding). No SDK sends such fields.
func (a *API) checkOrigin(r *http.Request) *Error {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Header.Get("Origin") != "" || site != "" && site != "none" {
		return fail(codeOperationNotPermitted, "Requests from web pages are not taken")
	}
	if len(*a.credentials.Load()) > 0 {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return fail(codeOperationNotPermitted, "Without credentials, the control API answers to localhost and to IP addresses only")
	}
	return nil
}

// readBody reads the body whole, as its signature is of all of it.
func readBody(r *http.Request) ([]byte, *Error) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return nil, fail(codeInvalidAction, "Could not find a resource at that path")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return nil, fail(codeInvalidAction, "Requests come by POST or GET")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fail(codeRequestEntityTooLarge, "The request has more than %d bytes", maxBody)
	}
	if err != nil {
		return nil, fail(codeMalformedQueryString, "The request has no end")
	}
	return body, nil
}

// formOf is where the parameters are: the body of a POST, the query string of a GET.
func formOf(r *http.Request, body []byte) (string, *Error) {
	if r.Method == http.MethodGet {
		if len(body) > 0 {
			return "", fail(codeMalformedQueryString, "A GET has no body")
		}
		return r.URL.RawQuery, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return "", fail(codeMalformedQueryString, "The body has to be of the type application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return "", fail(codeMalformedQueryString, "The parameters of a POST are in its body")
	}
	return string(body), nil
}

// requestID returns a new one in AWS's form.
func requestID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// call is one request to an action.
type call struct {
	api    *API
	ctx    context.Context
	action string
	// trusted says that whoever asks may.
	trusted bool
	// accessKeyID is who asks, signature and signed by what and when; empty without signatures.
	accessKeyID string
	signature   string
	signed      time.Time
}

// view is what there is now.
func (c *call) view() *view { return c.api.current.Load() }

// change puts what f does in force.
func (c *call) change(f func(c *change) error) (*view, error) { return c.api.change(c, f) }
