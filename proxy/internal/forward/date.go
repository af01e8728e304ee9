package forward

import (
	"net/http"
	"sync/atomic"
	"time"
)

// stamp is a Date field's value and the second it is right for.
type stamp struct {
	second int64
	text   []byte
}

var current atomic.Pointer[stamp]

// date returns the value of a Date field for now (IMF-fixdate, RFC 9110 section 5.6.7). It
// is formatted once a second.
func date(now time.Time) []byte {
	second := now.Unix()
	if s := current.Load(); s != nil && s.second == second {
		return s.text
	}
	s := &stamp{second: second, text: []byte(now.UTC().Format(http.TimeFormat))}
	current.Store(s)
	return s.text
}
