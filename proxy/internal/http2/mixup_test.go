package http2_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

// TestResetStreamsAreNotMixedUp resets streams wherever they are, more of them than there may
// be handlers. Handlers look after them in goroutines of their own, as uploads do, and what
// anybody sees of a stream is its own.
func TestResetStreamsAreNotMixedUp(t *testing.T) {
	const connections, each, streams = 4, 700, 8 // fewer than a client may cancel
	var all sync.WaitGroup
	for range connections {
		var watched atomic.Int64 // contexts that are to be told of
		p := meet(t, http2.Options{MaxStreams: streams}, func(x *exchange.Exchange) {
			own := string(x.Request.Fields[0].Value)
			derived, cancel := context.WithCancel(x.Client.(interface{ Context() context.Context }).Context())
			watched.Add(1)
			stop := context.AfterFunc(derived, func() { watched.Add(-1) })
			var body []byte
			var err error
			var reading sync.WaitGroup
			reading.Go(func() { body, err = io.ReadAll(reader{x.Client}) })
			if rand.IntN(4) == 0 {
				runtime.Gosched()
				x.Client.StopBody()
			}
			reading.Wait()
			if rest := bytes.ReplaceAll(body, []byte(own+";"), nil); err == nil && len(rest) > 0 {
				t.Errorf("the body of %s has %q", own, rest)
			}
			r := &x.Response
			r.Status, r.ContentLength = 200, exchange.Unknown
			_ = x.Client.WriteHead(r, []byte(own), true)
			_ = x.Client.WriteBody([]byte(own))
			_ = x.Client.Finish(nil)
			if string(x.Request.Fields[0].Value) != own {
				t.Errorf("the request of %s has become that of %s", own, x.Request.Fields[0].Value)
			}
			if stop() {
				watched.Add(-1)
			}
			cancel()
		})
		// A stream has a place until one side ends it.
		places := make(chan struct{}, streams)
		var open sync.Map
		end := func(id uint32) {
			if _, was := open.LoadAndDelete(id); was {
				<-places
			}
		}
		all.Go(func() {
			got := map[uint32]string{}
			for {
				f, err := p.ReadFrame()
				if err != nil {
					return
				}
				id := f.Header().StreamID
				if d, ok := f.(*xhttp2.DataFrame); ok {
					got[id] += string(d.Data())
					if own := strconv.Itoa(int(id)); d.StreamEnded() && got[id] != own+own {
						t.Errorf("the answer to %s is %q", own, got[id])
					}
				}
				if ended(id)(f) {
					end(id)
				}
			}
		})
		for i := range each {
			id := uint32(2*i + 1)
			own := strconv.Itoa(int(id))
			reset := func() bool {
				if rand.IntN(4) > 0 {
					return false
				}
				_ = p.WriteRSTStream(id, xhttp2.ErrCodeCancel)
				end(id)
				return true
			}
			places <- struct{}{}
			open.Store(id, true)
			p.open(id, false, p.fields(":method", "POST", ":scheme", "https", ":authority", "app.test", ":path", "/", "x-own", own))
			if reset() {
				continue
			}
			_ = p.WriteDataPadded(id, false, bytes.Repeat([]byte(own+";"), rand.IntN(1000)), make([]byte, rand.IntN(200)))
			if reset() {
				continue
			}
			_ = p.WriteData(id, true, []byte(own+";"))
			reset()
		}
		for range streams {
			places <- struct{}{}
		}
		_ = p.conn.Close()
		all.Wait()
		p.stop()
		for end := time.Now().Add(patience); watched.Load() != 0; { // those of streams that were reset run beside their handlers
			if runtime.Gosched(); time.Now().After(end) {
				t.Fatalf("%d handlers were not told", watched.Load())
			}
		}
	}
}
