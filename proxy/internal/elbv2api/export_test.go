package elbv2api

import (
	"net/http"
	"time"
)

// Fault has every step of writing the state file ask f first.
func (a *API) Fault(f func(step string) error) { a.state.fault = f }

// DecodeState and EncodeState read and write a state file's text.
var (
	DecodeState = decodeState
	EncodeState = encodeState
)

// Verify holds a request to its signature.
func Verify(r *http.Request, body []byte, secrets map[string][]byte, now time.Time) error {
	who, refusal := claimed(r, secrets, now)
	if refusal == nil {
		refusal = who.verify(r, body)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// ParseAuthorization reports whether a header field is taken.
func ParseAuthorization(field string) error {
	if _, refusal := parseAuthorization(field); refusal != nil {
		return refusal
	}
	return nil
}

// Decode reads a form into the struct that v points to.
func Decode(form string, v any) error {
	p, refusal := parseQuery(form)
	if refusal == nil {
		refusal = p.decode(v)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// Replay remembers signatures, as a process that begins with those of the last second.
func Replay(last time.Time, signatures ...string) func(signature string, signed time.Time) error {
	p := newReplay()
	p.restore(taken{last, signatures})
	return func(signature string, signed time.Time) error {
		if refusal := p.admit(signature, signed); refusal != nil {
			return refusal
		}
		return nil
	}
}

// MaxState bounds a state file.
const MaxState = maxState

// MaxPerAddress bounds the connections from one address.
const MaxPerAddress = maxPerAddress

// MaxSeen bounds what Replay remembers.
const MaxSeen = maxSeen

// Operation is an action of the table, for the reference.
type Operation struct {
	Name, Kind, Note string
}

// Kinds of operations.
const (
	Supported = "supported"
	Shown     = "accepted and shown"
	NotThere  = "not there"
)

// Operations lists all actions.
func Operations() []Operation {
	var list []Operation
	for name, o := range actions {
		kind := Supported
		switch {
		case o.run == nil:
			kind = NotThere
		case o.shown:
			kind = Shown
		}
		list = append(list, Operation{name, kind, o.note})
	}
	return list
}

// Attributes are the keys of a noun's attributes.
func Attributes() map[string][]string {
	all := map[string][]string{}
	for _, r := range loadBalancerAttributes.rows {
		all["load balancer"] = append(all["load balancer"], r.key)
	}
	for _, r := range listenerAttributes.rows {
		all["listener"] = append(all["listener"], r.key)
	}
	for _, r := range targetGroupAttributes.rows {
		all["target group"] = append(all["target group"], r.key)
	}
	return all
}
