package http2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

// peer is a client that sends what frames it likes.
type peer struct {
	*xhttp2.Framer
	t    testing.TB
	conn net.Conn
	head bytes.Buffer
	enc  *hpack.Encoder
	stop context.CancelFunc
}

// meet serves one connection of a peer that has sent the preface and its settings.
func meet(t testing.TB, o http2.Options, handle func(*exchange.Exchange)) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { http2.Serve(ctx, served, &exchange.Connection{ListenerPort: 443}, o, handle) })
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _ = conn.Close(); cancel() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	p := &peer{Framer: xhttp2.NewFramer(conn, conn), t: t, conn: conn, stop: cancel}
	p.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.head)
	if _, err := io.WriteString(conn, xhttp2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return p
}

// fields encodes pairs of names and values.
func (p *peer) fields(pairs ...string) []byte {
	p.head.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return bytes.Clone(p.head.Bytes())
}

func (p *peer) request(method string, more ...string) []byte {
	return p.fields(append([]string{":method", method, ":scheme", "https", ":authority", "app.test", ":path", "/"}, more...)...)
}

func (p *peer) open(id uint32, end bool, block []byte) {
	p.t.Helper()
	if err := p.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true}); err != nil {
		p.t.Fatal(err)
	}
}

// until reads frames until one is what is waited for. It fails when the connection ends first.
func (p *peer) until(what string, is func(xhttp2.Frame) bool) {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			p.t.Fatalf("no %s: %v", what, err)
		}
		if is(f) {
			return
		}
	}
}

// fine answers every request with its body.
func fine(x *exchange.Exchange) {
	body, err := io.ReadAll(reader{x.Client})
	r := &x.Response
	r.Status, r.ContentLength = 200, exchange.Unknown
	if err != nil {
		r.Status = 400
	}
	_ = x.Client.WriteHead(r, body, false)
}

type reader struct{ exchange.Client }

func (r reader) Read(p []byte) (int, error) { return r.ReadBody(p) }

