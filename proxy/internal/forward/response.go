package forward

import (
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// prepareAnswer turns the target's head into the one that the client receives: without
// what concerns only the target's connection, with the fields the listener manages and the
// cookies of stickiness. Everything else passes unchanged, Server included.
func (s *session) prepareAnswer() {
	r := &s.x.Response
	named := connectionNames(r.Fields)
	kept := r.Fields[:0]
	for i := range r.Fields {
		f := r.Fields[i]
		switch {
		case f.ID == exchange.FieldUpgrade && r.Status == 101:
		case f.ID == exchange.FieldTransferEncoding, http1.HopByHop(f.ID), s.l.manages(f.ID),
			f.ID == exchange.FieldContentLength && r.ContentLength == exchange.Unknown && !r.NoBody,
			named != nil && namedIn(named, &f):
			continue
		}
		kept = append(kept, f)
	}
	r.Fields = append(kept, s.l.managed...)
	s.appendCookies()
}

// prepareInterim is prepareAnswer for a 1xx.
func (s *session) prepareInterim() {
	r := &s.x.Response
	kept := r.Fields[:0]
	for i := range r.Fields {
		if f := r.Fields[i]; !http1.HopByHop(f.ID) && f.ID != exchange.FieldTransferEncoding && f.ID != exchange.FieldContentLength {
			kept = append(kept, f)
		}
	}
	r.Fields = kept
}

// manages reports whether the listener sets this field itself.
func (l *Listener) manages(id exchange.FieldID) bool {
	if id == exchange.FieldOther {
		return false
	}
	for i := range l.managed {
		if l.managed[i].ID == id {
			return true
		}
	}
	return false
}
