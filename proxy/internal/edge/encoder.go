package edge

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

const (
	// maxEncoders bounds the answers that are compressed at a time, and so the memory for it: an
	// encoder has 1 to 2 MiB at level 6 and at most 3 MiB at level 9. Further answers go as they
	// are.
	maxEncoders = 256
	// maxWindow bounds how far back an encoder looks, which most of its memory is for: 256 KiB.
	// Answers are seldom larger.
	maxWindow = 256 << 10
	// windowBits is maxWindow as brotli counts.
	windowBits = 18
)

// codec compresses what is written to it.
type codec interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// qualities are brotli's and zstd's, by gzip's level: what costs about as much as that. None
// makes an encoder larger than maxEncoders says.
var qualities = [10]struct {
	brotli int
	zstd   zstd.EncoderLevel
}{
	1: {1, zstd.SpeedFastest}, 2: {2, zstd.SpeedFastest}, 3: {2, zstd.SpeedFastest},
	4: {3, zstd.SpeedDefault}, 5: {4, zstd.SpeedDefault}, 6: {4, zstd.SpeedDefault},
	7: {5, zstd.SpeedDefault}, 8: {5, zstd.SpeedDefault}, 9: {6, zstd.SpeedDefault},
}

// newCodec makes a codec. The level is in range, so that there is no error.
func newCodec(c coding, level int) codec {
	switch c {
	case codingBrotli:
		return brotli.NewWriterOptions(io.Discard, brotli.WriterOptions{Quality: qualities[level].brotli, LGWin: windowBits})
	case codingZstd:
		// One goroutine is the one that writes: no others are started.
		w, _ := zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(qualities[level].zstd), zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		return w
	default:
		w, _ := gzip.NewWriterLevel(io.Discard, level)
		return w
	}
}

// encoders are the encoders of one edge, which are reused.
type encoders struct {
	pools [codings]sync.Pool
	used  atomic.Int64
}

func newEncoders(level int) *encoders {
	e := &encoders{}
	for c := range e.pools {
		e.pools[c].New = func() any { return &encoder{coding: coding(c), codec: newCodec(coding(c), level)} }
	}
	return e
}

// get returns an encoder, or nil when too many are in use.
func (e *encoders) get(c coding) *encoder {
	if e.used.Add(1) > maxEncoders {
		e.used.Add(-1)
		return nil
	}
	enc := e.pools[c].Get().(*encoder)
	enc.buffer = wire.Bodies.Get()
	enc.codec.Reset(enc)
	return enc
}

func (e *encoders) put(enc *encoder) {
	wire.Bodies.Put(enc.buffer)
	c, k := enc.coding, enc.codec
	*enc = encoder{coding: c, codec: k}
	e.pools[c].Put(enc)
	e.used.Add(-1)
}

// encoder is a codec with what it has made.
type encoder struct {
	coding coding
	codec  codec
	buffer *wire.Buffer
	n      int // of the buffer is filled
	// emit takes what is in the buffer, when that is full.
	emit func(p []byte) error
}

// Write takes what the codec has made.
func (e *encoder) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if e.n == len(e.buffer.Bytes) {
			if err := e.drain(); err != nil {
				return 0, err
			}
		}
		n := copy(e.buffer.Bytes[e.n:], p)
		e.n += n
		p = p[n:]
	}
	return total, nil
}

// drain gives away what is in the buffer.
func (e *encoder) drain() error {
	made := e.made()
	e.n = 0
	return e.emit(made)
}

func (e *encoder) made() []byte { return e.buffer.Bytes[:e.n] }
