package routing

// Error is the refusal of a request that has no canonical form.
type Error struct {
	// Status is the answer: 400, or 405 for a method that no load balancer forwards.
	Status int
	// Reason says for humans what is wrong, in lower case.
	Reason string
}

func (e *Error) Error() string { return e.Reason }

const (
	statusBadRequest = 400
	statusNotAllowed = 405
)

// Refusals are values made once, so that an attack costs no memory.
var (
	errMethod     = &Error{statusNotAllowed, "method is not forwarded"}
	errTarget     = &Error{statusBadRequest, "request target is neither a path nor an http or https URL"}
	errAsterisk   = &Error{statusBadRequest, "request target * with a method other than OPTIONS"}
	errByte       = &Error{statusBadRequest, "request target has a fragment, CR, LF or NUL"}
	errEscape     = &Error{statusBadRequest, "path has a malformed percent escape"}
	errEscapedNUL = &Error{statusBadRequest, "path has an escaped NUL"}
	errAboveRoot  = &Error{statusBadRequest, "path climbs above the root"}
	errHidden     = &Error{statusBadRequest, "path has a dot segment that only some see"}
	errNoHost     = &Error{statusBadRequest, "request names no host"}
	errHost       = &Error{statusBadRequest, "host is malformed"}
	errTwoHosts   = &Error{statusBadRequest, "host differs from the authority"}
)
