package http1

// Error says why a message is refused. Refusals are values made once, so that an attack
// costs no memory: compare the fields, not the pointers.
type Error struct {
	// Status is the answer that the client gets: 400, 414, 501 or 505 for a request of its
	// own, 502 for a target's response.
	Status int
	// Reason says for humans what is wrong, in lower case.
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Statuses of refusals. This package decides and sends nothing, so it does without net/http.
const (
	statusBadRequest     = 400
	statusURITooLong     = 414
	statusNotImplemented = 501
	statusBadGateway     = 502
	statusBadVersion     = 505
)

// Refusals of request heads.
var (
	errRequestLineLong = &Error{statusURITooLong, "request line is too long"}
	errRequestVersion  = &Error{statusBadVersion, "version of http is not spoken here"}
	errRequestLine     = &Error{statusBadRequest, "request line is malformed"}
	errNoTarget        = &Error{statusBadRequest, "request line has no target"}
	errSimpleMethod    = &Error{statusBadRequest, "request without a version is not a get"}
	errEmptyLines      = &Error{statusBadRequest, "too many empty lines before a request"}
	errFieldLineLong   = &Error{statusBadRequest, "header line is too long"}
	errHeadLong        = &Error{statusBadRequest, "request head is too large"}
	errFieldCount      = &Error{statusBadRequest, "too many header fields"}
	errBareLF          = &Error{statusBadRequest, "line ends without cr"}
	errBareCR          = &Error{statusBadRequest, "cr inside a line"}
	errNUL             = &Error{statusBadRequest, "nul in the request head"}
	errFold            = &Error{statusBadRequest, "header line is folded"}
	errColon           = &Error{statusBadRequest, "header line has no colon"}
	errSpaceBefore     = &Error{statusBadRequest, "space before the colon of a header line"}
)

// Refusals of a request's framing.
var (
	errLength       = &Error{statusBadRequest, "content-length is not a number"}
	errTwoLengths   = &Error{statusBadRequest, "content-length fields differ"}
	errCoding       = &Error{statusBadRequest, "transfer-encoding is not a single final chunked"}
	errCodingOf     = &Error{statusNotImplemented, "transfer coding is not supported"}
	errOldVersion   = &Error{statusBadRequest, "body in a version of http that does not define it"}
	errLooksFraming = &Error{statusBadRequest, "header name could be read as content-length or transfer-encoding"}
)

// Refusals of response heads.
var (
	errStatusLine      = &Error{statusBadGateway, "status line is malformed"}
	errAnswerLong      = &Error{statusBadGateway, "response head is too large"}
	errAnswerCount     = &Error{statusBadGateway, "too many response header fields"}
	errAnswerBareLF    = &Error{statusBadGateway, "response line ends without cr"}
	errAnswerFold      = &Error{statusBadGateway, "response header line is folded"}
	errAnswerName      = &Error{statusBadGateway, "response header name is not a token"}
	errAnswerValue     = &Error{statusBadGateway, "response header value has a control character"}
	errAnswerLength    = &Error{statusBadGateway, "response content-length is not one number"}
	errAnswerCoding    = &Error{statusBadGateway, "response transfer-encoding is not a single chunked"}
	errAnswerTwoFrames = &Error{statusBadGateway, "response has content-length and transfer-encoding"}
)

// Refusals of a chunked body.
var (
	errChunkSize    = &Error{statusBadRequest, "chunk size is not hexadecimal"}
	errChunkLarge   = &Error{statusBadRequest, "chunk size is too large"}
	errChunkExt     = &Error{statusBadRequest, "chunk extension is malformed"}
	errChunkExtLong = &Error{statusBadRequest, "chunk extension is too long"}
	errChunkWaste   = &Error{statusBadRequest, "chunked body is mostly framing"}
	errChunkLine    = &Error{statusBadRequest, "chunk line ends without crlf"}
	errChunkEnd     = &Error{statusBadRequest, "chunk data is not followed by crlf"}
	errTrailer      = &Error{statusBadRequest, "trailer is malformed"}
	errTrailerLong  = &Error{statusBadRequest, "trailers are too large"}
)
