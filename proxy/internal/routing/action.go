package routing

import (
	"errors"
	"fmt"

	"github.com/evenkeel/evenkeel/spec"
)

// Kind says which field of an Action is set.
type Kind uint8

// The kinds of actions.
const (
	KindForward Kind = iota
	KindRedirect
	KindFixedResponse
)

// Action is what a rule does with a request: exactly one of its fields, which Kind names.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
type Action struct {
	Kind     Kind
	Forward  *Forward
	Redirect *Redirect
	Fixed    *FixedResponse
}

// FixedResponse is an answer without a target.
type FixedResponse struct {
	// Status is 200-299 or 400-599.
	Status int
	// ContentType is the field's value with its charset, e.g. "text/plain; charset=utf-8".
	ContentType string
	// Body is at most 1024 bytes.
	Body []byte
}

var (
	errNoAction      = errors.New("one of forward, redirect and fixed_response is needed")
	errSeveralAction = errors.New("forward, redirect and fixed_response exclude each other")
)

func compileAction(a *spec.Action) (Action, error) {
	set := 0
	for _, present := range []bool{len(a.Forward) > 0, a.Redirect != nil, a.FixedResponse != nil} {
		if present {
			set++
		}
	}
	switch {
	case set == 0:
		return Action{}, errNoAction
	case set > 1:
		return Action{}, errSeveralAction
	case a.Redirect != nil:
		redirect, err := compileRedirect(a.Redirect)
		if err != nil {
			return Action{}, fmt.Errorf("redirect: %w", err)
		}
		return Action{Kind: KindRedirect, Redirect: redirect}, nil
	case a.FixedResponse != nil:
		fixed, err := compileFixedResponse(a.FixedResponse)
		if err != nil {
			return Action{}, fmt.Errorf("fixed_response: %w", err)
		}
		return Action{Kind: KindFixedResponse, Fixed: fixed}, nil
	default:
		return Action{Kind: KindForward, Forward: compileForward(a)}, nil
	}
}

// contentTypes are those that ALB offers for fixed responses. Each goes out with a charset,
// in which MessageBody always is.
var contentTypes = []string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}

func compileFixedResponse(f *spec.FixedResponse) (*FixedResponse, error) {
	contentType := f.ContentType
	if contentType == "" {
		contentType = contentTypes[0]
	}
	known := false
	for _, c := range contentTypes {
		known = known || c == contentType
	}
	switch class := f.StatusCode / 100; {
	case class != 2 && class != 4 && class != 5:
		return nil, fmt.Errorf("status_code is not 2xx, 4xx or 5xx (got %d)", f.StatusCode)
	case !known:
		return nil, fmt.Errorf("content_type is not one of %q (got %q)", contentTypes, f.ContentType)
	}
	return &FixedResponse{Status: f.StatusCode, ContentType: contentType + "; charset=utf-8", Body: []byte(f.MessageBody)}, nil
}
