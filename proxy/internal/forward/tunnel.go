package forward

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// hijacker is a client whose connection can become a tunnel.
type hijacker interface {
	// Hijack returns the connection and what the client has sent on it after the request head.
	Hijack() (*wire.Conn, []byte)
}

// tunnel joins client and target after a 101. From here on nothing is read into what
// passes: no rule, header or trace applies, until one side ends, both are silent for the
// tunnel timeout, or the target's deregistration delay is over.
//
// Only now do bytes that the client sent behind its request head reach the target: before
// the 101 they could have been a second request that the target would answer and we not see.
func (s *session) tunnel() {
	x := s.x
	s.keep = false
	h, ok := exchange.Innermost(x.Client).(hijacker)
	if !ok {
		x.Client.Abort()
		return
	}
	x.Record.Type = "ws"
	if s.l.https {
		x.Record.Type = "wss"
	}
	s.prepareAnswer()
	x.Record.Status = x.Response.Status
	early := s.in.Bytes[s.r:s.w]
	s.r = s.w
	if err := x.Client.WriteHead(&x.Response, early, false); err != nil {
		x.Client.Abort()
		return
	}
	client, rest := h.Hijack()
	p := &pipe{idle: s.tunnelTimeout()}
	p.touch(time.Now())
	p.join(client, s.conn.Conn, rest)
	x.Record.ReceivedBytes += p.up.Load()
	x.Record.SentBytes += p.down.Load()
	if p.silent.Load() {
		s.cut = telemetry.CutTunnel
	}
}

// pipe is the state that the two directions of a tunnel share.
type pipe struct {
	idle time.Duration
	// last is when either side last sent, as nanoseconds since the epoch.
	last     atomic.Int64
	up, down atomic.Int64
	// silent says that the tunnel ended for want of bytes.
	silent atomic.Bool
}

func (p *pipe) touch(now time.Time) { p.last.Store(now.UnixNano()) }

// join moves bytes both ways until both ends are through; rest is what the client has sent
// already.
func (p *pipe) join(client, target *wire.Conn, rest []byte) {
	done := make(chan any, 1)
	go func() {
		defer func() {
			e := recover()
			if e != nil {
				_ = client.Close()
				_ = target.Close()
			}
			done <- e
		}()
		if len(rest) > 0 {
			target.ExtendWrite(time.Now(), p.idle)
			if _, err := target.Write(rest); err != nil {
				_ = client.Close()
				_ = target.Close()
				return
			}
			p.up.Add(int64(len(rest)))
		}
		p.copy(target, client, &p.up)
	}()
	p.copy(client, target, &p.down)
	if e := <-done; e != nil {
		panic(e) // here it is caught and logged as any other of this connection
	}
}

// copy moves bytes from src to dst until src ends, and then ends dst's other direction. A
// side that breaks takes both with it.
func (p *pipe) copy(dst, src *wire.Conn, moved *atomic.Int64) {
	for {
		now := time.Now() // dst may have taken its time
		src.ExtendRead(now, p.idle)
		b, n, err := src.FirstRead(wire.Heads)
		if err != nil {
			if wire.Timeout(err) {
				if time.Since(time.Unix(0, p.last.Load())) < p.idle {
					continue // the other direction is alive
				}
				p.silent.Store(true)
			}
			if !errors.Is(err, io.EOF) || dst.CloseWrite() != nil {
				_ = dst.Close()
				_ = src.Close()
			}
			return
		}
		now = time.Now()
		p.touch(now)
		if !src.Plain() {
			// FirstRead has one byte of a TLS record; the rest of it is at hand.
			if n, err = src.ReadHeld(b.Bytes, n); err != nil {
				wire.Heads.Put(b)
				_ = dst.Close()
				_ = src.Close()
				return
			}
		}
		dst.ExtendWrite(now, p.idle)
		_, err = dst.Write(b.Bytes[:n])
		wire.Heads.Put(b)
		if err != nil {
			_ = dst.Close()
			_ = src.Close()
			return
		}
		moved.Add(int64(n))
	}
}
