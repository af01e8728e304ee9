package cache

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Handler serves the requests for the path of a behaviour.
type Handler struct {
	cache    *Cache
	behavior *Behavior
}

// NewHandler returns a handler that keeps answers in c as b says.
func NewHandler(c *Cache, b *Behavior) *Handler { return &Handler{c, b} }

// Serve answers x's request from the cache, or has o answer it. It returns the status of the
// answer that the load balancer has to make itself, or 0 when the client has one.
//
// Only GET and HEAD without a body are the cache's; HEAD is answered with what a GET left, and
// other methods may take it away.
func (h *Handler) Serve(x *exchange.Exchange, o *exchange.Origin) int {
	r := &x.Request
	head := string(r.Method) == http.MethodHead
	if !head && string(r.Method) != http.MethodGet || r.ContentLength != 0 || r.Upgrade {
		return h.pass(x, o)
	}
	v := visits.Get().(*visit)
	defer v.end()
	v.begin(h, x, o)
	v.head = head
	return v.serve()
}

// visit is one request on its way through the cache.
type visit struct {
	request
	cache    *Cache
	behavior *Behavior
	shard    *shard
	x        *exchange.Exchange
	origin   *exchange.Origin
	head     bool
	// silent says that no client is behind it: it refreshes in the background.
	silent bool

	// Of a request that goes to the target: status is what it is to the client, stored what
	// there is of an older answer, asking says that the target is asked whether it still holds,
	// keeps that the answer may be kept.
	status Status
	stored *entry
	asking bool
	keeps  bool
	asked  time.Time
	flight *flight
	// since is when it went.
	since moment
	// replaced is the status that the client got in place of the target's; lost says that the
	// client left.
	replaced int
	lost     bool
	original original
	sent     []exchange.Field
	recorder recorder
}

var visits = sync.Pool{New: func() any { return new(visit) }}

func (v *visit) begin(h *Handler, x *exchange.Exchange, o *exchange.Origin) {
	v.cache, v.behavior, v.x, v.origin = h.cache, h.behavior, x, o
	v.request.read(h.behavior, x, o)
	v.shard = h.cache.shard(v.place)
}

// end gives the visit back.
func (v *visit) end() {
	fields, sent := exchange.KeepFields(v.fields), exchange.KeepFields(v.sent)
	*v = visit{sent: sent}
	v.fields = fields
	visits.Put(v)
}

// client is the client, or what stands before it while a target answers.
func (v *visit) client() exchange.Client {
	if c, ok := v.x.Client.(*recorder); ok {
		return c.Client
	}
	return v.x.Client
}

// count counts what became of the request, for metrics and log.
func (v *visit) count(s Status) {
	if v.silent {
		return
	}
	v.shard.requests[s].Add(1)
	v.x.Record.CacheStatus = s.String()
}

// heeds is what of the request's own Cache-Control counts.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1
func (v *visit) heeds() *directives {
	if !v.behavior.heedRequests {
		return &unheeded
	}
	return &v.control
}

var unheeded directives

// serve decides between what is kept and the target.
func (v *visit) serve() int {
	now := time.Now()
	d := v.heeds()
	switch {
	case v.key == nil:
		return v.through(nil, Miss)
	case v.conditional, d.noStore:
		return v.through(nil, Bypass)
	}
	whole := !v.head && len(v.byteRange) == 0
	e, alone := v.shard.find(&v.request, now)
	if d.noCache || e != nil && d.maxAge.set && now.Sub(e.term.born) > time.Duration(d.maxAge.n)*time.Second {
		if !whole {
			return v.through(e, Bypass)
		}
		return v.fetch(e, nil, Bypass)
	}
	switch {
	case e != nil && e.fresh(now):
		return v.answer(e, Hit)
	case d.onlyIfCached:
		e.drop()
		v.count(Miss)
		return http.StatusGatewayTimeout
	case e != nil && now.Before(e.term.staleWhileRevalidate):
		return v.answer(e, v.refresh(e))
	case !whole:
		return v.through(e, missOf(e))
	case alone, v.authorized:
		return v.fetch(e, nil, missOf(e))
	}
	return v.together(e, now.Add(maxWait))
}

