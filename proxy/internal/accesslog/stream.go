package accesslog

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushSize is how much one shard collects before it is written ahead of flushInterval.
	flushSize = 64 << 10
	// flushInterval bounds how long a line stays in memory while its file takes writes.
	flushInterval = 100 * time.Millisecond
	// maxPending bounds what one shard holds for a file that does not keep up.
	maxPending = 1 << 20
	// keepCapacity bounds the memory that an empty shard keeps after a burst.
	keepCapacity = 4 * flushSize
	// closeTimeout bounds how long Close waits for a file to take what is pending.
	closeTimeout = 2 * time.Second
	// complainInterval is the least time between two reports of the same file.
	complainInterval = time.Minute
)

// stream is one log file with the lines on their way to it.
type stream struct {
	out    output
	logger *slog.Logger
	shards []shard
	mask   uint32

	wake chan struct{} // a shard has reached flushSize
	quit chan struct{}
	done chan struct{} // the flusher has returned

	// lost counts lines that were taken but could not be written.
	lost atomic.Uint64

	// Of the flusher alone.
	spare      []byte
	complained time.Time
	failed     error
}

// shard collects lines of some of the connections.
type shard struct {
	mu      sync.Mutex
	pending []byte // guarded by mu
	stamps  stamps // guarded by mu
	closed  bool   // guarded by mu
	refused uint64 // lines dropped for want of room, guarded by mu
	// Shards are next to each other in memory; without this they would share cache lines.
	_ [128]byte
}

// openStream opens path and starts its flusher.
func openStream(path string, logger *slog.Logger) (*stream, error) {
	out, err := openOutput(path)
	if err != nil {
		return nil, err
	}
	return startStream(out, logger), nil
}

func startStream(out output, logger *slog.Logger) *stream {
	n := 1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1))
	s := &stream{
		out:    out,
		logger: logger,
		shards: make([]shard, n),
		mask:   uint32(n - 1),
		wake:   make(chan struct{}, 1),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go s.flushLoop()
	return s
}

// begin locks the shard that n picks for one line to be appended to its pending bytes. It
// returns nil when the line has to be dropped; it has been counted then.
func (s *stream) begin(n uint32) *shard {
	sh := &s.shards[n&s.mask]
	sh.mu.Lock()
	if len(sh.pending) > maxPending || sh.closed {
		sh.refused++
		sh.mu.Unlock()
		return nil
	}
	return sh
}

// end unlocks the shard.
func (s *stream) end(sh *shard) {
	full := len(sh.pending) >= flushSize
	sh.mu.Unlock()
	if full {
		select {
		case s.wake <- struct{}{}:
		default: // the flusher has been told already
		}
	}
}

func (s *stream) dropped() uint64 {
	n := s.lost.Load()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += sh.refused
		sh.mu.Unlock()
	}
	return n
}

func (s *stream) reopen() error { return s.out.reopen() }

// stop makes the flusher write what is pending and end; wait waits for that.
func (s *stream) stop() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		closed := sh.closed
		sh.closed = true
		sh.mu.Unlock()
		if closed {
			return
		}
	}
	close(s.quit)
}

func (s *stream) wait() error {
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-s.done:
		return s.failed
	case <-timeout.C:
		return fmt.Errorf("write %s: the file took nothing for %s; its last lines are lost", s.out.name(), closeTimeout)
	}
}

// flushLoop writes the shards out until quit.
func (s *stream) flushLoop() {
	defer close(s.done)
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.flush()
		case <-s.wake:
			s.flush()
		case <-s.quit:
			s.failed = nil // what went wrong earlier has been counted and said
			s.flush()
			if err := s.out.close(); err != nil && s.failed == nil {
				s.failed = err
			}
			return
		}
	}
}

// flush writes what every shard has collected, one write for each.
func (s *stream) flush() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		lines := sh.pending
		if len(lines) > 0 {
			sh.pending = s.spare[:0]
		}
		sh.mu.Unlock()
		if len(lines) == 0 {
			continue
		}
		s.write(lines)
		s.spare = lines
		if cap(lines) > keepCapacity {
			s.spare = nil
		}
	}
}

func (s *stream) write(lines []byte) {
	n, err := s.out.write(lines)
	if err == nil {
		return
	}
	s.failed = err
	s.lost.Add(uint64(bytes.Count(lines[n:], newline)))
	if now := time.Now(); s.complained.IsZero() || now.Sub(s.complained) >= complainInterval {
		s.complained = now
		s.logger.Error("log lines are lost", "path", s.out.name(), "error", err, "lost", s.lost.Load())
	}
}

var newline = []byte{'\n'}
