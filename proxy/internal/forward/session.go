package forward

import (
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// session is one exchange with one target. Sessions are pooled: what they point to is
// set anew for every exchange, what they own is kept.
type session struct {
	l      *Listener
	x      *exchange.Exchange
	group  *target.Group
	cfg    *target.Config
	target *target.Target
	sticky stickiness

	// fields are what the target receives.
	fields []exchange.Field

	// The HTTP/1 connection to the target and what was read of it: in.Bytes[r:w] is unused.
	conn   *targetconn.Conn
	in     *wire.Buffer
	inPool *wire.BufferPool
	r, w   int
	parser http1.ResponseParser
	chunks http1.ChunkDecoder
	// piece is what came of a chunked body with the head.
	piece []byte
	// open says that the end at the target is still to be counted.
	open bool
	// cause and fault are what went wrong with the target, if anything, and cut the timeout that
	// ended the exchange.
	cause target.Causes
	fault target.Fault
	cut   telemetry.Cut
	tries tries
	// fresh asks for a new connection; kept says that the present one served others before.
	fresh, kept bool
	// began is when the request went out on this connection, latest when its target was last heard of.
	began, latest time.Time
	// unsent says that nothing of the request went out.
	unsent bool
	// request has the whole request, in size bytes, as long as it may have to be sent again.
	request *wire.Buffer
	size    int

	// keep says that the target's connection can serve another exchange.
	keep bool

	upload upload
}

var sessions = sync.Pool{New: func() any {
	s := new(session)
	s.upload.init(s)
	return s
}}

// newSession returns a session for x with t.
func newSession(l *Listener, x *exchange.Exchange, group *target.Group, cfg *target.Config, t *target.Target, st stickiness) *session {
	s := sessions.Get().(*session)
	s.l, s.x, s.group, s.cfg, s.target, s.sticky = l, x, group, cfg, t, st
	s.open, s.fresh, s.kept, s.unsent = true, false, false, false
	s.upload.reset()
	return s
}

// end gives everything back.
func (s *session) end() {
	s.releaseInput()
	if s.request != nil {
		wire.Bodies.Put(s.request)
	}
	s.l, s.x, s.group, s.cfg, s.target, s.conn, s.piece, s.request = nil, nil, nil, nil, nil, nil, nil, nil
	s.tries = tries{}
	s.fields = exchange.KeepFields(s.fields)
	sessions.Put(s)
}

// abandon counts the end at the target when the exchange has panicked. What the session
// owns is not used again then: somebody may still be at it, whom the end of the connection
// ends.
func (s *session) abandon() {
	if s.conn != nil {
		s.target.HTTP1.Discard(s.conn)
	}
	if s.open {
		s.open = false
		s.group.End(s.target, target.Ending{})
	}
}

func (s *session) releaseInput() {
	if s.in != nil {
		s.inPool.Put(s.in)
		s.in, s.inPool, s.r, s.w = nil, nil, 0, 0
	}
}

// readTimeout is how long the target may be silent: the load balancer's idle timeout
// unless the target group has its own.
func (s *session) readTimeout() time.Duration {
	if s.cfg.ReadTimeout > 0 {
		return s.cfg.ReadTimeout
	}
	return s.l.attributes.IdleTimeout
}

func (s *session) sendTimeout() time.Duration {
	if s.cfg.SendTimeout > 0 {
		return s.cfg.SendTimeout
	}
	return s.l.attributes.IdleTimeout
}

// tunnelTimeout is how long both sides of a tunnel may be silent.
func (s *session) tunnelTimeout() time.Duration {
	if s.cfg.TunnelTimeout > 0 {
		return s.cfg.TunnelTimeout
	}
	return s.l.attributes.IdleTimeout
}

// connect takes an idle connection to the target or opens one.
func (s *session) connect(now time.Time) error {
	if !s.fresh {
		if c := s.target.HTTP1.Get(s.x.Conn.Shard, now); c != nil {
			s.conn, s.kept = c, true
			return nil
		}
	}
	c, err := s.target.HTTP1.Dial()
	if err != nil {
		return err
	}
	s.conn = c
	s.x.Record.NewTargetConn = true
	return nil
}

// disconnect keeps the target's connection for the next exchange or closes it.
func (s *session) disconnect() {
	if s.conn == nil {
		return
	}
	if s.keep && !s.x.CloseTarget && s.r == s.w && !s.target.Draining() {
		s.target.HTTP1.Put(s.x.Conn.Shard, s.conn, s.latest)
	} else {
		s.target.HTTP1.Discard(s.conn)
	}
	s.conn = nil
}
