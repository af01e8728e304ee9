package forward

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/answer"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// Serve takes one request through its life.
func (l *Listener) Serve(x *exchange.Exchange) {
	l.begin(x)
	if l.trusted != nil {
		x.Forwarded = l.trusted.Forwarded(x.Conn.Peer.Addr(), x.Request.Fields)
	}
	status := l.judge(x)
	if status == 0 && l.firewall != nil {
		status = l.guard(x)
	}
	if status == 0 {
		status = l.act(x)
	}
	if status > 0 {
		l.refuse(x, status)
	}
	unbind(x)
	if l.firewall != nil {
		l.firewall.Release(x)
	}
	l.account(x)
}

// act matches the request and carries out the rule's action. It returns the status of the
// answer that the load balancer has to make itself, or 0 when the client has one.
func (l *Listener) act(x *exchange.Exchange) int {
	if l.asksForAggregate(x) {
		l.aggregate(x)
		return 0
	}
	rule, evaluated := l.table.Match(&x.Request, x.ClientAddr().Addr())
	x.Record.Priority, x.Record.RulesEvaluated = rule.Priority, evaluated

	switch rule.Action.Kind {
	case routing.KindRedirect:
		return l.redirect(x, rule.Action.Redirect)
	case routing.KindFixedResponse:
		x.Record.Actions |= exchange.ActionFixedResponse
		l.reply(x, l.maker.Fixed(x, rule.Action.Fixed, date(x.Record.Created)))
		return 0
	case routing.KindForward:
	}
	if l.edge != nil {
		if b := l.edge.Match(x.Request.Path); b != nil {
			return b.Serve(x, l.origin(x, rule))
		}
	}
	return l.transformAndForward(x, rule)
}

// origin is what the edge gets answers from, for a request that rule forwards.
func (l *Listener) origin(x *exchange.Exchange, rule *routing.Rule) *exchange.Origin {
	proto, port := l.cameTo(x)
	return &exchange.Origin{
		Forward: func(x *exchange.Exchange) int { return l.transformAndForward(x, rule) },
		Server:  l.maker.ServerName,
		Date:    date(time.Now()),
		Route:   rule.Route,
		Proto:   proto,
		Port:    port,
		Cookies: l.persistenceCookies(rule.Action.Forward),
		Trusted: l.trusted != nil && l.trusted.Contains(x.Conn.Peer.Addr()),
		Managed: l.managed,
	}
}

