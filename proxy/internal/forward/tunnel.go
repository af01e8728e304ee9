package forward

import (
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
	p := newPipe(s.tunnelTimeout())
	p.join(client, s.conn.Conn, rest)
	x.Record.ReceivedBytes += p.up.Load()
	x.Record.SentBytes += p.down.Load()
	if p.silent.Load() {
		s.cut = telemetry.CutTunnel
	}
}