// missOf is what a request is that the target has to answer although e is kept.
func missOf(e *entry) Status {
	if e == nil {
		return Miss
	}
	return Expired
}

// together asks the target for all requests for the same key at once, or waits for the one
// that does.
func (v *visit) together(e *entry, deadline time.Time) int {
	for {
		f, leads := v.shard.join(v.key)
		if f == nil {
			return v.fetch(e, nil, missOf(e))
		}
		if leads {
			// Another may have landed since this one looked.
			e.drop()
			now := time.Now()
			if e, _ = v.shard.find(&v.request, now); e != nil && e.fresh(now) {
				v.shard.land(v.key, f, kept)
				return v.answer(e, Hit)
			}
			return v.fetch(e, f, missOf(e))
		}
		o, gone := v.wait(f, deadline)
		if gone {
			e.drop()
			v.count(missOf(e))
			return exchange.StatusClientGone
		}
		e.drop()
		now := time.Now()
		e, _ = v.shard.find(&v.request, now)
		switch {
		case e != nil && e.fresh(now):
			return v.answer(e, Hit)
		case o == failed && e != nil && now.Before(e.term.staleIfError):
			return v.answer(e, Stale)
		case o == abandoned && now.Before(deadline):
			continue
		}
		// It waits once: what is not for it now will not be the next time.
		return v.fetch(e, nil, missOf(e))
	}
}

// through has the target answer this request alone, with its own conditions and ranges. The
// answer is not kept.
func (v *visit) through(e *entry, s Status) int {
	v.sent = append(v.sent[:0], v.fields...)
	for i := range v.x.Request.Fields {
		if f := &v.x.Request.Fields[i]; f.ID == exchange.FieldOther && ofOneRequest(f.Name) && !v.behavior.keyed(f.Name) {
			v.sent = append(v.sent, *f)
		}
	}
	v.keeps = false
	return v.forward(e, nil, s)
}

// ofOneRequest reports whether a field is about what one client has or wants.
func ofOneRequest(name []byte) bool {
	for _, s := range [...]string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Cache-Control", "Pragma"} {
		if is(name, s) {
			return true
		}
	}
	return false
}

// fetch has the target answer for all: whether what is kept still holds, or with the whole.
func (v *visit) fetch(e *entry, f *flight, s Status) int {
	v.sent = append(v.sent[:0], v.fields...)
	if e != nil && e.status == http.StatusOK {
		if len(e.etag) > 0 {
			v.sent = append(v.sent, exchange.Field{Name: nameNoneMatch, Value: e.etag})
			v.asking = true
		}
		if len(e.lastModified) > 0 {
			v.sent = append(v.sent, exchange.Field{Name: nameModified, Value: e.lastModified})
			v.asking = true
		}
	}
	v.keeps = true
	v.x.Record.TraceID = plainTrace(v.x.Record.TraceID)
	return v.forward(e, f, s)
}

// forward has the target answer. It lets go of e and lands f.
func (v *visit) forward(e *entry, f *flight, s Status) int {
	x, c := v.x, &v.recorder
	v.status, v.stored, v.flight = s, e, f
	v.asked, v.since = time.Now(), v.cache.now(v.shard)
	*c = recorder{Client: x.Client, v: v}
	stop := c.heedClient()

	v.original = original{x.Request.Fields, x.Request.Query, x.Request.HasQuery, x.Request.Authority}
	x.Request.Fields, x.Request.Query = v.sent, v.query
	if len(x.Request.Authority) > 0 {
		x.Request.Authority = v.host
	}
	x.Request.HasQuery = len(v.query) > 0 || x.Request.HasQuery && v.behavior.allQuery
	x.Client = c
	result := abandoned
	defer func() {
		stop()
		x.Client = c.Client
		v.restore() // also after a panic: the fields are the visit's, which is used again
		c.end()
		e.drop()
		v.land(result)
	}()
	status := v.origin.Forward(x)
	x.Client = c.Client
	v.restore()

	var done int
	done, result = v.conclude(status)
	return done
}

// original is what a client's request has that its target does not get.
type original struct {
	fields    []exchange.Field
	query     []byte
	hasQuery  bool
	authority []byte
}

