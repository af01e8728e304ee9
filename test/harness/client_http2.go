package harness

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// HTTP2 is a client that writes HTTP/2 frames as it is told, well-formed or not.
type HTTP2 struct {
	tb     testing.TB
	client *Client
	framer *http2.Framer
	encode bytes.Buffer
	hpack  *hpack.Encoder
	next   uint32 // stream
	// streams collects what came for each stream.
	streams map[uint32]*stream
	// Settings are those that the other side sent first.
	Settings map[http2.SettingID]uint32
	// GoAway is the other side's GOAWAY; nil before it came.
	GoAway *http2.GoAwayFrame
}

type stream struct {
	response *Response
	done     bool
	reset    error
}

// HTTP2Request is one request over HTTP/2.
type HTTP2Request struct {
	// Fields are all of them in their order, the pseudo-header fields too.
	Fields Fields
	// Data are the DATA frames; nil for a request that ends with its head.
	Data [][]byte
	// Trailers end the stream when there are any.
	Trailers Fields
	// Open leaves the stream open on the client's side.
	Open bool
}

// DialHTTP2 connects with TLS and ALPN h2, and exchanges settings.
func DialHTTP2(tb testing.TB, address string, how Dialing) *HTTP2 {
	tb.Helper()
	if how.TLS != nil {
		how.TLS = how.TLS.Clone()
		how.TLS.NextProtos = []string{http2.NextProtoTLS}
	}
	c := Dial(tb, address, how)
	if t, ok := c.conn.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		tb.Fatalf("ALPN settled on %q, want h2", t.ConnectionState().NegotiatedProtocol)
	}
	h := &HTTP2{tb: tb, client: c, next: 1, streams: map[uint32]*stream{}, Settings: map[http2.SettingID]uint32{}}
	h.framer = http2.NewFramer(c.conn, c.in.Reader)
	h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.framer.AllowIllegalWrites = true
	h.hpack = hpack.NewEncoder(&h.encode)
	c.Send([]byte(http2.ClientPreface))
	h.write(h.framer.WriteSettings())
	h.until("settings", func() bool { return len(h.Settings) > 0 })
	return h
}

// Local returns ip:port of the client's end.
func (h *HTTP2) Local() string { return h.client.Local() }

// Close closes the connection.
func (h *HTTP2) Close() { h.client.Close() }

func (h *HTTP2) write(err error) {
	h.tb.Helper()
	if err != nil && !Gone(err) {
		h.tb.Fatalf("writing a frame: %v", err)
	}
}

// Send sends a request and returns its stream.
func (h *HTTP2) Send(r HTTP2Request) uint32 {
	h.tb.Helper()
	id := h.next
	h.next += 2
	h.streams[id] = &stream{}
	h.write(h.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: h.block(r.Fields), EndHeaders: true,
		EndStream: len(r.Data) == 0 && len(r.Trailers) == 0 && !r.Open,
	}))
	for i, data := range r.Data {
		h.write(h.framer.WriteData(id, i == len(r.Data)-1 && len(r.Trailers) == 0 && !r.Open, data))
	}
	if len(r.Trailers) > 0 {
		h.write(h.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: id, BlockFragment: h.block(r.Trailers), EndHeaders: true, EndStream: true,
		}))
	}
	return id
}

// Data sends one more piece of a stream that was left open.
func (h *HTTP2) Data(id uint32, data []byte, end bool) {
	h.tb.Helper()
	h.write(h.framer.WriteData(id, end, data))
}

// Reset gives a stream up.
func (h *HTTP2) Reset(id uint32) {
	h.tb.Helper()
	h.write(h.framer.WriteRSTStream(id, http2.ErrCodeCancel))
}

func (h *HTTP2) block(fields Fields) []byte {
	h.encode.Reset()
	for _, f := range fields {
		if err := h.hpack.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value}); err != nil {
			h.tb.Fatal(err)
		}
	}
	return bytes.Clone(h.encode.Bytes())
}

