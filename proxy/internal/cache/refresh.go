package cache

import (
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// refresh has the target asked in the background, once at a time, and returns what the
// request is that gets e meanwhile.
func (v *visit) refresh(e *entry) Status {
	f, leads := v.shard.join(v.key)
	if !leads {
		if f != nil {
			f.waiters.Add(-1)
		}
		return Updating
	}
	if v.cache.refreshes.Add(1) > maxRefreshes {
		v.cache.refreshes.Add(-1)
		v.shard.land(v.key, f, abandoned)
		return Stale
	}
	e.hold()
	b := v.detached()
	go func() {
		defer b.cache.refreshes.Add(-1)
		defer func() {
			if p := recover(); p != nil {
				b.cache.logger.Error("refreshing an answer panicked", slog.Any("panic", p))
			}
		}()
		b.fetch(e, f, Expired)
	}()
	return Stale
}

// detached is the visit of a GET for the same answer that nobody waits for: it owns all that
// it points to.
func (v *visit) detached() *visit {
	r := &v.x.Request
	conn := *v.x.Conn
	if conn.TLS != nil {
		tls := *conn.TLS
		conn.TLS = &tls
	}
	origin := *v.origin
	x := &exchange.Exchange{Conn: &conn, Client: nobody{}, Forwarded: v.x.Forwarded}
	x.Record = exchange.Record{
		Type: v.x.Record.Type, Created: time.Now(), Priority: v.x.Record.Priority,
		TraceID: slices.Clone(v.x.Record.TraceID),
	}
	x.Request = exchange.Request{
		Method: []byte("GET"), Target: slices.Clone(r.Target), Version: r.Version, RawVersion: slices.Clone(r.RawVersion),
		Scheme: slices.Clone(r.Scheme), Authority: slices.Clone(r.Authority),
		Host: slices.Clone(r.Host), Port: slices.Clone(r.Port), Path: slices.Clone(r.Path),
	}
	b := &visit{cache: v.cache, behavior: v.behavior, shard: v.shard, x: x, origin: &origin, silent: true}
	b.key, b.place, b.pathAt, b.host = slices.Clone(v.key), slices.Clone(v.place), v.pathAt, slices.Clone(v.host)
	b.query, b.authorized = slices.Clone(v.query), v.authorized
	for i := range v.fields {
		f := &v.fields[i]
		b.fields = append(b.fields, exchange.Field{ID: f.ID, Name: slices.Clone(f.Name), Value: slices.Clone(f.Value)})
	}
	x.Request.HasQuery = r.HasQuery
	return b
}

// nobody is the client of a refresh.
type nobody struct{}

var _ exchange.Client = nobody{}

// What implements exchange.Client: a request without a body, and an answer that nobody reads.

func (nobody) ReadBody([]byte) (int, error)                     { return 0, io.EOF }
func (nobody) Buffered() (int, bool)                            { return 0, true }
func (nobody) Trailers() []exchange.Field                       { return nil }
func (nobody) WriteInterim(*exchange.Response) error            { return nil }
func (nobody) WriteHead(*exchange.Response, []byte, bool) error { return nil }
func (nobody) WriteBody([]byte) error                           { return nil }
func (nobody) Finish([]exchange.Field) error                    { return nil }
func (nobody) StopBody()                                        {}
func (nobody) Abort()                                           {}
func (nobody) Gone() bool                                       { return false }
