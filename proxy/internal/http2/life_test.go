package http2_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

// ended reports the end of a stream, by either end of its answer.
func ended(id uint32) func(xhttp2.Frame) bool {
	return func(f xhttp2.Frame) bool {
		h := f.Header()
		return h.StreamID == id && (h.Type == xhttp2.FrameRSTStream || h.Type != xhttp2.FrameWindowUpdate && h.Flags.Has(xhttp2.FlagDataEndStream))
	}
}

// TestPanickedStreamIsNobodyElses has a handler panic while somebody else still knows its
// client: what the next streams send is not for them.
func TestPanickedStreamIsNobodyElses(t *testing.T) {
	left := make(chan exchange.Client, 1)
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		if string(x.Request.Method) == "PUT" {
			left <- x.Client
			panic("broken")
		}
		fine(x)
	})
	for id := uint32(1); id < 40; id += 4 {
		p.open(id, false, p.request("PUT"))
		p.until("end", ended(id))
		c := <-left
		p.open(id+2, false, p.request("POST"))
		_ = p.WriteData(id+2, false, []byte("secret"))
		_ = p.WritePing(false, [8]byte{})
		p.until("ping", func(f xhttp2.Frame) bool { return f.Header().Type == xhttp2.FramePing })
		read := make(chan error, 1)
		go func() {
			n, err := c.ReadBody(make([]byte, 16))
			if n > 0 {
				err = nil
			}
			read <- err
		}()
		if err := within(t, read, "end of the panicked stream's body"); err == nil || !c.Gone() {
			t.Fatalf("the panicked stream's body ends with %v, gone %t", err, c.Gone())
		}
		if err := c.WriteInterim(&exchange.Response{Status: 103}); err == nil {
			t.Fatal("the panicked stream can be written to")
		}
		_ = p.WriteData(id+2, true, nil)
		p.until("answer", ended(id+2))
	}
}

// TestRefusalThatPanics ends its stream and not the process.
func TestRefusalThatPanics(t *testing.T) {
	p := meet(t, http2.Options{Refuse: func(*exchange.Exchange, int, string) { panic("broken") }}, fine)
	p.open(1, true, p.fields(":method", "CONNECT", ":authority", "app.test:443"))
	p.until("reset", func(f xhttp2.Frame) bool {
		r, ok := f.(*xhttp2.RSTStreamFrame)
		return ok && r.ErrCode == xhttp2.ErrCodeInternal
	})
	p.open(3, true, p.request("GET"))
	p.until("answer", ended(3))
}

// TestContinueBesideTheAnswer reads a body, whose sender waits for 100, while the answer
// begins: 100 comes before the answer's head, or not at all.
func TestContinueBesideTheAnswer(t *testing.T) {
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = x.Client.ReadBody(make([]byte, 16)) })
		for range x.Request.Fields[0].Value { // now the one is first, now the other
			runtime.Gosched()
		}
		r := &x.Response
		r.Status, r.ContentLength = 200, 2
		if err := x.Client.WriteHead(r, []byte("ok"), false); err != nil {
			t.Error(err)
		}
		x.Client.StopBody()
		reading.Wait()
	})
	for id := uint32(1); id < 200; id += 2 {
		p.open(id, false, p.request("POST", "expect", "100-continue", "x-pause", strings.Repeat("x", int(id%20))))
		final := false
		p.until("answer", func(f xhttp2.Frame) bool {
			if h, ok := f.(*xhttp2.HeadersFrame); ok {
				if final {
					t.Fatal("another head comes behind the answer's")
				}
				final = h.HeaderBlockFragment()[0] == 0x88 // :status 200 of the static table
			}
			return ended(id)(f)
		})
	}
}

// TestLargeDownload says of each little piece of an answer that it is taken, as clients do.
// Those frames are no flood, however much is downloaded.
func TestLargeDownload(t *testing.T) {
	const size = 4 << 20
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		r := &x.Response
		r.Status, r.ContentLength = 200, size
		_ = x.Client.WriteHead(r, nil, true)
		_ = x.Client.WriteBody(make([]byte, size))
		_ = x.Client.Finish(nil)
	})
	update := make([]byte, 0, 13)
	update = append(update, 0, 0, 4, byte(xhttp2.FrameWindowUpdate), 0, 0, 0, 0, 0)
	update = binary.BigEndian.AppendUint32(update, 1)
	many := []byte(strings.Repeat(string(update), 5000))
	_ = p.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: size})
	_ = p.WriteWindowUpdate(0, size)
	p.open(1, true, p.request("GET"))
	p.until("answer", ended(1))
	for range 800_000 / 5000 { // of 13 bytes each, which is more than is free
		if _, err := p.conn.Write(many); err != nil {
			t.Fatal(err)
		}
	}
	p.open(3, true, p.request("HEAD"))
	p.until("another answer", ended(3))
}

// TestLargeTrailers are refused, and not cut.
func TestLargeTrailers(t *testing.T) {
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		for {
			if _, err := x.Client.ReadBody(make([]byte, 16)); err != nil {
				if errors.Is(err, io.EOF) {
					t.Errorf("the request ends well, with %d trailers", len(x.Client.Trailers()))
				}
				return
			}
		}
	})
	p.open(1, false, p.request("POST", "trailer", "x"))
	var trailers []string
	for range 40 { // the first is put into the table, the others are a byte each
		trailers = append(trailers, "x", strings.Repeat("y", 3000))
	}
	p.open(1, true, p.fields(trailers...))
	p.until("reset", func(f xhttp2.Frame) bool {
		r, ok := f.(*xhttp2.RSTStreamFrame)
		return ok && r.ErrCode == xhttp2.ErrCodeProtocol
	})
}

// halfConn is a pipe of which one direction can be closed, as of TCP and TLS.
type halfConn struct {
	net.Conn
	closed atomic.Bool
}

func (c *halfConn) CloseWrite() error { c.closed.Store(true); return nil }

func (c *halfConn) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// TestDepartureIsNotPutOff has clients that are told to go begin late, or go on asking: they
// are listened to for a moment, and no longer.
func TestDepartureIsNotPutOff(t *testing.T) {
	for _, early := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				http2.Serve(ctx, &halfConn{Conn: near}, &exchange.Connection{}, http2.Options{IdleTimeout: time.Hour}, fine)
			}()
			framer := xhttp2.NewFramer(far, nil)
			begin := func() {
				_, _ = io.WriteString(far, xhttp2.ClientPreface)
				_ = framer.WriteSettings()
			}
			if early {
				begin()
			}
			cancel()
			time.Sleep(1500 * time.Millisecond) // the first second is for what is on its way
			if !early {
				begin()
			}
			for range 3 {
				if err := framer.WritePing(!early, [8]byte{}); err != nil {
					t.Errorf("nobody listens: %v", err)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			select {
			case <-done:
			default:
				t.Error("the connection is still there")
				_ = far.Close()
				<-done
			}
			_ = far.Close()
		})
	}
}
