package http1

import "github.com/evenkeel/evenkeel/proxy/internal/exchange"

const (
	// maxChunkDigits bounds the digits of a chunk's size, leading zeros with them.
	maxChunkDigits = 16
	// maxChunkExt bounds the extensions of one chunk, in bytes with their semicolon.
	maxChunkExt = 256
	// freeChunkLine is how much of a chunk's line, in bytes with CRLF, is not held against it.
	freeChunkLine = 16
	// maxChunkWaste bounds in bytes what a body may spend on chunk lines beyond that, less
	// twice its data: else a body of next to nothing could keep a reader busy for ever.
	maxChunkWaste = 16 << 10
)

// chunkState says which byte comes next.
type chunkState uint8

const (
	chunkSize  chunkState = iota // of the line before the data
	chunkExt                     // the rest of that line
	chunkLF                      // the end of that line
	chunkData                    // left bytes of data
	chunkAfter                   // the CR after the data
	chunkEnd                     // the LF after that
	chunkTrailer
	chunkDone
	chunkFailed
)

// ChunkDecoder takes the chunked transfer coding off a body (RFC 9112, 7.1). Its zero value
// is ready for the first.
type ChunkDecoder struct {
	state  chunkState
	digits uint8
	last   byte  // the byte before, within extensions
	ext    int   // bytes of extensions in this line
	left   int64 // the chunk's size, then what is still to come of its data
	waste  int64
	err    error
	trailerSection
}

// Reset makes the decoder ready for another body. What Trailers returned is no longer valid.
func (d *ChunkDecoder) Reset() {
	t := d.trailerSection
	t.reset()
	*d = ChunkDecoder{trailerSection: t}
}

// Done reports whether the body has ended, trailers included.
func (d *ChunkDecoder) Done() bool { return d.state == chunkDone }

// Decode takes bytes from the front of buf. It returns a piece of the body, which lies
// within buf[:used] and may be empty, and how many bytes it took: at least one, unless buf
// is empty or the body is at its end. What comes after the body is left alone. The error is
// an *[Error] with status 400; after one there are only errors.
func (d *ChunkDecoder) Decode(buf []byte) (data []byte, used int, err error) {
	if d.state == chunkFailed {
		return nil, 0, d.err
	}
	for used < len(buf) {
		switch d.state {
		case chunkData:
			if data != nil {
				return data, used, nil // one piece at a time
			}
			n := int(min(d.left, int64(len(buf)-used)))
			data = buf[used : used+n : used+n]
			used += n
			if d.left -= int64(n); d.left == 0 {
				d.state = chunkAfter
			}
			continue
		case chunkDone:
			return data, used, nil
		default: // framing
		}
		if err := d.step(buf[used]); err != nil {
			d.state, d.err = chunkFailed, err
			if data != nil {
				return data, used, nil // the next call, for which the bad byte stays, fails
			}
			return nil, used, err
		}
		used++
	}
	return data, used, nil
}

// step takes one byte of framing.
func (d *ChunkDecoder) step(c byte) error {
	switch d.state {
	case chunkSize:
		return d.size(c)
	case chunkExt:
		return d.extension(c)
	case chunkLF:
		if c != '\n' {
			return errChunkLine
		}
		return d.begin()
	case chunkAfter:
		if c != '\r' {
			return errChunkEnd
		}
		d.state = chunkEnd
	case chunkEnd:
		if c != '\n' {
			return errChunkEnd
		}
		d.state, d.left, d.digits, d.ext = chunkSize, 0, 0, 0
	case chunkTrailer:
		ended, err := d.add(c)
		if err != nil {
			return err
		}
		if ended {
			d.state = chunkDone
		}
	default: // no framing
	}
	return nil
}

// size takes a byte of the chunk's size: 1*HEXDIG, and nothing before or after it but an
// extension.
func (d *ChunkDecoder) size(c byte) error {
	var digit int64
	switch {
	case c >= '0' && c <= '9':
		digit = int64(c - '0')
	case c >= 'a' && c <= 'f':
		digit = int64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		digit = int64(c-'A') + 10
	case d.digits == 0:
		return errChunkSize
	case c == '\r':
		d.state = chunkLF
		return nil
	case c == ';':
		d.state, d.ext, d.last = chunkExt, 1, c
		return nil
	default:
		return errChunkSize
	}
	if d.digits == maxChunkDigits || d.left>>59 != 0 {
		return errChunkLarge
	}
	d.digits++
	d.left = d.left<<4 | digit
	return nil
}

// extension takes a byte of the chunk's extensions, which nobody reads.
func (d *ChunkDecoder) extension(c byte) error {
	switch {
	case c == '\r':
		if d.last == ';' {
			return errChunkExt
		}
		d.state = chunkLF
		return nil
	case octets[c]&octetText == 0:
		return errChunkExt
	}
	if d.ext++; d.ext > maxChunkExt {
		return errChunkExtLong
	}
	if !isSpace(c) {
		d.last = c
	}
	return nil
}

// begin starts on the chunk whose line has ended.
func (d *ChunkDecoder) begin() error {
	// Sizes are clipped so that the sum cannot overflow: more credit than the limit is none.
	size := min(d.left, maxChunkWaste)
	d.waste = max(0, d.waste+int64(d.digits)+int64(d.ext)+int64(len("\r\n"))-freeChunkLine-2*size)
	if d.waste > maxChunkWaste {
		return errChunkWaste
	}
	d.state = chunkData
	if d.left == 0 {
		d.state = chunkTrailer
	}
	return nil
}

// Trailers returns the fields after the body once Done holds, without those that may not
// come there. They are valid until Reset.
func (d *ChunkDecoder) Trailers() []exchange.Field {
	if d.state != chunkDone {
		return nil
	}
	return d.fields
}
