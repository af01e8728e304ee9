package accesslog

import (
	"strconv"
	"time"
)

// stamps keeps the text of the last second written, which most lines share.
type stamps struct {
	iso, common stamp
}

type stamp struct {
	second int64
	text   []byte
}

// prefix returns the layout's text for the second of t, in UTC.
func (s *stamp) prefix(t time.Time, layout string) []byte {
	if second := t.Unix(); s.text == nil || s.second != second {
		s.text = t.UTC().AppendFormat(s.text[:0], layout)
		s.second = second
	}
	return s.text
}

// appendISO appends t as ISO 8601 in UTC with microseconds: 2018-07-02T22:23:00.186641Z.
func (s *stamps) appendISO(b []byte, t time.Time) []byte {
	b = append(b, s.iso.prefix(t, "2006-01-02T15:04:05.")...)
	micros := t.Nanosecond() / int(time.Microsecond)
	for div := 100_000; div > 0; div /= 10 {
		b = append(b, byte('0'+micros/div%10))
	}
	return append(b, 'Z')
}

// appendCommon appends t as the Common Log Format has it: 02/Jul/2018:22:23:00 +0000.
func (s *stamps) appendCommon(b []byte, t time.Time) []byte {
	return append(b, s.common.prefix(t, "02/Jan/2006:15:04:05 -0700")...)
}

// absent is a duration that the log shows as -1.
const absent time.Duration = -1

// appendSeconds appends d in seconds with milliseconds, rounded down; -1 when absent.
func appendSeconds(b []byte, d time.Duration) []byte {
	if d == absent {
		return append(b, "-1"...)
	}
	ms := max(d, 0).Milliseconds()
	b = strconv.AppendInt(b, ms/1000, 10)
	ms %= 1000
	return append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
