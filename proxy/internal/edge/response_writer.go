package edge

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

const (
	// maxRanges bounds the parts of one answer. For more, which nobody needs, the answer is the
	// whole file, so that a small request does not make a great many small reads.
	maxRanges = 32
	// sendChunk bounds what of a file the kernel sends under one deadline: a client must take
	// that much within two idle timeouts.
	sendChunk = 128 << 10
)

// conditionFields are what net/http decides by.
var conditionFields = []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"}

// conditions is the request as far as http.ServeContent looks at it.
func conditions(r *exchange.Request) *http.Request {
	q := &http.Request{Method: string(r.Method), Header: http.Header{}}
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID != exchange.FieldOther {
			continue
		}
		for _, name := range conditionFields {
			if !exchange.EqualFold(f.Name, name) {
				continue
			}
			value := string(f.Value)
			if before := q.Header.Get(name); before != "" {
				value = before + ", " + value
			}
			q.Header.Set(name, value)
		}
	}
	// A range is for GET alone (RFC 9110, 14.2).
	if ranges := q.Header.Get("Range"); q.Method != http.MethodGet || commas(ranges) >= maxRanges {
		q.Header.Del("Range")
	}
	return q
}

func commas(s string) (n int) {
	for i := range len(s) {
		if s[i] == ',' {
			n++
		}
	}
	return n
}

// responseWriter lets a handler of net/http answer an exchange. It holds no more than one
// buffer, and that only while it writes.
type responseWriter struct {
	x      *exchange.Exchange
	o      *exchange.Origin
	header http.Header
	// size is the whole file's.
	size int64

	status   int
	refused  bool // the load balancer makes the answer
	headSent bool
	more     bool  // the head said that more of the body follows
	promised int64 // the body's size
	written  int64
	err      error
}

var _ io.ReaderFrom = (*responseWriter)(nil)

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. The head goes out with the first of the body.
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if status >= http.StatusBadRequest {
		w.refused = true
		if value := w.header.Get("Content-Range"); value != "" {
			addField(w.x, exchange.Field{Name: nameContentRange, Value: w.x.Arena.CopyString(value)})
		}
		return
	}
	if status == http.StatusOK && w.header.Get("Content-Length") == "" {
		// ServeContent leaves it out with a Content-Encoding, for the sake of those that compress
		// what it writes.
		w.header.Set("Content-Length", strconv.FormatInt(w.size, 10))
	}
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
		w.promised = n
	}
	if string(w.x.Request.Method) == http.MethodHead {
		w.promised = 0
	}
}

// sendHead writes the head with the first of the body.
func (w *responseWriter) sendHead(first []byte) error {
	w.headSent = true
	x := w.x
	r := &x.Response
	*r = exchange.Response{
		Status:        w.status,
		Reason:        []byte(http.StatusText(w.status)),
		Version:       exchange.HTTP11,
		Fields:        r.Fields[:0],
		ContentLength: w.promised,
		NoBody:        string(x.Request.Method) == http.MethodHead || w.status == http.StatusNotModified,
	}
	add := func(name, value string) {
		f := exchange.Field{Name: []byte(name), Value: []byte(value)}
		f.ID = exchange.Identify(f.Name)
		r.Fields = append(r.Fields, f)
	}
	if w.o.Server != "" {
		add(exchange.FieldServer.String(), w.o.Server)
	}
	add(exchange.FieldDate.String(), string(w.o.Date))
	for _, name := range slices.Sorted(maps.Keys(w.header)) {
		for _, value := range w.header[name] {
			add(name, value)
		}
	}
	r.Fields = append(r.Fields, w.o.Managed...)
	x.Record.Status = w.status
	w.written += int64(len(first))
	w.more = w.written < w.promised
	w.err = x.Client.WriteHead(r, first, w.more)
	return w.err
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.refused {
		return len(p), nil
	}
	if w.err != nil {
		return 0, w.err
	}
	if !w.headSent {
		if err := w.sendHead(p); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if w.err = w.x.Client.WriteBody(p); w.err != nil {
		return 0, w.err
	}
	w.written += int64(len(p))
	return len(p), nil
}

// fileSender is a client whose connection can take a file inside the kernel.
type fileSender interface {
	Spliceable() bool
	SendFile(f *os.File, n int64) (int64, error)
}

// ReadFrom implements io.ReaderFrom: a body goes through one buffer, or from the file to the
// socket without one.
func (w *responseWriter) ReadFrom(src io.Reader) (total int64, err error) {
	b := wire.Bodies.Get()
	defer wire.Bodies.Put(b)
	for {
		if limited, file := fileOf(src); file != nil && w.headSent {
			if to, ok := w.x.Client.(fileSender); ok && to.Spliceable() {
				n, err := w.sendFile(to, file, limited.N)
				limited.N -= n
				return total + n, err
			}
		}
		n, rerr := src.Read(b.Bytes)
		if n > 0 {
			if _, err := w.Write(b.Bytes[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if errors.Is(rerr, io.EOF) {
			return total, nil
		}
		if rerr != nil {
			w.err = rerr
			return total, rerr
		}
	}
}

// fileOf returns the file that is read, and how much of it.
func fileOf(src io.Reader) (*io.LimitedReader, *os.File) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return nil, nil
	}
	file, _ := limited.R.(*os.File)
	return limited, file
}

// sendFile sends n bytes of the file from where it stands.
func (w *responseWriter) sendFile(to fileSender, file *os.File, n int64) (sent int64, err error) {
	for sent < n {
		m, err := to.SendFile(file, min(n-sent, sendChunk))
		sent += m
		w.written += m
		if err != nil {
			w.err = err
			return sent, err
		}
		if m == 0 {
			return sent, nil // the file has become shorter
		}
	}
	return sent, nil
}

// finish ends the answer and returns the status of the one that the load balancer has to make
// itself, or 0.
func (w *responseWriter) finish() int {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.refused {
		return w.status
	}
	if !w.headSent && w.promised == 0 && w.err == nil {
		_ = w.sendHead(nil)
	}
	if !w.headSent {
		return http.StatusServiceUnavailable // the file cannot be read, or has become shorter
	}
	if w.err == nil && w.written == w.promised && w.more {
		w.err = w.x.Client.Finish(nil)
	}
	if w.err != nil || w.written != w.promised {
		w.x.Client.Abort()
	}
	return 0
}