// TestBadFrames sends what RFC 9113 forbids. go is the code that ends the connection, reset
// the one that ends the stream.
func TestBadFrames(t *testing.T) {
	raw := func(kind xhttp2.FrameType, flags xhttp2.Flags, id uint32, payload string) func(*peer) {
		return func(p *peer) { _ = p.WriteRawFrame(kind, flags, id, []byte(payload)) }
	}
	opened := func(send func(*peer)) func(*peer) {
		return func(p *peer) {
			p.open(1, false, p.request("POST"))
			send(p)
		}
	}
	for _, c := range []struct {
		name  string
		send  func(*peer)
		away  xhttp2.ErrCode
		reset xhttp2.ErrCode
	}{
		{name: "frame too large", send: func(p *peer) { _, _ = p.conn.Write([]byte{0, 0x40, 1, 0, 0, 0, 0, 0, 1}) }, away: xhttp2.ErrCodeFrameSize},
		{name: "data of no stream", send: raw(xhttp2.FrameData, 0, 0, "x"), away: xhttp2.ErrCodeProtocol},
		{name: "data of a stream to come", send: raw(xhttp2.FrameData, 0, 5, "x"), away: xhttp2.ErrCodeProtocol},
		{name: "padding longer than the data", send: opened(raw(xhttp2.FrameData, xhttp2.FlagDataPadded, 1, "\x09x")), away: xhttp2.ErrCodeProtocol},
		{name: "padded and empty", send: opened(raw(xhttp2.FrameData, xhttp2.FlagDataPadded, 1, "")), away: xhttp2.ErrCodeProtocol},
		{name: "head of no stream", send: raw(xhttp2.FrameHeaders, xhttp2.FlagHeadersEndHeaders, 0, "\x82"), away: xhttp2.ErrCodeProtocol},
		{name: "head of a server's stream", send: raw(xhttp2.FrameHeaders, xhttp2.FlagHeadersEndHeaders, 2, "\x82"), away: xhttp2.ErrCodeProtocol},
		{name: "head without its priority", send: raw(xhttp2.FrameHeaders, xhttp2.FlagHeadersEndHeaders|xhttp2.FlagHeadersPriority, 1, "\x82"), away: xhttp2.ErrCodeFrameSize},
		{name: "head with nothing in the table", send: raw(xhttp2.FrameHeaders, xhttp2.FlagHeadersEndHeaders, 1, "\xff\x00"), away: xhttp2.ErrCodeCompression},
		{name: "head cut short", send: raw(xhttp2.FrameHeaders, xhttp2.FlagHeadersEndHeaders, 1, "\x00\x05ab"), away: xhttp2.ErrCodeCompression},
		{name: "continuation of nothing", send: raw(xhttp2.FrameContinuation, 0, 1, "\x82"), away: xhttp2.ErrCodeProtocol},
		{name: "another frame within a head", send: func(p *peer) {
			_ = p.WriteRawFrame(xhttp2.FrameHeaders, 0, 1, []byte("\x82"))
			_ = p.WritePing(false, [8]byte{})
		}, away: xhttp2.ErrCodeProtocol},
		{name: "continuation of another head", send: func(p *peer) {
			_ = p.WriteRawFrame(xhttp2.FrameHeaders, 0, 1, []byte("\x82"))
			_ = p.WriteRawFrame(xhttp2.FrameContinuation, 0, 3, []byte("\x82"))
		}, away: xhttp2.ErrCodeProtocol},
		{name: "continuations without end", send: func(p *peer) {
			_ = p.WriteRawFrame(xhttp2.FrameHeaders, 0, 1, []byte("\x82"))
			for range 100 {
				_ = p.WriteRawFrame(xhttp2.FrameContinuation, 0, 1, nil)
			}
		}, away: xhttp2.ErrCodeEnhanceYourCalm},
		{name: "push", send: raw(xhttp2.FramePushPromise, 0, 1, "\x00\x00\x00\x02\x82"), away: xhttp2.ErrCodeProtocol},
		{name: "settings of a stream", send: raw(xhttp2.FrameSettings, 0, 1, ""), away: xhttp2.ErrCodeProtocol},
		{name: "settings of no size", send: raw(xhttp2.FrameSettings, 0, 0, "12345"), away: xhttp2.ErrCodeFrameSize},
		{name: "acknowledgement with settings", send: raw(xhttp2.FrameSettings, xhttp2.FlagSettingsAck, 0, "123456"), away: xhttp2.ErrCodeFrameSize},
		{name: "initial window over the limit", send: raw(xhttp2.FrameSettings, 0, 0, "\x00\x04\xff\xff\xff\xff"), away: xhttp2.ErrCodeFlowControl},
		{name: "frame size under the limit", send: raw(xhttp2.FrameSettings, 0, 0, "\x00\x05\x00\x00\x00\x01"), away: xhttp2.ErrCodeProtocol},
		{name: "push is 2", send: raw(xhttp2.FrameSettings, 0, 0, "\x00\x02\x00\x00\x00\x02"), away: xhttp2.ErrCodeProtocol},
		{name: "ping of no size", send: raw(xhttp2.FramePing, 0, 0, "1234567"), away: xhttp2.ErrCodeFrameSize},
		{name: "ping of nine", send: raw(xhttp2.FramePing, 0, 0, "123456789"), away: xhttp2.ErrCodeFrameSize},
		{name: "ping of a stream", send: raw(xhttp2.FramePing, 0, 1, "12345678"), away: xhttp2.ErrCodeProtocol},
		{name: "window of no size", send: raw(xhttp2.FrameWindowUpdate, 0, 0, "123"), away: xhttp2.ErrCodeFrameSize},
		{name: "window of nothing", send: raw(xhttp2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00"), away: xhttp2.ErrCodeProtocol},
		{name: "window over the limit", send: raw(xhttp2.FrameWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), away: xhttp2.ErrCodeFlowControl},
		{name: "window of a stream to come", send: raw(xhttp2.FrameWindowUpdate, 0, 7, "\x00\x00\x00\x01"), away: xhttp2.ErrCodeProtocol},
		{name: "reset of a stream to come", send: raw(xhttp2.FrameRSTStream, 0, 7, "\x00\x00\x00\x08"), away: xhttp2.ErrCodeProtocol},
		{name: "reset of no size", send: raw(xhttp2.FrameRSTStream, 0, 1, ""), away: xhttp2.ErrCodeFrameSize},
		{name: "priority of no stream", send: raw(xhttp2.FramePriority, 0, 0, "12345"), away: xhttp2.ErrCodeProtocol},
		{name: "flood of what is unknown", send: func(p *peer) {
			for range 2000 {
				if p.WriteRawFrame(0xbe, 0, 0, make([]byte, 16<<10)) != nil {
					return
				}
			}
		}, away: xhttp2.ErrCodeEnhanceYourCalm},

		{name: "stream's window of nothing", send: opened(raw(xhttp2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x00")), reset: xhttp2.ErrCodeProtocol},
		{name: "stream's window over the limit", send: opened(raw(xhttp2.FrameWindowUpdate, 0, 1, "\x7f\xff\xff\xff")), reset: xhttp2.ErrCodeFlowControl},
		{name: "short priority", send: opened(raw(xhttp2.FramePriority, 0, 1, "1")), reset: xhttp2.ErrCodeFrameSize},
		{name: "trailers without an end", send: opened(func(p *peer) { p.open(1, false, p.fields("x", "y")) }), reset: xhttp2.ErrCodeProtocol},
		{name: "pseudo-field in trailers", send: opened(func(p *peer) { p.open(1, true, p.fields(":path", "/")) }), reset: xhttp2.ErrCodeProtocol},
		{name: "more than the length", send: func(p *peer) {
			p.open(1, false, p.request("POST", "content-length", "2"))
			_ = p.WriteData(1, false, []byte("123"))
		}, reset: xhttp2.ErrCodeProtocol},
		{name: "no path", send: func(p *peer) { p.open(1, true, p.fields(":method", "GET", ":scheme", "https")) }, reset: xhttp2.ErrCodeProtocol},
		{name: "two methods", send: func(p *peer) { p.open(1, true, p.request("GET", ":method", "POST")) }, reset: xhttp2.ErrCodeProtocol},
		{name: "upper case", send: func(p *peer) { p.open(1, true, p.request("GET", "X-A", "b")) }, reset: xhttp2.ErrCodeProtocol},
		{name: "line break", send: func(p *peer) { p.open(1, true, p.request("GET", "x-a", "b\r\nc: d")) }, reset: xhttp2.ErrCodeProtocol},
		{name: "other host", send: func(p *peer) { p.open(1, true, p.request("GET", "host", "other.test")) }, reset: xhttp2.ErrCodeProtocol},
		{name: "two hosts", send: func(p *peer) { p.open(1, true, p.request("GET", "host", "app.test", "host", "other.test")) }, reset: xhttp2.ErrCodeProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := meet(t, http2.Options{}, fine)
			go c.send(p)
			p.until("refusal", func(f xhttp2.Frame) bool {
				switch f := f.(type) {
				case *xhttp2.GoAwayFrame:
					if c.away == 0 || f.ErrCode != c.away {
						t.Errorf("GOAWAY %v, want %v", f.ErrCode, c.away)
					}
				case *xhttp2.RSTStreamFrame:
					if c.reset == 0 || f.ErrCode != c.reset {
						t.Errorf("RST_STREAM %v, want %v", f.ErrCode, c.reset)
					}
				default:
					return false
				}
				return true
			})
		})
	}
}

// TestFlowControl has a client whose windows are small take an answer, and send a body that
// is larger than its windows are at first.
func TestFlowControl(t *testing.T) {
	body := strings.Repeat("0123456789", 60_000)
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		got, err := io.ReadAll(reader{x.Client})
		if err != nil || string(got) != body {
			t.Errorf("the body came in as %d bytes, %v", len(got), err)
		}
		r := &x.Response
		r.Status, r.ContentLength = 200, int64(len(body))
		if err := x.Client.WriteHead(r, nil, true); err != nil {
			t.Error(err)
		}
		if err := x.Client.WriteBody([]byte(body)); err != nil {
			t.Error(err)
		}
		if err := x.Client.Finish(nil); err != nil {
			t.Error(err)
		}
	})
	if err := p.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 1000}); err != nil {
		t.Fatal(err)
	}
	p.open(1, false, p.request("POST"))
	stream, conn := 65535, 65535
	var sent, got int
	answer := func(f xhttp2.Frame) bool {
		switch f := f.(type) {
		case *xhttp2.SettingsFrame:
			if v, ok := f.Value(xhttp2.SettingInitialWindowSize); ok {
				stream += int(v) - 65535
			}
		case *xhttp2.WindowUpdateFrame:
			if f.StreamID == 0 {
				conn += int(f.Increment)
			} else {
				stream += int(f.Increment)
			}
		case *xhttp2.DataFrame:
			if len(f.Data()) > 1000 {
				t.Errorf("%d bytes come at once", len(f.Data()))
			}
			if string(f.Data()) != body[got:got+len(f.Data())] {
				t.Errorf("wrong bytes at %d", got)
			}
			if got += len(f.Data()); len(f.Data()) > 0 {
				_ = p.WriteWindowUpdate(0, uint32(len(f.Data())))
				_ = p.WriteWindowUpdate(1, uint32(len(f.Data())))
			}
			return f.StreamEnded()
		}
		return true
	}
	for sent < len(body) {
		if n := min(len(body)-sent, 16<<10, stream, conn); n > 0 {
			if err := p.WriteData(1, sent+n == len(body), []byte(body[sent:sent+n])); err != nil {
				t.Fatal(err)
			}
			sent, stream, conn = sent+n, stream-n, conn-n
			continue
		}
		p.until("window", answer)
	}
	p.until("end of the answer", func(f xhttp2.Frame) bool { _, data := f.(*xhttp2.DataFrame); return answer(f) && data })
	if got != len(body) {
		t.Errorf("got %d bytes of %d", got, len(body))
	}
}

