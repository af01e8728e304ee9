package elbv2api

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a request's parameters. The longest request that means something registers or
// deregisters a load balancer's 1,000 targets, of three parameters each.
const (
	maxParameters = 4096
	// maxMembers bounds the members of one list.
	maxMembers = 1000
	// maxNameLength bounds a parameter's name.
	maxNameLength = 256
)

// parameters are those of a request, as a tree: structures by the names of their fields,
// lists by the numbers of their members.
type parameters struct {
	// text is the value; it is only there where there are no parts.
	text  string
	parts map[string]*parameters
}

// parseQuery reads a form in the AWS Query protocol, in which a.member.2.b=c says that the
// second member of the list a has c as its b.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
func parseQuery(form string) (*parameters, *Error) {
	if strings.Count(form, "&") >= maxParameters {
		return nil, fail(codeMalformedQueryString, "The request has more than %d parameters", maxParameters)
	}
	root := &parameters{}
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || name == "" || len(name) > maxNameLength {
			return nil, fail(codeMalformedQueryString, "The query string contains a syntax error")
		}
		value, err = url.QueryUnescape(value)
		if err != nil || !utf8.ValidString(value) {
			return nil, fail(codeMalformedQueryString, "The value of %s contains a syntax error", name)
		}
		if !root.set(strings.Split(name, "."), value) {
			return nil, fail(codeMalformedQueryString, "The parameter %s stands twice, or beside a part of itself", name)
		}
	}
	return root, nil
}

// set puts value at path. It is false if there is something already.
func (p *parameters) set(path []string, value string) bool {
	for _, name := range path {
		if p.parts == nil {
			if p.text != "" {
				return false
			}
			p.parts = map[string]*parameters{}
		}
		if p.parts[name] == nil {
			p.parts[name] = &parameters{}
			p = p.parts[name]
			continue
		}
		p = p.parts[name]
		if p.parts == nil {
			return false
		}
	}
	if len(p.parts) > 0 {
		return false
	}
	p.text = value
	return true
}

// take removes a parameter and returns its value.
func (p *parameters) take(name string) (string, bool) {
	part, ok := p.parts[name]
	if !ok || part.parts != nil {
		return "", false
	}
	delete(p.parts, name)
	return part.text, true
}

// decode reads the parameters into the struct that v points to, by the names of its fields.
// A field's tag `aws` says what AWS's model wants: required, a range such as 1..65535, or
// the words that are allowed. What no field takes is refused: a setting that is silently
// left out would be worse.
func (p *parameters) decode(v any) *Error {
	return p.structure(reflect.ValueOf(v).Elem(), "")
}

func (p *parameters) structure(v reflect.Value, path string) *Error {
	if p.parts == nil && p.text != "" {
		return fail(codeValidationError, "Expected a structure at %s", path)
	}
	known := 0
	for i := range v.NumField() {
		f := v.Type().Field(i)
		part := p.parts[f.Name]
		at := join(path, lowerFirst(f.Name))
		if part == nil {
			if f.Tag.Get("aws") == "required" || strings.HasPrefix(f.Tag.Get("aws"), "required ") {
				return violation("null", at, "Member must not be null")
			}
			continue
		}
		known++
		if err := part.value(v.Field(i), at, strings.TrimPrefix(strings.TrimPrefix(f.Tag.Get("aws"), "required"), " ")); err != nil {
			return err
		}
	}
	if known < len(p.parts) {
		for name := range p.parts {
			if _, ok := v.Type().FieldByName(name); !ok {
				return fail(codeValidationError, "The parameter %s is not recognized", join(path, name))
			}
		}
	}
	return nil
}

// value reads one value; limit is what the model says of it.
func (p *parameters) value(v reflect.Value, path, limit string) *Error {
	switch v.Kind() {
	case reflect.Struct:
		return p.structure(v, path)
	case reflect.Slice:
		return p.list(v, path, limit)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return p.value(v.Elem(), path, limit)
	default:
	}
	if p.parts != nil {
		return fail(codeValidationError, "Expected a value at %s", path)
	}
	return scalar(v, p.text, path, limit)
}

func scalar(v reflect.Value, text, path, limit string) *Error {
	switch v.Kind() {
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fail(codeValidationError, "Expected an integer at %s, got %s", path, excerpt(text))
		}
		if lo, hi, ok := interval(limit); ok && n < lo {
			return violation(text, path, "Member must have value greater than or equal to "+strconv.Itoa(lo))
		} else if ok && n > hi {
			return violation(text, path, "Member must have value less than or equal to "+strconv.Itoa(hi))
		}
		v.SetInt(int64(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil || len(text) < len("true") {
			return fail(codeValidationError, "Expected true or false at %s, got %s", path, excerpt(text))
		}
		v.SetBool(b)
	default:
		if lo, hi, ok := interval(limit); ok {
			if n := utf8.RuneCountInString(text); n < lo {
				return violation(text, path, "Member must have length greater than or equal to "+strconv.Itoa(lo))
			} else if n > hi {
				return violation(text, path, "Member must have length less than or equal to "+strconv.Itoa(hi))
			}
		} else if words := strings.Split(limit, "|"); limit != "" && !slices.Contains(words, text) {
			return violation(text, path, "Member must satisfy enum value set: ["+strings.Join(words, ", ")+"]")
		}
		v.SetString(text)
	}
	return nil
}

// list reads members 1, 2, 3… An empty list is a parameter without value.
func (p *parameters) list(v reflect.Value, path, limit string) *Error {
	if p.parts == nil {
		if p.text != "" {
			return fail(codeValidationError, "Expected a list at %s", path)
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return nil
	}
	members := p.parts["member"]
	if members == nil || len(p.parts) > 1 || members.parts == nil {
		return fail(codeValidationError, "Expected a list at %s", path)
	}
	n := len(members.parts)
	if n > maxMembers {
		return violation(strconv.Itoa(n)+" members", path, "Member must have length less than or equal to "+strconv.Itoa(maxMembers))
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		part := members.parts[strconv.Itoa(i+1)]
		if part == nil {
			return fail(codeValidationError, "The members of the list at %s are not numbered from 1 to %d", path, n)
		}
		if err := part.value(v.Index(i), path+"."+strconv.Itoa(i+1)+".member", limit); err != nil {
			return err
		}
	}
	return nil
}

// interval reads a range such as 1..65535.
func interval(limit string) (lo, hi int, ok bool) {
	first, last, ok := strings.Cut(limit, "..")
	if !ok {
		return 0, 0, false
	}
	lo, _ = strconv.Atoi(first)
	hi, _ = strconv.Atoi(last)
	return lo, hi, true
}

// violation is AWS's way to say that a value is not within the model.
func violation(got, path, want string) *Error {
	if got != "null" {
		got = "'" + excerpt(got) + "'"
	}
	return fail(codeValidationError, "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", got, path, want)
}

// maxExcerpt bounds what an error repeats of a value.
const maxExcerpt = 100

func excerpt(s string) string {
	if len(s) > maxExcerpt {
		s = strings.ToValidUTF8(s[:maxExcerpt], "") + "…"
	}
	return s
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
