package harness

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Field is one header or trailer field as it stood on the wire.
type Field struct{ Name, Value string }

// Fields are header fields in their order.
type Fields []Field

// Values returns the values of every field of that name, in any case.
func (f Fields) Values(name string) []string {
	var list []string
	for _, field := range f {
		if strings.EqualFold(field.Name, name) {
			list = append(list, field.Value)
		}
	}
	return list
}

// Get returns the value of the first field of that name; empty when there is none.
func (f Fields) Get(name string) string {
	if v := f.Values(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Names returns the names in their order and spelling.
func (f Fields) Names() []string {
	names := make([]string, len(f))
	for i := range f {
		names[i] = f[i].Name
	}
	return names
}

// recorder reads a connection and keeps what was read of the current message.
type recorder struct {
	*bufio.Reader
	wire bytes.Buffer
}

func newRecorder(r io.Reader) *recorder { return &recorder{Reader: bufio.NewReader(r)} }

// taken returns what was read since the last call.
func (r *recorder) taken() []byte {
	b := bytes.Clone(r.wire.Bytes())
	r.wire.Reset()
	return b
}

// line reads to the next LF and returns the line without CRLF, which it must end in.
func (r *recorder) line() (string, error) {
	b, err := r.ReadBytes('\n')
	r.wire.Write(b)
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		return "", fmt.Errorf("line %q does not end in CRLF", b)
	}
	return string(b[:len(b)-2]), nil
}

// fields reads header fields and the empty line behind them.
func (r *recorder) fields() (Fields, error) {
	var list Fields
	for {
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || line == "" {
			return list, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return list, fmt.Errorf("field line %q has no colon", line)
		}
		list = append(list, Field{name, strings.Trim(value, " \t")})
	}
}

// exactly reads n bytes.
func (r *recorder) exactly(n int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Reader, n))
	r.wire.Write(b)
	if err == nil && int64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// rest reads until the connection ends.
func (r *recorder) rest() ([]byte, error) {
	b, err := io.ReadAll(r.Reader)
	r.wire.Write(b)
	return b, err
}

// chunked reads a chunked body and its trailers.
func (r *recorder) chunked() (body []byte, trailers Fields, err error) {
	for {
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return body, nil, err
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil {
			return body, nil, fmt.Errorf("chunk size %q: %w", line, err)
		}
		if n == 0 {
			trailers, err = r.fields()
			return body, trailers, err
		}
		data, err := r.exactly(int64(n))
		body = append(body, data...)
		if err != nil {
			return body, nil, err
		}
		if end, err := r.line(); err != nil || end != "" {
			return body, nil, fmt.Errorf("chunk of %d bytes ends in %q: %w", n, end, errors.Join(err, io.ErrUnexpectedEOF))
		}
	}
}

// body reads the body that the fields announce. A message without length ends with the
// connection when untilClose holds and has no body otherwise.
func (r *recorder) body(f Fields, untilClose bool) (body []byte, trailers Fields, err error) {
	if te := f.Get("Transfer-Encoding"); te != "" {
		if !strings.EqualFold(te, "chunked") {
			return nil, nil, fmt.Errorf("transfer coding %q", te)
		}
		return r.chunked()
	}
	if length := f.Values("Content-Length"); len(length) > 0 {
		n, err := strconv.ParseInt(length[0], 10, 64)
		if err != nil || len(length) > 1 {
			return nil, nil, fmt.Errorf("content length %q", length)
		}
		body, err = r.exactly(n)
		return body, nil, err
	}
	if untilClose {
		body, err = r.rest()
	}
	return body, nil, err
}