// Receive waits for the whole answer on a stream. An error says that the stream or the
// connection was ended instead.
func (h *HTTP2) Receive(id uint32) (*Response, error) {
	s := h.streams[id]
	for !s.done {
		if err := h.frame(Patience); err != nil {
			return nil, err
		}
	}
	if s.reset != nil {
		if s.response != nil {
			s.response.Cut = s.reset
			return s.response, nil
		}
		return nil, s.reset
	}
	return s.response, nil
}

// ReceiveData waits until at least n bytes of an answer's body have come, and returns what
// there is.
func (h *HTTP2) ReceiveData(id uint32, n int) ([]byte, error) {
	s := h.streams[id]
	for s.response == nil || len(s.response.Body) < n {
		if s.done {
			return nil, errors.Join(io.ErrUnexpectedEOF, s.reset)
		}
		if err := h.frame(Patience); err != nil {
			return nil, err
		}
	}
	return s.response.Body, nil
}

// WaitGoAway waits for GOAWAY and then for the end of the connection.
func (h *HTTP2) WaitGoAway() {
	h.tb.Helper()
	for {
		if err := h.frame(Patience); err != nil {
			if h.GoAway == nil || !Gone(err) {
				h.tb.Fatalf("connection ended with %v, GOAWAY %v", err, h.GoAway)
			}
			return
		}
	}
}

func (h *HTTP2) until(what string, holds func() bool) {
	h.tb.Helper()
	for !holds() {
		if err := h.frame(Patience); err != nil {
			h.tb.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// frame reads one frame and notes what it says.
func (h *HTTP2) frame(patience time.Duration) error {
	_ = h.client.conn.SetReadDeadline(time.Now().Add(patience))
	f, err := h.framer.ReadFrame()
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("no frame in %v: %w", patience, err)
		}
		return err
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		h.Settings[0] = 0 // they may be empty
		err := f.ForeachSetting(func(s http2.Setting) error {
			h.Settings[s.ID] = s.Val
			return nil
		})
		h.write(h.framer.WriteSettingsAck())
		return err
	case *http2.PingFrame:
		if !f.IsAck() {
			h.write(h.framer.WritePing(true, f.Data))
		}
	case *http2.GoAwayFrame:
		g := *f
		h.GoAway = &g
	case *http2.RSTStreamFrame:
		if s := h.streams[f.StreamID]; s != nil {
			// A reset without an error behind a whole answer asks to stop the upload.
			if !s.done {
				s.reset = fmt.Errorf("stream was reset: %v", f.ErrCode)
			}
			s.done = true
		}
	case *http2.MetaHeadersFrame:
		return h.head(f)
	case *http2.DataFrame:
		if s := h.streams[f.StreamID]; s != nil && s.response != nil {
			s.response.Body = append(s.response.Body, f.Data()...)
			s.done = s.done || f.StreamEnded()
		}
		if n := uint32(len(f.Data())); n > 0 {
			h.write(h.framer.WriteWindowUpdate(0, n))
			h.write(h.framer.WriteWindowUpdate(f.StreamID, n))
		}
	}
	return nil
}

func (h *HTTP2) head(f *http2.MetaHeadersFrame) error {
	s := h.streams[f.StreamID]
	if s == nil {
		return nil
	}
	r := &Response{Proto: "HTTP/2"}
	for _, field := range f.Fields {
		if field.Name == ":status" {
			r.Status, _ = strconv.Atoi(field.Value)
			continue
		}
		r.Fields = append(r.Fields, Field{field.Name, field.Value})
	}
	switch {
	case s.response == nil || s.response.Status < 200:
		if s.response != nil {
			r.Interim = append(s.response.Interim, s.response)
		}
		s.response = r
	default:
		s.response.Trailers = r.Fields
	}
	s.done = s.done || f.StreamEnded()
	return nil
}
