//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// slowStreams are HTTP/2 clients that keep a server waiting: how they begin, and what they
// send every 100 ms.
var slowStreams = map[string]struct {
	settings []http2.Setting
	begin    func(f *frames)
	drip     func(f *frames)
	// stays says that the connection may live on, without its streams.
	stays bool
}{
	"body": {
		begin: func(f *frames) {
			for range 10 {
				f.open(false, "POST", "/")
			}
		},
		drip: func(f *frames) {
			for id := uint32(1); id < f.next; id += 2 {
				_ = f.framer.WriteData(id, false, []byte("x"))
			}
		},
		stays: true,
	},
	"no body": {begin: func(f *frames) { f.open(false, "POST", "/") }},
	"reader": {
		begin: func(f *frames) {
			for range 10 {
				f.open(true, "GET", "/large?size=1000000")
			}
		},
		drip: func(f *frames) {
			_ = f.framer.WriteWindowUpdate(0, 10)
			for id := uint32(1); id < f.next; id += 2 {
				_ = f.framer.WriteWindowUpdate(id, 1)
			}
		},
		stays: true,
	},
	"closed window": {
		settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}},
		begin: func(f *frames) {
			for range 10 {
				f.open(true, "GET", "/large?size=1000000")
			}
		},
	},
	"window opened and closed": {
		begin: func(f *frames) {
			for range 10 {
				f.open(true, "GET", "/large?size=1000000")
			}
		},
		drip: func(f *frames) {
			for _, size := range []uint32{1 << 20, 0} { // a window may be below zero
				_ = f.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: size})
			}
		},
		stays: true,
	},
	"PING": {drip: func(f *frames) { _ = f.framer.WritePing(false, [8]byte{}) }},
	"half a head": {begin: func(f *frames) {
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head("GET", "/"), EndStream: true})
	}},
	"CONTINUATION": {
		begin: func(f *frames) {
			_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head("GET", "/"), EndStream: true})
		},
		drip: func(f *frames) { _ = f.framer.WriteContinuation(1, false, nil) },
	},
	"half a frame": {
		begin: func(f *frames) { f.out.Write([]byte{0, 1, 0, 0, 0, 0, 0, 0, 1}) }, // 256 bytes are to come
		drip:  func(f *frames) { f.out.WriteByte('x') },
	},
}

// TestSlowStreams has them for as long as they are let. Their streams must end in time, and
// so must the connections that have nothing else.
func TestSlowStreams(t *testing.T) {
	for name, slow := range slowStreams {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.under(func(time.Time) {
				s.overHTTP2(10, time.Time{}, slow.settings, func(f *frames) {
					f.listen()
					if slow.begin != nil {
						slow.begin(f)
						_ = f.flush()
					}
					streams := int(f.next / 2)
					began := time.Now()
					gone := func() bool { return f.closed(0) || slow.stays && f.endedStreams() >= streams }
					for !gone() && time.Since(began) < cutTime {
						if slow.drip != nil {
							slow.drip(f)
							_ = f.flush()
						}
						f.closed(100 * time.Millisecond)
					}
					if !gone() {
						t.Errorf("after %.1f s the client of %d streams is told: %s", time.Since(began).Seconds(), streams, f.heard())
					}
				})
			})
			if n := s.mirror.running.Load(); n > 0 {
				t.Errorf("%d requests are still with the target", n)
			}
		})
	}
}

// endedStreams counts the streams that the server has reset or answered.
func (f *frames) endedStreams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, times := range f.resets {
		n += times
	}
	for status, times := range f.statuses {
		if status >= "400" {
			n += times
		}
	}
	return n
}

// TestStreamsNeverRead has clients that ask for as much as they may and leave all of it in
// the network. Answers must not pile up, and in time the clients are cut.
func TestStreamsNeverRead(t *testing.T) {
	s := besiege(t)
	const connections, streams = 3, 128
	s.under(func(time.Time) {
		var all sync.WaitGroup
		relieved := make(chan struct{})
		all.Go(func() {
			s.attackers(connections, s.site.secure, []string{"h2"}, func(_ int, c net.Conn) {
				smallWindow(c)
				f := newFrames(c, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
				_ = f.framer.WriteWindowUpdate(0, 1<<31-1-65535)
				for range streams {
					f.open(true, "GET", "/large?size=100000000")
				}
				_ = f.flush()
				<-relieved
			})
		})
		s.Until("a client's requests with the target", func() bool { return s.mirror.large.Load() >= streams })
		began := time.Now()
		for s.mirror.large.Load() > 0 && time.Since(began) < cutTime {
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.mirror.large.Load(); n > 0 {
			t.Errorf("%d requests of clients that read nothing are still served after %v", n, time.Since(began))
		}
		close(relieved)
		all.Wait()
	})
}

// TestStreamsGivenUp begins uploads and downloads and leaves in the middle of them, by
// stream and by connection.
func TestStreamsGivenUp(t *testing.T) {
	s := besiege(t)
	s.under(func(until time.Time) {
		piece := bytes.Repeat([]byte("x"), 8<<10)
		s.overHTTP2(5, until, nil, func(f *frames) {
			f.listen()
			for range 50 {
				up, down := f.open(false, "POST", "/"), f.open(true, "GET", "/large?size=1000000")
				_ = f.framer.WriteData(up, false, piece[:100])
				if f.flush() != nil {
					break
				}
				_ = f.framer.WriteRSTStream(down, http2.ErrCodeCancel)
				if up%4 == 1 {
					_ = f.framer.WriteRSTStream(up, http2.ErrCodeCancel)
				}
			}
			_ = f.flush()
		})
	})
	s.Until("the target relieved", func() bool { return s.mirror.running.Load() == 0 })
}

// TestHTTP2ByForce speaks HTTP/2 where HTTP/1.1 was settled, and on the listener without TLS.
func TestHTTP2ByForce(t *testing.T) {
	s := besiege(t)
	s.under(func(time.Time) {
		for address, protocols := range s.doors() {
			s.attackers(20, address, protocols, func(i int, c net.Conn) {
				f := newFrames(c)
				f.open(true, "GET", "/")
				_ = f.flush()
				said, cut := ended(c, cutTime)
				if !cut || !bytes.HasPrefix(said, []byte("HTTP/1.1 505 ")) {
					t.Errorf("client %d of %s was told %.60q, cut %v", i, address, said, cut)
				}
			})
		}
	})
	if n := s.mirror.most.Load(); n > 8 {
		t.Error(fmt.Sprint(n, " requests at once came to the target"))
	}
}
