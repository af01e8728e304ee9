package aggregate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Verdict is whether something works.
type Verdict string

// Verdicts.
const (
	Up Verdict = "up"
	// Degraded is worse than it should be, and works.
	Degraded Verdict = "degraded"
	Down     Verdict = "down"
	// Unknown is the verdict on what was not looked at.
	Unknown Verdict = "unknown"
)

// Report is what an application says of itself.
type Report struct {
	// Status is of the application as a whole; Unknown if it does not say.
	Status Verdict
	// Dependencies by name. Of those in Dependencies each is there that the report has a key
	// for; other names only if the report says their status in an object.
	Dependencies map[string]Verdict
	// Version of the application; empty if it does not say.
	Version string
}

// Dependencies are the names that a report's own keys have.
var Dependencies = []string{"cache", "celery", "database"}

const (
	// MaxReport bounds the body of a report. An application that says more has not understood
	// the question.
	MaxReport = 64 << 10
	// maxDependencies bounds the names of one report: each becomes a metric that is paid for.
	maxDependencies = 16
	// maxVersion bounds a version, which is shown to people.
	maxVersion = 128
	// maxNesting bounds how deep the status of a dependency may be.
	maxNesting = 4
)

// dependencyName is what a name of a dependency may be: one that a metric's dimension can have.
var dependencyName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

var errNotReport = errors.New("not a health report")

// ParseReport reads a JSON object with the keys status, database, cache, celery and version,
// each of which may be missing. A verdict is true or false, a word such as "ok" or "error",
// null for what was not looked at, or an object that has one of these as its status, ok or
// healthy. Other keys are passed over, unless they are an object with a status: then they
// are dependencies too.
//
// It is strict where two readers could read two things: one object and nothing after it, no
// key twice, UTF-8, and no other types.
func ParseReport(body []byte) (*Report, error) {
	if len(body) > MaxReport {
		return nil, fmt.Errorf("%w: longer than %d bytes", errNotReport, MaxReport)
	}
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: not UTF-8", errNotReport)
	}
	keys, err := object(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotReport, err)
	}
	r := &Report{Status: Unknown, Dependencies: map[string]Verdict{}}
	if text, ok := keys["status"]; ok {
		if r.Status, err = verdict(text, 0); err != nil {
			return nil, fmt.Errorf("%w: status: %w", errNotReport, err)
		}
	}
	if text, ok := keys["version"]; ok {
		if r.Version, err = version(text); err != nil {
			return nil, fmt.Errorf("%w: version: %w", errNotReport, err)
		}
	}
	for _, name := range Dependencies {
		if text, ok := keys[name]; ok {
			if r.Dependencies[name], err = verdict(text, 0); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", errNotReport, name, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if name == "status" || name == "version" || slices.Contains(Dependencies, name) || !dependencyName.MatchString(name) || len(r.Dependencies) == maxDependencies {
			continue
		}
		parts, err := object(keys[name])
		if err != nil || parts["status"] == nil {
			continue
		}
		if v, err := verdict(parts["status"], 0); err == nil {
			r.Dependencies[name] = v
		}
	}
	return r, nil
}

// object splits a JSON object into its keys.
func object(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	keys := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("want a key")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if _, twice := keys[name]; twice {
			return nil, errors.New("a key is there twice")
		}
		keys[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return keys, nil
}

// words that applications and their libraries have for verdicts. Any other word is bad news.
var words = map[string]Verdict{
	"ok": Up, "up": Up, "healthy": Up, "working": Up, "pass": Up, "passing": Up, "available": Up,
	"connected": Up, "success": Up, "true": Up, "green": Up,
	"degraded": Degraded, "warn": Degraded, "warning": Degraded, "yellow": Degraded,
	"": Unknown, "unknown": Unknown, "skipped": Unknown, "disabled": Unknown, "not checked": Unknown, "not_checked": Unknown, "n/a": Unknown,
}

// verdict reads a value. Numbers and lists say nothing that everybody would read alike.
func verdict(text json.RawMessage, depth int) (Verdict, error) {
	switch text = bytes.TrimSpace(text); {
	case string(text) == "null":
		return Unknown, nil
	case string(text) == "true":
		return Up, nil
	case string(text) == "false":
		return Down, nil
	case text[0] == '"':
		var word string
		if err := json.Unmarshal(text, &word); err != nil {
			return "", err
		}
		if v, ok := words[strings.ToLower(strings.TrimSpace(word))]; ok {
			return v, nil
		}
		return Down, nil
	case text[0] == '{' && depth < maxNesting:
		parts, err := object(text)
		if err != nil {
			return "", err
		}
		for _, name := range []string{"status", "ok", "healthy"} {
			if part, ok := parts[name]; ok {
				return verdict(part, depth+1)
			}
		}
		return "", errors.New("an object without status, ok or healthy")
	}
	return "", errors.New("want true, false, null, a word, or an object with a status")
}

// version reads a string, or a number as it is written.
func version(text json.RawMessage) (string, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return "", err
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case json.Number:
		return clip(v.String()), nil
	case string:
		return clip(v), nil
	}
	return "", errors.New("want a string")
}

// clip makes of a target's text what people can be shown.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) <= maxVersion {
		return s
	}
	n := maxVersion
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
