package http1

import "bytes"

// lines finds the lines of a head in a buffer that grows, and may move, from call to call.
// It keeps offsets only and looks at no byte twice.
type lines struct {
	start    int // where the current line begins
	searched int // how far the current line has been searched for its end
	count    int // complete lines so far
}

// next returns where the next complete line begins and ends, without its end. strict says
// that it ended in CRLF and not in a lone LF.
func (l *lines) next(buf []byte) (start, end int, strict, ok bool) {
	i := bytes.IndexByte(buf[l.searched:], '\n')
	if i < 0 {
		l.searched = len(buf)
		return 0, 0, false, false
	}
	start, end = l.start, l.searched+i
	l.start, l.searched = end+1, end+1
	l.count++
	if end > start && buf[end-1] == '\r' {
		return start, end - 1, true, true
	}
	return start, end, false, true
}

// partial returns what there is of the line that is not complete, without a CR that may
// turn out to end it.
func (l *lines) partial(buf []byte) []byte {
	line := buf[l.start:]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
