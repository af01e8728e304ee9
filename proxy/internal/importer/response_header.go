package importer

import (
	"regexp"
	"slices"
	"strings"
)

// ResponseHeaderKey is the key of one of the ten headers that a listener can set.
func ResponseHeaderKey(name string) string {
	return "load_balancer.listeners[].response_headers." + strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// IsListenerHeader tells whether a listener can set the header.
func IsListenerHeader(name string) bool { return responseHeader(NewListener(), name) != nil }

// responseHeader is the field of one of the ten headers that a listener can set, or nil.
func responseHeader(l *Listener, name string) *string {
	h := &l.ResponseHeaders
	return map[string]*string{
		"strict-transport-security":        &h.StrictTransportSecurity,
		"access-control-allow-origin":      &h.AccessControlAllowOrigin,
		"access-control-allow-methods":     &h.AccessControlAllowMethods,
		"access-control-allow-headers":     &h.AccessControlAllowHeaders,
		"access-control-allow-credentials": &h.AccessControlAllowCredentials,
		"access-control-expose-headers":    &h.AccessControlExposeHeaders,
		"access-control-max-age":           &h.AccessControlMaxAge,
		"content-security-policy":          &h.ContentSecurityPolicy,
		"x-content-type-options":           &h.XContentTypeOptions,
		"x-frame-options":                  &h.XFrameOptions,
	}[strings.ToLower(name)]
}

var (
	frameShape = regexp.MustCompile(`^(DENY|SAMEORIGIN|ALLOW-FROM https?://[!-~]{1,1000})$`)
	ageShape   = regexp.MustCompile(`^(-1|[0-9]{1,7})$`)
	underShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
)

// ResponseHeader sets a header of a listener, if it is one of the ten that it can set. It
// returns the key, or none, and whether the value is one that the header can have.
func ResponseHeader(l *Listener, name, value string) (key string, valid bool) {
	field := responseHeader(l, name)
	if field == nil {
		return "", false
	}
	switch strings.ToLower(name) {
	case "access-control-allow-credentials":
		valid = value == "true"
	case "access-control-max-age":
		valid = ageShape.MatchString(value)
	case "x-content-type-options":
		valid = value == "nosniff"
	case "x-frame-options":
		value = strings.ToUpper(value)
		valid = frameShape.MatchString(value)
	default:
		valid = true
	}
	if valid {
		*field = value
	}
	return ResponseHeaderKey(name), valid
}

// SetEdgeHeader sets any other header on every answer, if it is one that can be set.
func SetEdgeHeader(d *Draft, name, value string, from *Directive) bool {
	under := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if slices.Contains([]string{"connection", "content_encoding", "content_length", "content_type", "date", "keep_alive", "set_cookie", "trailer", "transfer_encoding", "upgrade"}, under) || !underShape.MatchString(under) {
		return false
	}
	if d.Env.Edge.ResponseHeaders == nil {
		d.Env.Edge.ResponseHeaders = map[string]string{}
	}
	d.Env.Edge.ResponseHeaders[under] = value
	d.Note("edge.response_headers."+under, from)
	return true
}