// TestWindowBelowNothing takes back, by a setting, a window that has been used already: it is
// below nothing then (RFC 9113, section 6.9.2).
func TestWindowBelowNothing(t *testing.T) {
	const window, more = 65535, 100
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		r := &x.Response
		r.Status, r.ContentLength = 200, window+more
		_ = x.Client.WriteHead(r, make([]byte, window+more), false)
	})
	got := 0
	data := func(f xhttp2.Frame) bool {
		if d, ok := f.(*xhttp2.DataFrame); ok {
			got += len(d.Data())
		}
		return true
	}
	p.open(1, true, p.request("GET"))
	_ = p.WriteWindowUpdate(0, window)
	p.until("first of the answer", func(f xhttp2.Frame) bool { return data(f) && got == window })
	_ = p.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 1 << 30}, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 0})
	_ = p.WriteWindowUpdate(1, window)
	_ = p.WritePing(false, [8]byte{1})
	p.until("ping", func(f xhttp2.Frame) bool { return data(f) && f.Header().Type == xhttp2.FramePing })
	if got != window {
		t.Errorf("%d bytes too many", got-window)
	}
	_ = p.WriteWindowUpdate(1, more)
	p.until("rest", func(f xhttp2.Frame) bool { return data(f) && got == window+more })
}

// TestOverWindow sends more than a stream may.
func TestOverWindow(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	p := meet(t, http2.Options{}, func(*exchange.Exchange) { <-hold })
	p.open(1, false, p.request("POST"))
	go func() {
		for range 9 {
			_ = p.WriteData(1, false, make([]byte, 16<<10))
		}
	}()
	p.until("reset", func(f xhttp2.Frame) bool {
		r, ok := f.(*xhttp2.RSTStreamFrame)
		return ok && r.ErrCode == xhttp2.ErrCodeFlowControl
	})
}