// persistenceCookies are the names of the cookies by which the groups of f know clients.
func (l *Listener) persistenceCookies(f *routing.Forward) []string {
	var names []string
	for i := range f.Groups {
		if c := l.groups[f.Groups[i].Name].Snapshot().Config.Persistence; c != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// transformAndForward carries out a forward action.
func (l *Listener) transformAndForward(x *exchange.Exchange, rule *routing.Rule) int {
	x.Record.Actions |= exchange.ActionForward
	if status := l.transform(x, rule); status != 0 {
		return status
	}
	return l.forward(x, rule.Action.Forward)
}

func (l *Listener) redirect(x *exchange.Exchange, r *routing.Redirect) int {
	x.Record.Actions |= exchange.ActionRedirect
	location, err := r.AppendLocation(x.Arena.Begin(), &x.Request, l.scheme(), l.port)
	if err != nil {
		x.Record.RedirectTooLong = true
		return http.StatusInsufficientStorage
	}
	location = x.Arena.End(location)
	x.Record.RedirectURL = location
	l.reply(x, l.maker.Redirect(x, r.Status, location, date(x.Record.Created)))
	return 0
}

// transform rewrites host and URL for the target; the rule has matched and stays chosen.
func (l *Listener) transform(x *exchange.Exchange, rule *routing.Rule) int {
	result := rule.Transform(&x.Request, &x.Arena)
	if result.Status == "" {
		return 0
	}
	x.Record.Actions |= exchange.ActionRewrite
	x.Record.TransformStatus = result.Status
	if result.HostChanged {
		x.Record.TransformedHost = x.Request.Host
	}
	if result.URIChanged {
		x.Record.TransformedURI = x.Arena.End(appendURI(x.Arena.Begin(), &x.Request))
	}
	if result.Err {
		return http.StatusInternalServerError
	}
	return 0
}

// forward sends the request to a target of the rule's target groups.
func (l *Listener) forward(x *exchange.Exchange, f *routing.Forward) int {
	group, status := l.pickGroup(x, f)
	if status != 0 {
		return status
	}
	snapshot := group.Snapshot()
	cfg := snapshot.Config
	x.Record.TargetGroup, x.Record.TargetGroupARN = cfg.Name, cfg.ARN
	if mismatch(cfg.ProtocolVersion, x) {
		return statusVersionMismatch
	}
	if most := cfg.MaxRequestBody; most > 0 && tooLarge(x, most) {
		return http.StatusRequestEntityTooLarge
	}
	bound, st := l.boundTarget(x, f, snapshot)
	t, place := group.Enter(snapshot, target.Claim{Facts: facts(x, cfg), Bound: bound})
	if place != nil {
		if t, status = await(x, group, place, cfg.Queue.Timeout); status != 0 {
			return status
		}
		snapshot = group.Snapshot() // time has gone by
		cfg = snapshot.Config
		if mismatch(cfg.ProtocolVersion, x) {
			group.End(t, target.Ending{})
			return statusVersionMismatch
		}
	}
	if t == nil {
		return http.StatusServiceUnavailable
	}
	if bound != nil && t.Address != bound.Address {
		st.moved, st.cookie = true, telemetry.CookieFull
		nonSticky(x, cfg)
	}
	x.Record.TargetAddress, x.Record.TargetZone = t.Address, t.Zone
	x.Record.FailOpen = snapshot.FailOpen

	if cfg.Retries != nil {
		group.CountForRetries(x.Record.Created)
	}
	s := newSession(l, x, group, cfg, t, st)
	whole := false
	defer func() {
		if !whole {
			s.abandon()
		}
	}()
	status = s.run()
	whole = true
	s.end()
	return status
}

// refuse answers with an error page of the load balancer.
func (l *Listener) refuse(x *exchange.Exchange, status int) {
	if status == exchange.StatusClientGone {
		x.Record.Status = status // nobody is left to answer
		x.Client.Abort()
		return
	}
	if answer.ClosesConnection(status) {
		x.Request.Close = true
	}
	l.reply(x, l.maker.Error(x, status, date(time.Now())))
}

// reply sends an answer that the load balancer made.
func (l *Listener) reply(x *exchange.Exchange, body []byte) {
	x.Response.Fields = append(x.Response.Fields, l.managed...)
	x.Record.Status = x.Response.Status
	if err := x.Client.WriteHead(&x.Response, body, false); err != nil {
		x.Client.Abort()
	}
}

// Malformed answers a request whose head could not be read.
func (l *Listener) Malformed(x *exchange.Exchange, err error) {
	status := http.StatusBadRequest
	if he, ok := errors.AsType[*http1.Error](err); ok {
		status = he.Status
	}
	l.Refuse(x, status)
}

// RequestTimeout answers a client that did not finish its request head in time.
func (l *Listener) RequestTimeout(x *exchange.Exchange) {
	l.Refuse(x, http.StatusRequestTimeout)
}

// PlainHTTP answers a client that spoke HTTP on an HTTPS listener.
func (l *Listener) PlainHTTP(x *exchange.Exchange) {
	l.begin(x)
	x.Request.Close = true
	l.reply(x, l.maker.PlainHTTP(x, date(time.Now())))
	l.account(x)
}

// Refuse answers a request that the front end could not turn into an exchange.
func (l *Listener) Refuse(x *exchange.Exchange, status int) {
	l.begin(x)
	x.Record.MalformedRequest = true
	x.Request.Close = true
	l.refuse(x, status)
	l.account(x)
}

// begin is what every exchange begins with, as account is its end.
func (l *Listener) begin(x *exchange.Exchange) {
	x.Record.Type = l.logType(x)
	if l.edge != nil {
		l.edge.Wrap(x)
	}
}

func (l *Listener) account(x *exchange.Exchange) {
	if l.edge != nil {
		l.edge.Unwrap(x)
	}
	x.Record.Ended = time.Now()
	l.svc.Account(x)
}

// logType is the access log's first field; a tunnel changes it to ws or wss.
func (l *Listener) logType(x *exchange.Exchange) string {
	switch {
	case x.Request.GRPC():
		x.Record.GRPC = true
		return "grpcs"
	case x.Request.Version == exchange.HTTP2:
		return "h2"
	case l.https:
		return "https"
	}
	return "http"
}

func random() uint64 { return rand.Uint64() }
