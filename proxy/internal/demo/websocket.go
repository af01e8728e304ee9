package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxMessage bounds one WebSocket message: 1 MiB.
	maxMessage = 1 << 20
	// pingEvery is well under the load balancer's idle timeout, which holds for a WebSocket
	// as for everything else.
	pingEvery = 4 * time.Second
)

// echo sends back every WebSocket message, after one that says who it is.
func (t *Target) echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go t.keepAlive(ctx, conn)
	if conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "%s echoes", t.Name)) != nil {
		return
	}
	for {
		kind, message, err := conn.Read(ctx)
		if err != nil || conn.Write(ctx, kind, message) != nil {
			return
		}
	}
}

// keepAlive pings until ctx ends or the client is gone.
func (t *Target) keepAlive(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if conn.Ping(ctx) != nil {
				return
			}
		}
	}
}

func (t *Target) echoPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, websocketPage) // a client that left needs no page
}
