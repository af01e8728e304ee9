package cache

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// FuzzCacheControl holds the parser to what it must not do with any line: run on, or let an
// answer that says private or no-store, in whatever spelling a list may have, be kept.
func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{
		"", "max-age=60", "max-age=\"60\", public", "no-cache=\"Set-Cookie, X-A\"", "private=\"\"", "a=\"b\\\"c\", no-store",
		"max-age=99999999999999999999999", "max-age=-1", ",,, , private ,", "max-age = 60", "s-maxage=1;private", "no-cache=\"", "=", "\x00", "é=1",
		"stale-while-revalidate=5, stale-if-error=6, must-revalidate, proxy-revalidate, only-if-cached",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var d directives
		d.read([]byte(line))
		for name, s := range map[string]seconds{"max-age": d.maxAge, "s-maxage": d.sMaxAge, "stale-while-revalidate": d.staleWhileRevalidate, "stale-if-error": d.staleIfError} {
			if s.n < 0 || s.n > maxSeconds || s.n > 0 && !s.set {
				t.Fatalf("%s is %+v of %q", name, s, line)
			}
		}
		if d.withheldCount > maxWithheld {
			t.Fatalf("%d fields are withheld of %q", d.withheldCount, line)
		}
		// Without quotes a list is no more than its elements, so that a plain reading is an oracle.
		if strings.Contains(line, `"`) {
			return
		}
		for element := range strings.SplitSeq(line, ",") {
			switch strings.ToLower(strings.Trim(element, " \t")) {
			case "no-store":
				if !d.noStore && !d.malformed {
					t.Fatalf("no-store was missed in %q", line)
				}
			case "private":
				if !d.private && !d.malformed {
					t.Fatalf("private was missed in %q", line)
				}
			}
		}
	})
}

// FuzzHead holds what decides about keeping an answer to the rules that have no exception.
func FuzzHead(f *testing.F) {
	f.Add(200, "Cache-Control", "max-age=60", "Vary", "Accept")
	f.Add(200, "Expires", "Thu, 01 Jan 2099 00:00:00 GMT", "Age", "5")
	f.Add(404, "Set-Cookie", "a=b", "Cache-Control", "public, max-age=60")
	f.Add(200, "Date", "Thu, 01-Jan-70 00:00:00 GMT", "ETag", "x")
	f.Fuzz(func(t *testing.T, status int, name1, value1, name2, value2 string) {
		fields := []exchange.Field{{Name: []byte(name1), Value: []byte(value1)}, {Name: []byte(name2), Value: []byte(value2)}}
		cookie := false
		for i := range fields {
			fields[i].ID = exchange.Identify(fields[i].Name)
			cookie = cookie || fields[i].ID == exchange.FieldSetCookie && !ofStickiness(fields[i].Value)
		}
		b := &Behavior{minTTL: time.Second, defaultTTL: time.Minute, maxTTL: time.Hour}
		h := readHead(fields)
		now := time.Now()
		r := &exchange.Response{Status: status, Version: exchange.HTTP11, Fields: fields, ContentLength: 1}
		term, ok := b.judge(r, &h, false, now, now)
		if !ok {
			return
		}
		if term.fresh.Sub(now) > b.maxTTL || cookie && !h.control.withholds([]byte("Set-Cookie")) || status == http.StatusPartialContent || status >= http.StatusInternalServerError && status != http.StatusNotImplemented {
			t.Fatalf("kept for %v", term.fresh.Sub(now))
		}
		e := newEntry(r, &h, term, fields, nil)
		for _, kept := range e.fields {
			if kept.ID == exchange.FieldSetCookie {
				t.Fatal("a cookie is kept")
			}
		}
		if !e.matches(fields) {
			t.Fatal("the entry does not match its own request")
		}
	})
}

// FuzzRange wants of every Range a part within the body, or none.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-2", "bytes=0-0,2-3", "bytes=99999999999999999999-", "bytes=--1"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, text string, size int64) {
		if size < 0 {
			return
		}
		first, n, ok := readRange([]byte(text), size)
		if ok && (first < 0 || n < 0 || first+n > size) {
			t.Fatalf("%q of %d bytes is %d+%d", text, size, first, n)
		}
	})
}
