package http2

import (
	"io"

	"golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// input reads frames. While nothing is on its way it holds no buffer, which is what makes
// an idle connection cheap.
type input struct {
	conn  io.Reader
	buf   *wire.Buffer
	r, w  int
	first [frameHeaderSize]byte
	// quiet is called before every wait.
	quiet func()
}

// next returns a frame, whose payload is valid until it is called again.
func (in *input) next() (frameHeader, []byte, error) {
	for {
		if in.w-in.r >= frameHeaderSize {
			h := parseFrameHeader(in.buf.Bytes[in.r:])
			if h.length > frameSize {
				return h, nil, http2.ConnectionError(http2.ErrCodeFrameSize)
			}
			if end := in.r + frameHeaderSize + h.length; end <= in.w {
				payload := in.buf.Bytes[in.r+frameHeaderSize : end]
				in.r = end
				return h, payload, nil
			}
		}
		if err := in.fill(); err != nil {
			return frameHeader{}, nil, err
		}
	}
}

// skip takes exactly what is expected, or fails.
func (in *input) skip(expected string) error {
	for in.w-in.r < len(expected) {
		if err := in.fill(); err != nil {
			return err
		}
	}
	if string(in.buf.Bytes[in.r:in.r+len(expected)]) != expected {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	in.r += len(expected)
	return nil
}

// fill waits for more.
func (in *input) fill() error {
	in.quiet()
	if in.r == in.w {
		in.release()
		n, err := in.conn.Read(in.first[:])
		if n == 0 {
			return noProgress(err)
		}
		in.buf = wire.Bodies.Get()
		in.r, in.w = 0, copy(in.buf.Bytes, in.first[:n])
		return nil
	}
	if len(in.buf.Bytes)-in.r < frameHeaderSize+frameSize {
		in.r, in.w = 0, copy(in.buf.Bytes, in.buf.Bytes[in.r:in.w])
	}
	n, err := in.conn.Read(in.buf.Bytes[in.w:])
	in.w += n
	if n == 0 {
		return noProgress(err)
	}
	return nil
}

func noProgress(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// release gives the buffer back; what was in it is gone.
func (in *input) release() {
	if in.buf != nil {
		wire.Bodies.Put(in.buf)
		in.buf = nil
	}
	in.r, in.w = 0, 0
}
