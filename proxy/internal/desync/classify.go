// Package desync sorts requests into the tiers of an ALB's desync mitigation, by how likely
// two parties are to disagree on where the request ends. It judges and does nothing; what a
// tier means is the listener's mode to say.
package desync

import "github.com/evenkeel/evenkeel/proxy/internal/exchange"

// Classify returns the request's tier and what put it there. Checks are made in the order of
// an ALB's: a later one counts only when its tier is strictly higher, so the reason is the
// first of those at the final tier.
//
// Requests of HTTP/2 have been converted by now and are judged like others, but for the
// version, which they have none of.
func Classify(r *exchange.Request) (Tier, Reason) {
	var v verdict
	framing := false
	for i := range r.Fields {
		if v.field(&r.Fields[i]) {
			framing = true
		}
	}
	if framing {
		v.framing(r)
	}
	if bad, ok := unusual(r.Method, octetToken); bad || !ok {
		v.raise(Severe, BadMethod)
	}
	if r.Version != exchange.HTTP2 {
		v.version(r.RawVersion)
	}
	v.uri(r.Target)
	return v.tier, v.reason
}

// verdict is what has been found so far.
type verdict struct {
	tier   Tier
	reason Reason
}

func (v *verdict) raise(t Tier, why Reason) {
	if t > v.tier {
		v.tier, v.reason = t, why
	}
}

// field judges one field by itself. It reports whether the field frames the body, or looks
// as if it did.
func (v *verdict) field(f *exchange.Field) (framing bool) {
	badValue, okValue := unusualText(f.Value)
	if f.ID != exchange.FieldOther {
		// A known name is a token, and its letters are nobody else's.
		switch {
		case badValue:
			v.raise(Severe, BadHeader)
		case !okValue:
			v.raise(Acceptable, NonCompliantHeader)
		}
		return f.ID == exchange.FieldContentLength || f.ID == exchange.FieldTransferEncoding
	}
	badName, okName := unusual(f.Name, octetToken)
	switch {
	case badName, badValue:
		v.raise(Severe, BadHeader)
	case !okName, !okValue:
		v.raise(Acceptable, NonCompliantHeader)
	}
	name := trim(f.Name)
	if len(name) == 0 || name[0] == ':' {
		v.raise(Ambiguous, EmptyHeader)
		return false
	}
	if badName || badValue || exchange.LikeFraming(name) == exchange.FieldOther {
		return false
	}
	v.raise(Ambiguous, SuspiciousHeader)
	return true
}

// version judges the version token. A request without one is HTTP/0.9's.
func (v *verdict) version(raw []byte) {
	token := trim(raw)
	switch {
	case len(token) == 0, string(token) == "HTTP/0.9":
		v.raise(Acceptable, NonCompliantVersion)
	case len(token) != len("HTTP/1.1"), string(token[:7]) != "HTTP/1.", token[7] < '0', token[7] > '9':
		v.raise(Severe, BadVersion)
	case len(token) != len(raw), token[7] > '1':
		v.raise(Acceptable, NonCompliantVersion)
	}
}

// uri judges the request target.
func (v *verdict) uri(target []byte) {
	for _, c := range target {
		switch o := octets[c]; {
		case o&octetURI != 0:
		case o&octetBreak != 0:
			v.raise(Severe, BadUri)
			return
		case c == ' ':
			v.raise(Acceptable, SpaceInUri)
		default:
			v.raise(Ambiguous, AmbiguousUri)
		}
	}
}

// trim takes SP and HT off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
