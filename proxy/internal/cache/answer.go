package cache

import (
	"bytes"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// cacheStatus is the field that says what became of a request in the cache.
const cacheStatus = "X-Cache-Status"

// timeFormat is that of Date.
const timeFormat = http.TimeFormat

// dateSize is the size of a date in it.
const dateSize = len(timeFormat)

var (
	reasonNotModified = []byte(http.StatusText(http.StatusNotModified))

	nameCacheStatus  = []byte(cacheStatus)
	nameDate         = []byte(exchange.FieldDate.String())
	nameAge          = []byte("Age")
	nameOrigin       = []byte("Origin")
	nameLength       = []byte(exchange.FieldContentLength.String())
	nameContentRange = []byte("Content-Range")
	nameNoneMatch    = []byte("If-None-Match")
	nameModified     = []byte("If-Modified-Since")

	statusValues = func() (t [statusCount][]byte) {
		for i := range t {
			t[i] = []byte(Status(i).String())
		}
		return t
	}()
)

// writePiece bounds what is given to the client at once, and so what it must take within
// one idle timeout.
const writePiece = 64 << 10

// answer answers the visit's request with an entry, and lets go of it.
func (v *visit) answer(e *entry, s Status) int {
	defer e.release()
	now := time.Now()
	x := v.x
	v.count(s)
	if e.status == http.StatusOK && v.unchanged(e.etag, e.lastModified) {
		x.Record.Status = http.StatusNotModified
		if err := v.writeNotModified(e.fields, e, s); err != nil {
			x.Client.Abort()
		}
		return 0
	}
	body, status := e.body, e.status
	x.Response = exchange.Response{Fields: append(x.Response.Fields[:0], e.fields...), Version: exchange.HTTP11}
	if e.status == http.StatusOK && len(v.byteRange) > 0 && !v.head && e.inRange(v.ifRange) {
		first, n, ok := readRange(v.byteRange, int64(len(body)))
		switch {
		case ok && n == 0:
			status, body = http.StatusRequestedRangeNotSatisfiable, nil
			v.add(nameContentRange, strconv.AppendInt(append(x.Arena.Begin(), "bytes */"...), int64(len(e.body)), 10))
		case ok:
			status, body = http.StatusPartialContent, body[first:first+n]
			b := strconv.AppendInt(append(x.Arena.Begin(), "bytes "...), first, 10)
			b = strconv.AppendInt(append(b, '-'), first+n-1, 10)
			v.add(nameContentRange, strconv.AppendInt(append(b, '/'), int64(len(e.body)), 10))
		}
	}
	r := &x.Response
	r.Status, r.Reason, r.ContentLength = status, e.reason, int64(len(body))
	if status != e.status {
		r.Reason = x.Arena.CopyString(http.StatusText(status))
	}
	r.NoBody = v.head || status == http.StatusNoContent
	if status != http.StatusNoContent {
		v.add(nameLength, strconv.AppendInt(x.Arena.Begin(), r.ContentLength, 10))
		r.Fields[len(r.Fields)-1].ID = exchange.FieldContentLength
	}
	if r.NoBody {
		body = nil
	}
	v.addOurs(r, e, s, now)
	x.Record.Status = status
	if !v.silent {
		v.shard.served.Add(uint64(len(body)))
	}
	if err := v.write(r, body); err != nil {
		x.Client.Abort()
	}
	return 0
}

// add adds a field to the answer; value is one that was begun in the arena.
func (v *visit) add(name, value []byte) {
	v.x.Response.Fields = append(v.x.Response.Fields, exchange.Field{Name: name, Value: v.x.Arena.End(value)})
}

// addOurs adds the fields that every answer from the cache has.
func (v *visit) addOurs(r *exchange.Response, e *entry, s Status, now time.Time) {
	r.Fields = append(r.Fields, exchange.Field{Name: nameAge, Value: v.x.Arena.End(e.appendAge(v.x.Arena.Begin(), now))})
	r.Fields = append(r.Fields, v.origin.Managed...)
	r.Fields = append(r.Fields, exchange.Field{Name: nameCacheStatus, Value: statusValues[s]})
}

func (v *visit) write(r *exchange.Response, body []byte) error {
	client := v.x.Client
	first := body[:min(len(body), writePiece)]
	rest := body[len(first):]
	if err := client.WriteHead(r, first, len(rest) > 0); err != nil || len(rest) == 0 {
		return err
	}
	for len(rest) > 0 {
		n := min(len(rest), writePiece)
		if err := client.WriteBody(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return client.Finish(nil)
}

// writeNotModified answers with 304 and those of the fields that belong in one. e is nil when
// the answer is not from the cache.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5
func (v *visit) writeNotModified(fields []exchange.Field, e *entry, s Status) error {
	r := &exchange.Response{Status: http.StatusNotModified, Reason: reasonNotModified, NoBody: true, Version: exchange.HTTP11}
	for i := range fields {
		if f := &fields[i]; inNotModified(f) || e == nil && v.manages(f) {
			r.Fields = append(r.Fields, *f)
		}
	}
	if e != nil {
		v.addOurs(r, e, s, time.Now())
	} else {
		r.Fields = append(r.Fields, exchange.Field{Name: nameCacheStatus, Value: statusValues[s]})
		v.replaced = http.StatusNotModified
	}
	return v.client().WriteHead(r, nil, false)
}

func inNotModified(f *exchange.Field) bool {
	switch f.ID {
	case exchange.FieldDate, exchange.FieldSetCookie, exchange.FieldAccessControlAllowOrigin, exchange.FieldAccessControlAllowCredentials:
		return true
	case exchange.FieldOther:
		for _, name := range [...]string{"Cache-Control", "Content-Location", "ETag", "Expires", "Last-Modified", "Vary"} {
			if is(f.Name, name) {
				return true
			}
		}
	default:
	}
	return false
}

// unchanged reports whether the client has the answer already.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
func (v *visit) unchanged(etag, lastModified []byte) bool {
	if len(v.ifNoneMatch) > 0 {
		return matchesTag(v.ifNoneMatch, etag)
	}
	if len(v.ifModifiedSince) == 0 || len(lastModified) == 0 {
		return false
	}
	since, ok := parseDate(v.ifModifiedSince)
	if !ok {
		return false
	}
	modified, ok := parseDate(lastModified)
	return ok && !modified.After(since)
}

// matchesTag reports whether an If-None-Match names etag, by the weak comparison, or is *.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
func matchesTag(list, etag []byte) bool {
	if string(list) == "*" {
		return true
	}
	etag = bytes.TrimPrefix(etag, weak)
	if len(etag) == 0 {
		return false
	}
	for rest := skip(list, " \t,"); len(rest) > 0; rest = skip(rest, " \t,") {
		rest = bytes.TrimPrefix(rest, weak)
		if len(rest) == 0 || rest[0] != '"' {
			return false
		}
		end := bytes.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if string(rest[:end+2]) == string(etag) {
			return true
		}
		rest = rest[end+2:]
	}
	return false
}

var weak = []byte("W/")

// inRange reports whether a range is of this answer, as If-Range asks.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
func (e *entry) inRange(ifRange []byte) bool {
	switch {
	case len(ifRange) == 0:
		return true
	case ifRange[0] == '"':
		return string(ifRange) == string(e.etag)
	case bytes.HasPrefix(ifRange, weak):
		return false
	}
	return string(ifRange) == string(e.lastModified)
}

// readRange reads a Range of one part of a body of size bytes. It is not ok when there are
// more, or something else than bytes is meant: then the whole is the answer. No byte means
// that there is none in the range.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
func readRange(text []byte, size int64) (first, n int64, ok bool) {
	const unit = "bytes="
	if len(text) < len(unit) || !is(text[:len(unit)], unit) {
		return 0, 0, false
	}
	from, to, dash := bytes.Cut(bytes.Trim(text[len(unit):], " \t"), []byte{'-'})
	if !dash || len(from)+len(to) == 0 {
		return 0, 0, false
	}
	if len(from) == 0 {
		suffix, ok := readNumber(to)
		if !ok {
			return 0, 0, false
		}
		suffix = min(suffix, size)
		return size - suffix, suffix, true
	}
	first, ok = readNumber(from)
	if !ok {
		return 0, 0, false
	}
	last := size - 1
	if len(to) > 0 {
		end, ok := readNumber(to)
		if !ok || end < first {
			return 0, 0, false
		}
		last = min(last, end)
	}
	if first > last {
		return 0, 0, true
	}
	return first, last - first + 1, true
}

// readNumber reads digits; what is larger than any body stands for the largest number.
func readNumber(text []byte) (int64, bool) {
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			return math.MaxInt64, true
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(text) > 0
}