// TestGoAway tells a client to go: what it sends before it answers is served, and what it
// sends afterwards is not; streams in flight finish, and the connection ends.
func TestGoAway(t *testing.T) {
	hold, began := make(chan struct{}), make(chan struct{}, 8)
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		began <- struct{}{}
		<-hold
		fine(x)
	})
	p.open(1, true, p.request("GET"))
	within(t, began, "request")
	p.stop()
	p.until("announcement", func(f xhttp2.Frame) bool {
		g, ok := f.(*xhttp2.GoAwayFrame)
		return ok && g.LastStreamID == 1<<31-1 && g.ErrCode == xhttp2.ErrCodeNo
	})
	p.open(3, true, p.request("GET"))
	within(t, began, "request on its way")
	p.until("ping", func(f xhttp2.Frame) bool {
		ping, ok := f.(*xhttp2.PingFrame)
		if ok {
			_ = p.WritePing(true, ping.Data)
		}
		return ok
	})
	p.until("end", func(f xhttp2.Frame) bool {
		g, ok := f.(*xhttp2.GoAwayFrame)
		return ok && g.LastStreamID == 3
	})
	p.open(5, true, p.request("GET"))
	close(hold)
	statuses := 0
	for {
		f, err := p.ReadFrame()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := f.(*xhttp2.HeadersFrame); ok {
			if statuses++; h.StreamID == 5 {
				t.Error("a stream that came too late is answered")
			}
		}
	}
	if statuses != 2 {
		t.Errorf("%d of 2 streams are answered", statuses)
	}
}

