package sticky

import (
	"bytes"
	"time"
)

// Persistence is what HAProxy's persistence cookie says: the name of a target, and if its age
// counts, when it was last and first given out. Nothing in it is secret or sealed.
//
// https://docs.haproxy.org/3.2/configuration.html#4.2-cookie
type Persistence struct {
	Value []byte
	// Last and First are in seconds since 1970; 0 for none.
	Last, First int64
}

const (
	// dateSteps is in what steps dates are written, in seconds as a power of two.
	dateSteps = 2
	// dateDigits is how many digits of 6 bits a date has.
	dateDigits = 5
	// maxAhead is how far in the future a date may be: the clocks of proxies differ.
	maxAhead = 24 * 60 * 60
)

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// ParsePersistence takes a cookie's value apart: NAME, NAME|LAST or NAME|LAST|FIRST. What is
// no date counts as none.
func ParsePersistence(text []byte) Persistence {
	value, dates, _ := bytes.Cut(text, []byte{'|'})
	last, first, _ := bytes.Cut(dates, []byte{'|'})
	return Persistence{Value: value, Last: parseDate(last), First: parseDate(first)}
}

func parseDate(digits []byte) int64 {
	if len(digits) != dateDigits {
		return 0
	}
	date := int64(0)
	for _, c := range digits {
		d := bytes.IndexByte([]byte(base64Digits), c)
		if d < 0 {
			return 0
		}
		date = date<<6 | int64(d)
	}
	return date << dateSteps
}

func appendDate(b []byte, seconds int64) []byte {
	date := seconds >> dateSteps
	for shift := 6 * (dateDigits - 1); shift >= 0; shift -= 6 {
		b = append(b, base64Digits[date>>shift&63])
	}
	return b
}

// Holds reports whether the cookie counts at a time. One without a date does, so that people
// can write one for the target that they want; it gets its date with the answer.
func (p *Persistence) Holds(now time.Time, maxIdle, maxLife time.Duration) bool {
	return holds(now, p.Last, maxIdle) && holds(now, p.First, maxLife)
}

func holds(now time.Time, date int64, most time.Duration) bool {
	age := now.Unix() - date
	return date == 0 || most == 0 || age <= int64(most/time.Second) && age >= -maxAhead
}

// Stale reports whether a client whose cookie holds is to be given a new one: the old one's
// dates are not what they should be, or not of this moment.
func (p *Persistence) Stale(now time.Time, maxIdle, maxLife time.Duration) bool {
	dated := maxIdle > 0 || maxLife > 0
	return dated && (p.Last == 0 || p.Last < now.Unix()) || !dated && p.Last != 0 || (maxLife > 0) != (p.First != 0)
}

// Append appends the cookie's value for a target at a time. A client that had a cookie keeps
// the first date of it.
func (p *Persistence) Append(b []byte, target string, now time.Time, maxIdle, maxLife time.Duration) []byte {
	b = append(b, target...)
	if maxIdle == 0 && maxLife == 0 {
		return b
	}
	rounded := now.Unix() + 1<<dateSteps - 1
	b = appendDate(append(b, '|'), rounded)
	if maxLife == 0 {
		return b
	}
	first := p.First
	if first == 0 {
		first = rounded
	}
	return appendDate(append(b, '|'), first)
}

// Without appends cookie, the value of a Cookie field, without the cookies of that name, and
// reports whether there were any.
func Without(b, cookie []byte, name string) (kept []byte, found bool) {
	start := len(b)
	for rest, more := cookie, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte{';'})
		if _, ours := valueOf(pair, name); ours {
			found = true
			continue
		}
		if len(b) > start {
			b = append(b, ';')
		} else {
			pair = bytes.TrimLeft(pair, " \t")
		}
		b = append(b, pair...)
	}
	return b, found
}