// restore makes the request the client's again: what becomes of the answer between here and
// the client, such as its compression, and the log are about that.
func (v *visit) restore() {
	r, o := &v.x.Request, &v.original
	r.Fields, r.Query, r.HasQuery, r.Authority = o.fields, o.query, o.hasQuery, o.authority
}

// conclude does what is left to do when the target is through, and says what came of it.
func (v *visit) conclude(status int) (int, outcome) {
	c, e := &v.recorder, v.stored
	if v.replaced != 0 && c.answered {
		v.x.Record.Status = v.replaced
	}
	switch {
	case c.notModified:
		return v.revalidated(e)
	case c.withheld, isFailure(status) && !c.answered && v.mayBeStale(time.Now()):
		e.hold()
		return v.answer(e, Stale), failed
	}
	v.count(v.status)
	if status != 0 && !c.answered {
		if c.Client.Gone() {
			return status, abandoned
		}
		return status, failed
	}
	if c.stored {
		return status, c.result
	}
	return status, failed
}

// mayBeStale reports whether what is kept may answer in place of an error. It may not for a
// client who wanted the target to answer.
func (v *visit) mayBeStale(now time.Time) bool {
	return v.stored != nil && v.status != Bypass && now.Before(v.stored.term.staleIfError)
}

// revalidated answers with what is kept, since the target says that it still holds, and keeps
// it for longer.
func (v *visit) revalidated(e *entry) (int, outcome) {
	now := time.Now()
	r := exchange.Response{Status: e.status, Reason: e.reason, Fields: e.merged(v.recorder.update), ContentLength: int64(len(e.body)), Version: exchange.HTTP11}
	h := readHead(r.Fields)
	h.age = readHead(v.recorder.update).age
	t, ok := v.behavior.judge(&r, &h, v.authorized, v.asked, now)
	n := newEntry(&r, &h, t, v.fields, v.origin.Managed)
	n.body = e.body
	n.cost += int64(cap(e.body))
	n.used = &v.cache.used
	n.hold()
	result := notKept
	if ok {
		v.cache.store(&v.request, n, v.since)
		if n.fresh(now) {
			result = kept
		}
	} else {
		v.cache.forget(&v.request, e)
	}
	if result == notKept {
		v.cache.letPass(&v.request, now.Add(missMemory))
	}
	s := v.status
	if s == Expired {
		s = Revalidated
	}
	return v.answer(n, s), result
}

// giveUp tells those who wait that the answer is not for them, and has the next ones not
// wait. After an error they do: when it is over, one request is enough.
func (v *visit) giveUp(status int, now time.Time) {
	if v.cache.limit.Load() > 0 && !v.authorized && status < http.StatusInternalServerError {
		v.cache.letPass(&v.request, now.Add(missMemory))
	}
	v.land(notKept)
}

func (v *visit) land(o outcome) {
	if v.flight != nil {
		v.shard.land(v.key, v.flight, o)
		v.flight = nil
	}
}

// manages reports whether the listener sets a field itself.
func (v *visit) manages(f *exchange.Field) bool {
	for i := range v.origin.Managed {
		if f.ID != exchange.FieldOther && v.origin.Managed[i].ID == f.ID {
			return true
		}
	}
	return false
}

// drop lets go of an entry that there may not be.
func (e *entry) drop() {
	if e != nil {
		e.release()
	}
}

// heedClient lets the target's side know when the client of an HTTP/2 stream gives it up,
// unless others wait for the answer too.
func (c *recorder) heedClient() (stop func()) {
	client, ok := exchange.Innermost(c.Client).(interface{ Context() context.Context })
	if !ok {
		c.context = context.Background()
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.context = ctx
	f := c.v.flight
	unhook := context.AfterFunc(client.Context(), func() {
		if f == nil || f.waiters.Load() == 0 {
			cancel()
		}
	})
	return func() {
		unhook()
		cancel()
	}
}

// Watch tells when a client that has no context leaves, until stop is called. Of those who wait
// for the answer too, one asks in its place then.
func (c *recorder) Watch() (gone <-chan struct{}, stop func()) {
	client, ok := exchange.Innermost(c.Client).(interface {
		Watch() (gone <-chan struct{}, stop func())
	})
	if !ok {
		return nil, func() {}
	}
	return client.Watch()
}

// Context is done when nobody waits for the answer any more.
func (c *recorder) Context() context.Context { return c.context }