// TestSmallTable: a client that makes its table smaller is told once that it is not used
// (RFC 7541, section 4.2).
func TestSmallTable(t *testing.T) {
	p := meet(t, http2.Options{}, fine)
	if err := p.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingHeaderTableSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		p.open(uint32(2*i+1), true, p.request("GET"))
		p.until("answer", func(f xhttp2.Frame) bool {
			h, ok := f.(*xhttp2.HeadersFrame)
			if ok && (h.HeaderBlockFragment()[0] == 0x20) != want {
				t.Errorf("answer %d begins with %x", i, h.HeaderBlockFragment())
			}
			return ok
		})
	}
}

// TestTooManyStreams opens one more than a client may.
func TestTooManyStreams(t *testing.T) {
	hold := make(chan struct{})
	p := meet(t, http2.Options{MaxStreams: 2}, func(x *exchange.Exchange) { <-hold; fine(x) })
	for id := uint32(1); id <= 5; id += 2 {
		p.open(id, true, p.request("GET"))
	}
	p.until("refusal", func(f xhttp2.Frame) bool {
		r, ok := f.(*xhttp2.RSTStreamFrame)
		return ok && r.StreamID == 5 && r.ErrCode == xhttp2.ErrCodeRefusedStream
	})
	close(hold)
	for range 2 {
		p.until("answer", func(f xhttp2.Frame) bool { _, ok := f.(*xhttp2.HeadersFrame); return ok })
	}
}

// TestCookieCrumbs joins what browsers send apart (RFC 9113, section 8.2.3).
func TestCookieCrumbs(t *testing.T) {
	got := make(chan string, 1)
	p := meet(t, http2.Options{}, func(x *exchange.Exchange) {
		v, _ := x.Request.Lookup(exchange.FieldCookie)
		got <- string(v)
		fine(x)
	})
	p.open(1, true, p.request("GET", "cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"))
	if s := within(t, got, "request"); s != "a=1; b=2; c=3" {
		t.Errorf("got cookie %q", s)
	}
}

// FuzzServe sends anything behind the preface. Nothing may hang, crash or come through that
// an HTTP/1.1 target could read otherwise.
func FuzzServe(f *testing.F) {
	var seed bytes.Buffer
	fr := xhttp2.NewFramer(&seed, nil)
	_ = fr.WriteSettings()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, pair := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}, {"content-length", "3"}, {"trailer", "x"}} {
		_ = e.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	_ = fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = fr.WriteData(1, false, []byte("abc"))
	_ = fr.WriteWindowUpdate(1, 5)
	_ = fr.WritePing(false, [8]byte{})
	_ = fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x00\x01x\x01y"), EndHeaders: true, EndStream: true})
	_ = fr.WriteRSTStream(1, xhttp2.ErrCodeCancel)
	_ = fr.WriteGoAway(0, 0, nil)
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, served := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			http2.Serve(context.Background(), served, &exchange.Connection{}, http2.Options{}, func(x *exchange.Exchange) {
				for _, field := range x.Request.Fields {
					if bytes.ContainsAny(field.Value, "\r\n\x00") || bytes.ContainsAny(field.Name, "\r\n\x00: ") {
						t.Errorf("field %q: %q came through", field.Name, field.Value)
					}
				}
				if bytes.ContainsAny(x.Request.Target, " \r\n") || bytes.ContainsAny(x.Request.Method, " \r\n") {
					t.Errorf("request line %q %q came through", x.Request.Method, x.Request.Target)
				}
				fine(x)
			})
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = client.SetDeadline(time.Now().Add(patience))
		_, _ = client.Write(append([]byte(xhttp2.ClientPreface), sent...))
		_ = client.Close()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the connection does not end")
		}
	})
}
