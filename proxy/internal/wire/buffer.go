package wire

import "sync"

// Sizes of the buffers in use.
const (
	// HeadSize holds all but the largest heads, and a request head with its small body.
	HeadSize = 16 << 10
	// BodySize is what a body is moved in when it cannot be spliced.
	BodySize = 64 << 10
)

// Buffer is a reusable block of memory.
type Buffer struct {
	Bytes []byte
}

// BufferPool hands out buffers of one size.
type BufferPool struct {
	pool sync.Pool
}

// Heads and Bodies are the process's buffers.
var (
	Heads  = newBufferPool(HeadSize)
	Bodies = newBufferPool(BodySize)
)

func newBufferPool(size int) *BufferPool {
	p := &BufferPool{}
	p.pool.New = func() any { return &Buffer{Bytes: make([]byte, size)} }
	return p
}

// Get returns a buffer; what it holds is undefined.
func (p *BufferPool) Get() *Buffer { return p.pool.Get().(*Buffer) }

// Put takes a buffer back. The caller keeps nothing that points into it.
func (p *BufferPool) Put(b *Buffer) { p.pool.Put(b) }
