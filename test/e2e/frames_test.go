//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a client that makes HTTP/2 frames as it is told, well-formed or not, and writes
// many of them at once.
type frames struct {
	net.Conn
	out    bytes.Buffer
	framer *http2.Framer
	block  bytes.Buffer
	encode *hpack.Encoder
	next   uint32 // stream

	mu sync.Mutex
	// seen counts frames by type; goAway is the last GOAWAY's code, resets counts RST_STREAM.
	seen     map[http2.FrameType]int
	goAway   http2.ErrCode
	away     bool
	resets   map[http2.ErrCode]int
	statuses map[string]int
	ended    chan struct{}
}

// newFrames says the preface and settings on a connection.
func newFrames(c net.Conn, settings ...http2.Setting) *frames {
	f := &frames{Conn: c, next: 1, seen: map[http2.FrameType]int{}, resets: map[http2.ErrCode]int{}, statuses: map[string]int{}, ended: make(chan struct{})}
	f.framer = http2.NewFramer(&f.out, nil)
	f.framer.AllowIllegalWrites = true
	f.encode = hpack.NewEncoder(&f.block)
	f.out.WriteString(http2.ClientPreface)
	_ = f.framer.WriteSettings(settings...)
	_ = f.flush()
	return f
}

// flush writes the frames made so far.
func (f *frames) flush() error {
	defer f.out.Reset()
	_, err := f.Write(f.out.Bytes())
	return err
}

// head encodes a request head; more are pairs of names and values.
func (f *frames) head(method, path string, more ...string) []byte {
	f.block.Reset()
	pairs := append([]string{":method", method, ":scheme", "https", ":authority", "app.test", ":path", path}, more...)
	for i := 0; i < len(pairs); i += 2 {
		_ = f.encode.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return f.block.Bytes()
}

// open opens the next stream and returns its number.
func (f *frames) open(end bool, method, path string, more ...string) uint32 {
	id := f.next
	f.next += 2
	_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head(method, path, more...), EndHeaders: true, EndStream: end})
	return id
}

// listen reads whatever comes and counts it, until the connection ends.
func (f *frames) listen() {
	go func() {
		defer close(f.ended)
		in := http2.NewFramer(nil, f.Conn)
		in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		for {
			frame, err := in.ReadFrame()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.seen[frame.Header().Type]++
			switch frame := frame.(type) {
			case *http2.GoAwayFrame:
				f.away, f.goAway = true, frame.ErrCode
			case *http2.RSTStreamFrame:
				f.resets[frame.ErrCode]++
			case *http2.MetaHeadersFrame:
				f.statuses[frame.PseudoValue("status")]++
			}
			f.mu.Unlock()
		}
	}()
}

// heard says what came.
func (f *frames) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := "open"
	select {
	case <-f.ended:
		end = "closed"
	default:
	}
	if f.away {
		end += fmt.Sprintf(", GOAWAY %v", f.goAway)
	}
	return fmt.Sprintf("%s, frames %v, resets %v, statuses %v", end, f.seen, f.resets, f.statuses)
}

// closed reports whether the server ends the connection within the time.
func (f *frames) closed(within time.Duration) bool {
	select {
	case <-f.ended:
		return true
	default:
	}
	if within <= 0 {
		return false
	}
	select {
	case <-f.ended:
		return true
	case <-time.After(within):
		return false
	}
}

// overHTTP2 lets attackers do their work on HTTP/2 connections, n at a time and anew when
// they are cut, until the time is over. It logs what the first was told, and returns how
// many connections it took.
func (s *siege) overHTTP2(n int, until time.Time, settings []http2.Setting, attack func(f *frames)) (connections int) {
	s.t.Helper()
	var first sync.Once
	var all sync.WaitGroup
	var mu sync.Mutex
	for range n {
		all.Go(func() {
			for again := true; again; again = time.Now().Before(until) && !s.t.Failed() {
				c, err := s.dial(s.site.secure, "h2")
				if err != nil {
					s.t.Errorf("an attacker cannot connect: %v", err)
					return
				}
				mu.Lock()
				connections++
				mu.Unlock()
				f := newFrames(c, settings...)
				attack(f)
				first.Do(func() { s.t.Logf("an attacker was told: %s", f.heard()) })
				_ = c.Close()
			}
		})
	}
	all.Wait()
	s.t.Logf("%d attacks", connections)
	return connections
}

func TestFramesAreWhatTheySay(t *testing.T) {
	s := besiege(t)
	c, err := s.dial(s.site.secure, "h2")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := newFrames(c)
	f.listen()
	f.open(true, "GET", "/", "x-id", "1")
	_ = f.flush()
	s.Until("answered", func() bool { return strings.Contains(f.heard(), "map[200:1]") })
}
