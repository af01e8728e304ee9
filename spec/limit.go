package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// limits says what the fields of a type may hold, by their keys. The validator, the JSON
// Schema and the reference all read it, so that none can say otherwise than the others.
type limits map[string]limit

// limited is a type with limits.
type limited interface{ limits() limits }

// limit is what one field may hold.
type limit struct {
	// want says it in words, after "want".
	want string
	// ok tells whether a value is within the limit; nil: any is.
	ok func(v reflect.Value) bool
	// element is the limit of a list's elements or a map's values.
	element *limit
	// words are the strings that are allowed, if there are only so many.
	words []string
	// schema adds as much of the limit to the field's schema as JSON Schema can say.
	schema func(s *jsonschema.Schema)
	// required: the field must be there and not empty.
	required bool
}

type number interface{ int | time.Duration | Percent }

// between allows lo to hi, both included.
func between[T number](lo, hi T) limit {
	return limit{
		want: fmt.Sprintf("%s to %s", show(lo), show(hi)),
		ok: func(v reflect.Value) bool {
			n := v.Interface().(T)
			return n >= lo && n <= hi
		},
		schema: func(s *jsonschema.Schema) {
			if _, ok := any(lo).(int); ok {
				s.Minimum, s.Maximum = jsonNumber(lo), jsonNumber(hi)
			}
		},
	}
}

// zeroOr allows zero as well, which means what word says.
func zeroOr(word string, l limit) limit {
	inner := l
	l.want = fmt.Sprintf("0 (%s) or %s", word, inner.want)
	l.ok = func(v reflect.Value) bool { return v.IsZero() || inner.ok(v) }
	l.schema = func(s *jsonschema.Schema) {
		var one jsonschema.Schema
		if inner.schema(&one); one.Minimum == "" {
			return
		}
		s.AnyOf = []*jsonschema.Schema{{Const: 0}, &one}
	}
	return l
}

// seconds allows whole seconds from lo to hi: what AWS counts in seconds.
func seconds(lo, hi time.Duration) limit {
	l := between(lo, hi)
	inner := l.ok
	l.want += ", in whole seconds"
	l.ok = func(v reflect.Value) bool { return inner(v) && v.Int()%int64(time.Second) == 0 }
	return l
}

// days allows whole days from lo to hi: what AWS counts in days.
func days(lo, hi int) limit {
	l := between(time.Duration(lo)*day, time.Duration(hi)*day)
	inner := l.ok
	l.want += ", in whole days of 24h"
	l.ok = func(v reflect.Value) bool { return inner(v) && v.Int()%int64(day) == 0 }
	return l
}

// oneOf allows these strings; nothing at all as well, unless the field is required.
func oneOf[T ~string](values ...T) limit {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return limit{
		want:  anyOf(words),
		words: words,
		ok:    func(v reflect.Value) bool { return slices.Contains(words, v.String()) },
		schema: func(s *jsonschema.Schema) {
			for _, w := range words {
				s.Enum = append(s.Enum, w)
			}
		},
	}
}

// numbers allows these numbers or durations.
func numbers[T number](values ...T) limit {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = show(v)
	}
	return limit{
		want: anyOf(words),
		ok:   func(v reflect.Value) bool { return slices.Contains(values, v.Interface().(T)) },
		schema: func(s *jsonschema.Schema) {
			for _, v := range values {
				if _, isInt := any(v).(int); isInt {
					s.Enum = append(s.Enum, v)
				}
			}
		},
	}
}

// like allows strings that a regular expression matches; the words are for people.
func like(re *regexp.Regexp, words string) limit {
	return limit{
		want:   words,
		ok:     func(v reflect.Value) bool { return re.MatchString(v.String()) },
		schema: func(s *jsonschema.Schema) { s.Pattern = re.String() },
	}
}

// length allows strings of at most so many bytes.
func length(most int) limit {
	return limit{
		want:   fmt.Sprintf("at most %d bytes", most),
		ok:     func(v reflect.Value) bool { return len(v.String()) <= most },
		schema: func(s *jsonschema.Schema) { s.MaxLength = new(uint64(most)) },
	}
}

// that allows what ok says; JSON Schema cannot.
func that(words string, ok func(s string) bool) limit {
	return limit{want: words, ok: func(v reflect.Value) bool { return ok(v.String()) }, schema: func(*jsonschema.Schema) {}}
}

// atMost allows lists and maps of so many elements.
func atMost(most int) limit {
	return limit{
		want: fmt.Sprintf("at most %d", most),
		ok:   func(v reflect.Value) bool { return v.Len() <= most },
		schema: func(s *jsonschema.Schema) {
			if s.Type == "array" {
				s.MaxItems = new(uint64(most))
			} else {
				s.MaxProperties = new(uint64(most))
			}
		},
	}
}

// each puts a limit on the elements of a list or the values of a map.
func each(l limit) limit {
	return limit{
		want:    "each " + l.want,
		element: &l,
		schema: func(s *jsonschema.Schema) {
			switch {
			case s.Items != nil:
				l.schema(s.Items)
			case s.AdditionalProperties != nil:
				l.schema(s.AdditionalProperties)
			}
		},
	}
}

// both holds a field to two limits.
func both(a, b limit) limit {
	return limit{
		want:    a.want + "; " + b.want,
		ok:      func(v reflect.Value) bool { return a.holds(v) && b.holds(v) },
		element: cmp.Or(a.element, b.element),
		schema: func(s *jsonschema.Schema) {
			a.schema(s)
			b.schema(s)
		},
		required: a.required || b.required,
	}
}

// advice is what to say of a value that is not allowed: the word that it likely misspells,
// when there are too many to list.
func (l limit) advice(v reflect.Value) string {
	if len(l.words) <= maxListed {
		return l.want
	}
	if near := nearest(v.String(), l.words); near != "" {
		return near + ", did you mean that?"
	}
	return fmt.Sprintf("one of %d names, such as %s", len(l.words), l.words[0])
}

// maxListed is how many words a problem lists.
const maxListed = 16

func (l limit) holds(v reflect.Value) bool { return l.ok == nil || l.ok(v) }

// required makes a field one that must be there.
func required(l limit) limit {
	l.required = true
	return l
}

// anything is no limit, for fields that are merely required.
func anything() limit {
	return limit{schema: func(*jsonschema.Schema) {}}
}

func anyOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// show formats a limit as a file would say it.
func show[T number](n T) string {
	if d, ok := any(n).(time.Duration); ok {
		return showDuration(d)
	}
	return fmt.Sprint(n)
}

// showDuration is d in the largest unit that AWS would say it in: 24h, 20m, 300s, 500ms.
func showDuration(d time.Duration) string {
	switch {
	case d > 0 && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d > 15*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

func jsonNumber[T number](n T) json.Number { return json.Number(fmt.Sprint(n)) }
