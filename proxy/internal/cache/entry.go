package cache

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// entry is one stored answer. It does not change; one that is refreshed is another.
type entry struct {
	status int
	reason []byte
	// fields are those of the answer, in memory of their own, without Age and Content-Length.
	fields []exchange.Field
	body   []byte
	// varies are the fields of requests that chose it.
	varies []varied
	term   term
	// These point into fields.
	etag, lastModified []byte
	// cost is what it takes of the cache's memory.
	cost int64
	// held counts the store and the exchanges that are being answered with it: its memory is
	// counted until the last has let go.
	held atomic.Int64
	used *atomic.Int64
}

// varied is one field of requests and the value that it had, as appendValues writes it.
type varied struct{ name, values string }

// What an entry and a slot take beside what they point to, in bytes: their own size, the
// allocator's rounding, their part of the map.
const (
	entryOverhead = 512
	slotOverhead  = 512
	fieldSize     = 56
)

// newEntry copies the head of an answer. sent are the fields that the target chose it by, without
// are fields that are not kept.
func newEntry(r *exchange.Response, h *head, t term, sent, without []exchange.Field) *entry {
	e := &entry{status: r.Status, term: t}
	size, n := len(r.Reason)+dateSize, 1
	keep := func(f *exchange.Field) bool { return isKept(f, h, without) }
	for i := range r.Fields {
		if f := &r.Fields[i]; keep(f) {
			size += len(f.Name) + len(f.Value)
			n++
		}
	}
	text := make([]byte, 0, size)
	copied := func(p []byte) []byte {
		at := len(text)
		text = append(text, p...)
		return text[at:len(text):len(text)]
	}
	e.reason = copied(r.Reason)
	e.fields = make([]exchange.Field, 0, n)
	for i := range r.Fields {
		f := &r.Fields[i]
		if !keep(f) {
			continue
		}
		c := exchange.Field{ID: f.ID, Name: copied(f.Name), Value: copied(f.Value)}
		e.fields = append(e.fields, c)
		switch {
		case is(f.Name, "ETag"):
			e.etag = c.Value
		case is(f.Name, "Last-Modified"):
			e.lastModified = c.Value
		}
	}
	if h.date == nil {
		// https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1-11
		date := t.born.UTC().AppendFormat(nil, timeFormat)
		e.fields = append(e.fields, exchange.Field{ID: exchange.FieldDate, Name: nameDate, Value: copied(date)})
	}
	e.varies = variedBy(h, sent)
	e.cost = int64(entryOverhead + size + n*fieldSize)
	for _, v := range e.varies {
		e.cost += int64(len(v.name) + len(v.values) + 32)
	}
	return e
}

// variedBy returns what the answer with this head varies by, with the values that the target
// was sent.
func variedBy(h *head, sent []exchange.Field) []varied {
	var list []varied
	for _, name := range h.varies[:h.varyN] {
		if is(name, "Accept-Encoding") || is(name, "Cookie") {
			continue // what of them the target saw is in the key
		}
		list = append(list, varied{string(name), string(appendValues(nil, sent, string(name)))})
	}
	return list
}

// isKept reports whether a field of an answer is kept with it.
func isKept(f *exchange.Field, h *head, without []exchange.Field) bool {
	switch f.ID {
	case exchange.FieldSetCookie, exchange.FieldContentLength, exchange.FieldTransferEncoding, exchange.FieldConnection:
		return false
	case exchange.FieldOther:
		if is(f.Name, "Age") || is(f.Name, cacheStatus) {
			return false
		}
	default:
		for i := range without {
			if without[i].ID == f.ID {
				return false
			}
		}
	}
	return !h.control.withholds(f.Name)
}

// matches reports whether the entry may answer a request whose fields for the target are these.
func (e *entry) matches(fields []exchange.Field) bool {
	for i := range e.varies {
		if !hasValues(e.varies[i].values, fields, e.varies[i].name) {
			return false
		}
	}
	return true
}

func (e *entry) fresh(now time.Time) bool { return now.Before(e.term.fresh) }

// hold keeps the entry's memory counted until release.
func (e *entry) hold() {
	if e.held.Add(1) == 1 {
		e.used.Add(e.cost)
	}
}

// release lets go of the entry.
func (e *entry) release() {
	if e.held.Add(-1) == 0 {
		e.used.Add(-e.cost)
	}
}

// merged are the entry's fields with those of a 304 in the place of its own of the same
// names. What describes the body stays. The Date is the 304's, or when it came if it has none.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-3.2
func (e *entry) merged(update []exchange.Field) []exchange.Field {
	fields := make([]exchange.Field, 0, len(e.fields)+len(update))
	for i := range e.fields {
		if f := &e.fields[i]; ofBody(f) || f.ID != exchange.FieldDate && !named(update, f.Name) {
			fields = append(fields, *f)
		}
	}
	for i := range update {
		if !ofBody(&update[i]) {
			fields = append(fields, update[i])
		}
	}
	return fields
}

func ofBody(f *exchange.Field) bool {
	return f.ID == exchange.FieldContentType || is(f.Name, "Content-Encoding") || is(f.Name, "Content-Range")
}

func named(fields []exchange.Field, name []byte) bool {
	for i := range fields {
		if is(fields[i].Name, string(name)) {
			return true
		}
	}
	return false
}

// appendAge appends the value of Age.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-5.1
func (e *entry) appendAge(dst []byte, now time.Time) []byte {
	return strconv.AppendInt(dst, int64(max(now.Sub(e.term.born), 0)/time.Second), 10)
}
