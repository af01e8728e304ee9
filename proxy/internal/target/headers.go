package target

import (
	"maps"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// Headers is how the fields of requests to the group's targets are changed.
type Headers struct {
	// Gone are the names of fields that the target does not get as they are: those that are
	// removed, and those that are set.
	Gone []Header
	// New are the fields that are set or added.
	New []Header
}

// Header is a field, compiled.
type Header struct {
	ID    exchange.FieldID
	Name  []byte
	Value []spec.HeaderPart
}

// headersOf compiles h; nil when it changes nothing.
func headersOf(h *spec.RequestHeaders) *Headers {
	if len(h.Set)+len(h.Add)+len(h.Remove) == 0 {
		return nil
	}
	c := new(Headers)
	for _, name := range h.Remove {
		c.Gone = append(c.Gone, headerOf(name, ""))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Set)) {
		c.Gone = append(c.Gone, headerOf(name, ""))
		c.New = append(c.New, headerOf(name, h.Set[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Add)) {
		c.New = append(c.New, headerOf(name, h.Add[name]))
	}
	return c
}

func headerOf(name, value string) Header {
	parts, _ := spec.ParseHeaderValue(value) // the environment was checked
	return Header{ID: exchange.Identify([]byte(name)), Name: []byte(name), Value: parts}
}

// Removes reports whether the target does not get f as it is.
func (h *Headers) Removes(f *exchange.Field) bool {
	for i := range h.Gone {
		if g := &h.Gone[i]; f.ID == g.ID && (g.ID != exchange.FieldOther || len(f.Name) == len(g.Name) && exchange.EqualFold(f.Name, string(g.Name))) {
			return true
		}
	}
	return false
}
