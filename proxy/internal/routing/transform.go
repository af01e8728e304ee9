package routing

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// maxTransformed bounds what a transform makes: the longest request line an ALB takes.
const maxTransformed = 16 << 10

// Values of TransformResult.Status, as in the access log.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
const (
	TransformSuccess        = "TransformSuccess"
	TransformBufferTooSmall = "TransformBufferTooSmall"
	TransformInvalidHost    = "TransformInvalidHost"
	TransformInvalidPath    = "TransformInvalidPath"
)

// TransformResult tells what Rule.Transform did.
type TransformResult struct {
	HostChanged bool
	URIChanged  bool
	// Status is empty when the rule has no transform or none matched.
	Status string
	// Err says that a transform matched and failed. The request is unchanged; ALB answers 500.
	Err bool
}

// Transform applies the rule's rewrites to r: the host, and path and query. Which rule was
// chosen does not change. Each regular expression is searched for once, the host's without
// regard to case, and its first match is replaced; in the URL it sees path and query with
// the question mark between. A rewritten host may bring a port, which replaces the
// client's; a rewritten URL is made canonical again.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
func (u *Rule) Transform(r *exchange.Request, a *exchange.Arena) TransformResult {
	var result TransformResult
	host, port := r.Host, r.Port
	path, query, hasQuery := r.Path, r.Query, r.HasQuery
	if u.host != nil {
		text, status := u.host.apply(r.Host, a)
		if status == TransformSuccess {
			h, p, ok := splitHost(text)
			if !ok {
				status = TransformInvalidHost
			}
			host = lowered(h, a)
			if len(p) > 0 {
				port = p
			}
		}
		if result.Status = status; status != "" && status != TransformSuccess {
			return TransformResult{Status: status, Err: true}
		}
	}
	if u.url != nil && !isAsterisk(r.Path) {
		uri := append(a.Begin(), r.Path...)
		if r.HasQuery {
			uri = append(append(uri, '?'), r.Query...)
		}
		uri = a.End(uri)
		text, status := u.url.apply(uri, a)
		if status == TransformSuccess {
			var err *Error
			if path, query, hasQuery, err = canonicalTarget(text, a); err != nil || len(text) == 0 || text[0] != '/' {
				status = TransformInvalidPath
			}
		}
		if status != "" {
			result.Status = status
		}
		if status != "" && status != TransformSuccess {
			return TransformResult{Status: status, Err: true}
		}
	}
	result.HostChanged = !bytes.Equal(host, r.Host) || !bytes.Equal(port, r.Port)
	result.URIChanged = !bytes.Equal(path, r.Path) || !bytes.Equal(query, r.Query) || hasQuery != r.HasQuery
	r.Host, r.Port = host, port
	r.Path, r.Query, r.HasQuery = path, query, hasQuery
	return result
}

// rewrite replaces the first match of a regular expression.
type rewrite struct {
	expression *regexp.Regexp
	parts      []replacePart
}

// replacePart is text, or the number of the group that stands there.
type replacePart struct {
	text  string
	group int // -1 for text
}

var errNoRegex = errors.New("regex is missing")

// compileRewrite returns nil for an empty rewrite.
func compileRewrite(w spec.Rewrite, fold bool) (*rewrite, error) {
	if w.Regex == "" {
		if w.Replace != "" {
			return nil, errNoRegex
		}
		return nil, nil
	}
	expression, err := compileRegexp(w.Regex, fold)
	if err != nil {
		return nil, err
	}
	parts, err := parseReplace(w.Replace, expression.NumSubexp())
	if err != nil {
		return nil, err
	}
	return &rewrite{expression, parts}, nil
}

// parseReplace reads $1 and ${1}; $0 is the whole match. Of the digits after $ as many count
// as name a group that exists: with three groups, $12 is $1 and a 2. Any other $ is itself.
func parseReplace(text string, groups int) ([]replacePart, error) {
	var parts []replacePart
	literal := ""
	flush := func() {
		if literal != "" {
			parts = append(parts, replacePart{text: literal, group: -1})
		}
		literal = ""
	}
	for text != "" {
		before, rest, found := strings.Cut(text, "$")
		literal += before
		if !found {
			break
		}
		braced := strings.HasPrefix(rest, "{")
		digits := strings.TrimPrefix(rest, "{")
		n, length := 0, 0
		for length < len(digits) && digits[length] >= '0' && digits[length] <= '9' {
			next := n*10 + int(digits[length]-'0')
			if next > groups && (length > 0 && !braced || next > 9999) {
				break
			}
			n = next
			length++
		}
		switch {
		case length == 0 && !braced:
			literal += "$"
			text = rest
			continue
		case length == 0 || braced && !strings.HasPrefix(digits[length:], "}"):
			return nil, fmt.Errorf("replace has ${ without a group number and } after it (got %q)", "$"+rest)
		case n > groups:
			return nil, fmt.Errorf("replace names group %d, regex has %d", n, groups)
		}
		flush()
		parts = append(parts, replacePart{group: n})
		text = digits[length:]
		if braced {
			text = text[1:]
		}
	}
	flush()
	return parts, nil
}

// apply returns text with the first match replaced, in the arena, and TransformSuccess or
// what went wrong; no status when nothing matched.
func (w *rewrite) apply(text []byte, a *exchange.Arena) (out []byte, status string) {
	match := w.expression.FindSubmatchIndex(text)
	if match == nil {
		return nil, ""
	}
	out = append(a.Begin(), text[:match[0]]...)
	for i := range w.parts {
		p := &w.parts[i]
		if p.group < 0 {
			out = append(out, p.text...)
		} else if from := match[2*p.group]; from >= 0 {
			out = append(out, text[from:match[2*p.group+1]]...)
		}
		if len(out) > maxTransformed {
			return nil, TransformBufferTooSmall
		}
	}
	out = append(out, text[match[1]:]...)
	if len(out) > maxTransformed {
		return nil, TransformBufferTooSmall
	}
	return a.End(out), TransformSuccess
}
