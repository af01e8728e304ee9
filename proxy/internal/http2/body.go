package http2

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"sync"
	"sync/atomic"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// requestBody is the client's request body as x/net/http2 reads it, in a goroutine of its
// own that may outlive the answer.
type requestBody struct {
	attempt *attempt
	trailer http.Header
	sent    atomic.Int64

	mu      sync.Mutex
	idle    sync.Cond
	begun   bool
	reading bool
	closed  bool
	ended   bool
	err     error
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	b.begun, b.reading = true, true
	b.mu.Unlock()

	n, err := b.attempt.client.ReadBody(p)
	if n > 0 {
		b.sent.Add(int64(n))
		b.attempt.wait.progress()
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	if b.idle.L != nil {
		b.idle.Broadcast()
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if !b.ended && !b.closed && b.trailer != nil {
			for _, f := range b.attempt.client.Trailers() {
				key := headerKey(f)
				b.trailer[key] = append(b.trailer[key], string(f.Value))
			}
		}
		b.ended = true
	default:
		if !b.closed && b.err == nil {
			b.err = err
		}
	}
	return n, err
}

// Close implements io.Closer: a Read that waits for the client returns.
func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.reading {
		b.attempt.client.StopBody()
	}
	return nil
}

// stop ends reading for good and waits until no Read is in the client any more.
func (b *requestBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.idle.L == nil {
		b.idle.L = &b.mu
	}
	if b.reading {
		b.attempt.client.StopBody()
	}
	for b.reading {
		b.idle.Wait()
	}
}

// waiting reports whether the client is being waited for.
func (b *requestBody) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reading
}

// sending reports whether it is the target's turn to take what was read of the client.
func (b *requestBody) sending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.begun && !b.reading && !b.ended && !b.closed
}

// failure returns what went wrong on the client's side, if anything.
func (b *requestBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// maxInterim bounds the 1xx answers that wait to be sent on.
const maxInterim = 8

// interim sends the target's 1xx answers on. They come in on the goroutine that reads the
// target's connection for all exchanges, which must not wait for this client.
type interim struct {
	client exchange.Client

	mu      sync.Mutex
	done    sync.WaitGroup
	queue   []*exchange.Response
	running bool
	stopped bool
	some    bool
}

// add is httptrace's hook.
func (i *interim) add(code int, header textproto.MIMEHeader) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped || len(i.queue) >= maxInterim {
		return nil
	}
	r := &exchange.Response{Status: code, Version: exchange.HTTP2, NoBody: true}
	for name, values := range header {
		for _, v := range values {
			f := exchange.Field{Name: []byte(name), Value: []byte(v)}
			f.ID = exchange.Identify(f.Name)
			r.Fields = append(r.Fields, f)
		}
	}
	i.queue = append(i.queue, r)
	i.some = true
	if !i.running {
		i.running = true
		i.done.Go(i.send)
	}
	return nil
}

func (i *interim) send() {
	for {
		i.mu.Lock()
		if len(i.queue) == 0 {
			i.running = false
			i.mu.Unlock()
			return
		}
		r := i.queue[0]
		i.queue = i.queue[1:]
		i.mu.Unlock()
		if err := i.client.WriteInterim(r); err != nil {
			return
		}
	}
}

// stop takes no more and waits until those taken are sent, so that the final head comes
// after them. It reports whether there were any.
func (i *interim) stop() bool {
	i.mu.Lock()
	i.stopped = true
	sent := i.some
	i.mu.Unlock()
	i.done.Wait()
	return sent
}
