//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// atATime is how many streams or frames an attacker sends in one piece.
const atATime = 100

// TestRapidReset opens streams and takes them back at once (CVE-2023-44487). The client is
// told off and cut.
func TestRapidReset(t *testing.T) {
	s := besiege(t)
	connections := 0
	s.under(func(until time.Time) {
		connections = s.overHTTP2(5, until, nil, func(f *frames) {
			f.listen()
			_ = f.SetWriteDeadline(time.Now().Add(cutTime))
			for !f.closed(0) {
				for range atATime {
					_ = f.framer.WriteRSTStream(f.open(true, "GET", "/slow?ms=500"), http2.ErrCodeCancel)
				}
				if f.flush() != nil {
					break
				}
			}
			if !f.closed(time.Second) {
				t.Errorf("a client is still there after it took back %d requests; it was told: %s", f.next/2, f.heard())
			}
		})
	})
	s.boundedAtTarget(connections)
}

// boundedAtTarget holds what the target had to do at once to what so many connections may.
func (s *siege) boundedAtTarget(connections int) {
	s.t.Helper()
	const streams, good = 128, 10 // an ALB's limit, and the clients that mean well
	most := s.mirror.most.Load()
	s.t.Logf("%d requests came to the target, %d at once", s.mirror.requests.Load(), most)
	if most > int64(connections*streams+good) {
		s.t.Errorf("the target had %d requests at once of %d connections", most, connections)
	}
}

// provocations make a server reset a stream that the client leaves open (MadeYouReset,
// CVE-2025-8671): the server must not forget that it still works on it.
var provocations = map[string]func(f *frames, id uint32){
	"window of nothing":  func(f *frames, id uint32) { _ = f.framer.WriteWindowUpdate(id, 0) },
	"window too large":   func(f *frames, id uint32) { _ = f.framer.WriteWindowUpdate(id, 1<<31-1) },
	"data after the end": func(f *frames, id uint32) { _ = f.framer.WriteData(id, true, []byte("x")) },
	"priority of itself": func(f *frames, id uint32) { _ = f.framer.WritePriority(id, http2.PriorityParam{StreamDep: id}) },
	"short priority":     func(f *frames, id uint32) { _ = f.framer.WriteRawFrame(http2.FramePriority, 0, id, []byte("x")) },
	"head after the end": func(f *frames, id uint32) {
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head("GET", "/"), EndHeaders: true, EndStream: true})
	},
	"reset of no length":  func(f *frames, id uint32) { _ = f.framer.WriteRawFrame(http2.FrameRSTStream, 0, id, nil) },
	"window of no length": func(f *frames, id uint32) { _ = f.framer.WriteRawFrame(http2.FrameWindowUpdate, 0, id, nil) },
}

func TestProvokedReset(t *testing.T) {
	for name, provoke := range provocations {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			connections := 0
			s.under(func(until time.Time) {
				connections = s.overHTTP2(3, until, nil, func(f *frames) {
					f.listen()
					for time.Now().Before(until) {
						for range atATime {
							provoke(f, f.open(true, "GET", "/slow?ms=500"))
						}
						if f.flush() != nil {
							break
						}
					}
				})
			})
			s.boundedAtTarget(connections)
		})
	}
}

// headFloods are request heads without an end, or with more in them than they look.
var headFloods = map[string]func(f *frames, until time.Time){
	"CONTINUATION": func(f *frames, until time.Time) {
		id := f.next
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head("GET", "/")})
		more := bytes.Clone(f.head("GET", "/", "x-a", strings.Repeat("b", 8000))[8:])
		for time.Now().Before(until) {
			for range atATime {
				_ = f.framer.WriteContinuation(id, false, more)
			}
			if f.flush() != nil {
				return
			}
		}
	},
	"empty CONTINUATION": func(f *frames, until time.Time) {
		id := f.next
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head("GET", "/")})
		for time.Now().Before(until) {
			for range 10 * atATime {
				_ = f.framer.WriteContinuation(id, false, nil)
			}
			if f.flush() != nil {
				return
			}
		}
	},
	// A field of 4 KiB goes into the table and is then named by one byte, again and again.
	"HPACK bomb": func(f *frames, until time.Time) {
		big := strings.Repeat("b", 4000)
		for time.Now().Before(until) {
			block := bytes.Clone(f.head("GET", "/", "x-bomb", big))
			block = append(block, bytes.Repeat([]byte{0x80 | 62}, 16<<10-len(block))...) // 62: the newest entry
			id := f.next
			f.next += 2
			_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
			if f.flush() != nil {
				return
			}
		}
	},
	"large list": func(f *frames, until time.Time) {
		for time.Now().Before(until) {
			id := f.next
			f.next += 2
			_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head("GET", "/"), EndStream: true})
			for i := range 16 {
				more := f.head("GET", "/", fmt.Sprintf("x-%d", i), strings.Repeat("ü", 7000))[8:]
				_ = f.framer.WriteContinuation(id, i == 15, more)
			}
			if f.flush() != nil {
				return
			}
		}
	},
	"many fields": func(f *frames, until time.Time) {
		var pairs []string
		for range 1500 {
			pairs = append(pairs, "cookie", "a=b")
		}
		for time.Now().Before(until) {
			f.open(true, "GET", "/", pairs...)
			if f.flush() != nil {
				return
			}
		}
	},
	"table size": func(f *frames, until time.Time) {
		for time.Now().Before(until) {
			id := f.next
			f.next += 2
			block := append([]byte{0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f}, f.head("GET", "/")...) // a table of 4 GiB
			_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
			if f.flush() != nil {
				return
			}
		}
	},
}

func TestHeadFloods(t *testing.T) {
	for name, flood := range headFloods {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.under(func(until time.Time) {
				s.overHTTP2(5, until, nil, func(f *frames) {
					f.listen()
					flood(f, until)
				})
			})
		})
	}
}

// frameFloods are frames that cost a server more than their sender.
var frameFloods = map[string]func(f *frames){
	"SETTINGS": func(f *frames) { _ = f.framer.WriteSettings() },
	"SETTINGS that change": func(f *frames) {
		_ = f.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<30 + f.next})
		f.next += 2
	},
	"PING":     func(f *frames) { _ = f.framer.WritePing(false, [8]byte{}) },
	"PRIORITY": func(f *frames) { f.next += 2; _ = f.framer.WritePriority(f.next, http2.PriorityParam{StreamDep: 1}) },
	"unknown":  func(f *frames) { _ = f.framer.WriteRawFrame(0xfe, 0, 0, nil) },
	"window of the connection": func(f *frames) {
		_ = f.framer.WriteWindowUpdate(0, 1)
	},
	"empty DATA": func(f *frames) {
		if f.next == 1 {
			f.open(false, "POST", "/")
		}
		_ = f.framer.WriteData(1, false, nil)
	},
	"padding": func(f *frames) {
		if f.next == 1 {
			f.open(false, "POST", "/")
		}
		_ = f.framer.WriteDataPadded(1, false, nil, make([]byte, 200))
	},
}

// TestFrameFloods sends each of them, with and without reading what the server says to it.
func TestFrameFloods(t *testing.T) {
	for name, frame := range frameFloods {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s reads %v", name, reads), func(t *testing.T) {
				s := besiege(t)
				s.under(func(until time.Time) {
					s.overHTTP2(5, until, nil, func(f *frames) {
						if reads {
							f.listen()
						}
						_ = f.SetWriteDeadline(until)
						for time.Now().Before(until) {
							for range 10 * atATime {
								frame(f)
							}
							if f.flush() != nil {
								return
							}
						}
					})
				})
			})
		}
	}
}
