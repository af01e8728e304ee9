package cache

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// recorder is the client of a visit while a target answers: it passes the answer on, and
// keeps a copy of one that may be kept.
type recorder struct {
	exchange.Client
	v       *visit
	context context.Context
	// entry is what the copy is made into; nil when the answer is not kept.
	entry *entry
	body  []byte
	// reserved is what the copy takes of the memory for answers on their way in.
	reserved int64
	// answered says that the target's head came, stored that all of the answer did and was given
	// to the cache, which made result of it.
	answered, stored bool
	result           outcome
	// withheld says that the answer is not for the client: it says that what is kept still holds
	// (notModified), or is an error in place of which the client gets what is kept.
	withheld, notModified bool
	update                []exchange.Field
	// discarded counts the bytes of a body that nobody gets.
	discarded int64
	// spared says that the client has its 304, or left: it gets nothing more.
	spared bool
}

// maxDiscarded bounds what is read of a body that nobody gets, in order to keep the
// connection to the target.
const maxDiscarded = 64 << 10

var (
	errDiscarded = errors.New("answer is not for the client")
	errLeft      = errors.New("client left, and the answer is not kept")
)

// Gone reports whether nobody waits for the answer any more.
func (c *recorder) Gone() bool {
	if f := c.v.flight; f != nil && f.waiters.Load() > 0 {
		return false
	}
	return c.Client.Gone()
}

// WriteHead implements exchange.Client.
func (c *recorder) WriteHead(r *exchange.Response, body []byte, more bool) error {
	v := c.v
	now := time.Now()
	c.answered = true
	switch {
	case r.Status == http.StatusNotModified && v.asking:
		c.withheld, c.notModified = true, true
		for i := range r.Fields {
			c.update = append(c.update, exchange.Field{ID: r.Fields[i].ID, Name: slices.Clone(r.Fields[i].Name), Value: slices.Clone(r.Fields[i].Value)})
		}
		return nil
	case isFailure(r.Status) && v.mayBeStale(now):
		c.withheld = true
		return c.discard(len(body))
	}
	h := readHead(r.Fields)
	c.begin(r, &h, now)
	v.restore()
	c.record(body)
	if !more {
		c.store(now)
	}
	if v.keeps && r.Status == http.StatusOK && v.unchanged(h.etag, h.lastModified) {
		c.spared = true
		return c.passed(v.writeNotModified(r.Fields, nil, v.status))
	}
	r.Fields = append(r.Fields, exchange.Field{Name: nameCacheStatus, Value: statusValues[v.status]})
	return c.passed(c.Client.WriteHead(r, body, more))
}

// begin decides whether the answer is kept, and tells those who wait when it is not.
func (c *recorder) begin(r *exchange.Response, h *head, now time.Time) {
	v := c.v
	if !v.keeps {
		return
	}
	t, ok := v.behavior.judge(r, h, v.authorized, v.asked, now)
	if !ok {
		v.giveUp(r.Status, now)
		return
	}
	c.entry = newEntry(r, h, t, v.fields, v.origin.Managed)
	limit := v.cache.maxObject()
	if c.entry.cost > limit || r.ContentLength > limit-c.entry.cost {
		c.drop(now)
		return
	}
	if c.reserve(c.entry.cost, now) && r.ContentLength > 0 && !r.NoBody && c.reserve(r.ContentLength, now) {
		c.body = make([]byte, 0, r.ContentLength)
	}
}

// reserve takes memory for more of the body.
func (c *recorder) reserve(n int64, now time.Time) bool {
	if !c.v.cache.reserve(n) {
		c.drop(now)
		return false
	}
	c.reserved += n
	return true
}

// drop gives the copy up.
func (c *recorder) drop(now time.Time) {
	c.entry, c.body = nil, nil
	c.v.giveUp(http.StatusOK, now)
}

// record adds to the copy.
func (c *recorder) record(p []byte) {
	if c.entry == nil || len(p) == 0 {
		return
	}
	if need := len(c.body) + len(p); need > cap(c.body) {
		if int64(need) > c.v.cache.maxObject()-c.entry.cost {
			c.drop(time.Now())
			return
		}
		size := max(need, 2*cap(c.body), minBody)
		if !c.reserve(int64(size), time.Now()) { // both exist while one is copied
			return
		}
		grown := append(make([]byte, 0, size), c.body...)
		c.v.cache.filling.Add(-int64(cap(c.body)))
		c.reserved -= int64(cap(c.body))
		c.body = grown
	}
	c.body = append(c.body, p...)
}

// minBody is the memory that the copy of a body of unknown length begins with.
const minBody = 4 << 10

// passed is what the target's side gets to know of the client's: that it left only when the
// answer is of no use to anyone else.
func (c *recorder) passed(err error) error {
	if err == nil {
		return nil
	}
	if c.entry == nil {
		return err
	}
	c.spared = true
	c.v.lost = true
	return nil
}

func (c *recorder) discard(n int) error {
	if c.discarded += int64(n); c.discarded > maxDiscarded {
		return errDiscarded
	}
	return nil
}

// WriteBody implements exchange.Client.
func (c *recorder) WriteBody(p []byte) error {
	if c.withheld {
		return c.discard(len(p))
	}
	c.record(p)
	switch {
	case !c.spared:
		return c.passed(c.Client.WriteBody(p))
	case c.entry != nil:
		return nil
	case c.v.lost:
		return errLeft
	}
	return c.discard(len(p))
}

// Finish implements exchange.Client. An answer with trailers is not kept.
func (c *recorder) Finish(trailers []exchange.Field) error {
	if c.withheld {
		return nil
	}
	now := time.Now()
	if len(trailers) > 0 && c.entry != nil {
		c.drop(now)
	}
	c.store(now)
	if c.spared {
		return nil
	}
	return c.passed(c.Client.Finish(trailers))
}

// Abort implements exchange.Client.
func (c *recorder) Abort() {
	c.entry, c.body = nil, nil
	if !c.withheld && (!c.spared || c.v.lost) {
		c.Client.Abort()
	}
}

// splicer is a client whose connection can take a body inside the kernel.
type splicer interface {
	Spliceable() bool
	SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error)
}

// Spliceable reports whether SpliceBody may be used for this answer: not when it is copied.
func (c *recorder) Spliceable() bool {
	s, ok := c.Client.(splicer)
	return ok && c.entry == nil && !c.withheld && !c.spared && s.Spliceable()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel.
func (c *recorder) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	return c.Client.(splicer).SpliceBody(src, n, silence)
}

// store gives the copy to the cache, if there is one. All of the answer has come, and its
// last part is not with the client yet: who has an answer finds it in the cache.
func (c *recorder) store(now time.Time) {
	if c.entry == nil {
		return
	}
	v := c.v
	if cap(c.body)-len(c.body) > len(c.body)/4 {
		c.body = slices.Clone(c.body)
	}
	c.entry.body = c.body
	c.entry.cost += int64(cap(c.body))
	v.cache.filling.Add(-c.reserved)
	c.reserved = 0
	v.cache.store(&v.request, c.entry, v.since)
	c.stored, c.result = true, kept
	if !c.entry.fresh(now) {
		v.cache.letPass(&v.request, now.Add(missMemory))
		c.result = notKept
	}
	v.land(c.result)
}

// end gives all back.
func (c *recorder) end() {
	c.v.cache.filling.Add(-c.reserved)
	*c = recorder{}
}

// isFailure reports whether an error is one that stale-if-error is for.
//
// https://www.rfc-editor.org/rfc/rfc5861#section-4
func isFailure(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
