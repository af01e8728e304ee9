package http2

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// partialHead is a head of which more fragments are to come; id 0 for none.
type partialHead struct {
	id     uint32
	end    bool
	frames int
	block  []byte
}

// Bounds of a head before it is decoded. One that comes in more than a few fragments only
// makes work (CVE-2024-27316).
const (
	maxBlock     = MaxHead + headSlack
	maxFragments = 64
)

func (s *session) onHeaders(h frameHeader, payload []byte) error {
	if h.stream == 0 || h.stream%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	block, err := unpad(payload, h.flags.Has(http2.FlagHeadersPadded))
	if err != nil {
		return err
	}
	if h.flags.Has(http2.FlagHeadersPriority) {
		if len(block) < prioritySize {
			return http2.ConnectionError(http2.ErrCodeFrameSize)
		}
		block = block[prioritySize:]
	}
	end := h.flags.Has(http2.FlagHeadersEndStream)
	if h.flags.Has(http2.FlagHeadersEndHeaders) {
		return s.onHead(h.stream, end, block)
	}
	s.partial = partialHead{id: h.stream, end: end, frames: 1, block: append([]byte(nil), block...)}
	return nil
}

func (s *session) onContinuation(h frameHeader, payload []byte) error {
	p := &s.partial
	p.frames++
	switch {
	case p.id == 0:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case p.frames > maxFragments || len(p.block)+len(payload) > maxBlock:
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	p.block = append(p.block, payload...)
	if !h.flags.Has(http2.FlagContinuationEndHeaders) {
		return nil
	}
	whole := *p
	*p = partialHead{}
	return s.onHead(whole.id, whole.end, whole.block)
}

// onHead takes the head of a request, or its trailers. Whatever becomes of it, it is
// decoded, for the next ones build on its entries in the table.
func (s *session) onHead(id uint32, end bool, block []byte) error {
	s.mu.Lock()
	st := s.streams[id]
	isNew := st == nil && id > s.lastID
	if isNew {
		s.lastID = id
	}
	served := isNew && s.failed == nil && s.away != final && len(s.streams) < s.o.MaxStreams
	ignored := isNew && s.away == final
	s.opening = served
	if st != nil {
		s.head.announced = append(s.head.announced[:0], st.announced...)
	}
	s.mu.Unlock()

	var fresh *stream
	if served {
		fresh = newStream(s, id)
	}
	if err := s.decode(fresh, fresh != nil || st != nil, block); err != nil {
		return err
	}
	switch {
	case served:
		return s.open(fresh, end)
	case ignored:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bounded()
	switch st = s.streams[id]; {
	case isNew:
		s.out = appendReset(s.buffer(), id, http2.ErrCodeRefusedStream)
	case st == nil: // it ended while this was on its way
	case st.remoteEnded:
		s.resetStream(st, http2.ErrCodeStreamClosed, io.ErrUnexpectedEOF)
	case !end || s.head.malformed || s.head.large:
		s.resetStream(st, http2.ErrCodeProtocol, errWrongBody)
	default:
		st.trailers = s.head.trailers
		st.endBody()
		st.readable.Broadcast()
	}
	return nil
}

// open begins a new stream.
func (s *session) open(st *stream, end bool) error {
	malformed := s.head.malformed || !s.head.complete() || !s.head.host()
	status, reason := 0, ""
	if !malformed {
		status, reason = s.head.fill(end)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bounded()
	s.opening = false
	if malformed {
		s.out = appendReset(s.buffer(), st.id, http2.ErrCodeProtocol)
		st.release()
		return nil
	}
	if s.failed != nil {
		st.release()
		return nil
	}
	st.remoteEnded = end
	st.status, st.reason = status, reason
	if st.declared = exchange.Unknown; status == 0 && !end {
		st.declared = st.x.Request.ContentLength
	}
	st.sendWindow = s.initialWindow
	if len(s.streams) == 0 {
		s.idle.leave()
	}
	s.streams[st.id] = st
	if s.requests++; s.requests == s.o.MaxRequests {
		go s.goAway()
	}
	if len(s.waiting) > s.o.MaxStreams*4 {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	s.begin(st)
	return nil
}

// decode decodes a block into a new stream, or else into the trailers of an open one.
func (s *session) decode(fresh *stream, wanted bool, block []byte) error {
	s.head.start(fresh)
	s.decoder.SetEmitEnabled(wanted)
	s.head.decoder = s.decoder
	if _, err := s.decoder.Write(block); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if err := s.decoder.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	return nil
}

// head gathers the fields of one block.
type head struct {
	st      *stream // a new stream's head; nil for trailers
	decoder *hpack.Decoder

	method, path, authority, scheme string
	size                            int
	regular                         bool
	malformed                       bool
	large                           bool
	status                          int
	reason                          string
	crumbs                          []byte
	trailers                        []exchange.Field
	// announced is a copy of the open stream's, which may end meanwhile.
	announced []byte

	discard [4096]byte
}

func (h *head) start(fresh *stream) {
	h.st = fresh
	h.method, h.path, h.authority, h.scheme = "", "", "", ""
	h.size, h.regular, h.malformed, h.large = 0, false, false, false
	h.status, h.reason = 0, ""
	h.crumbs, h.trailers = h.crumbs[:0], nil
}

// add is called by the decoder.
func (h *head) add(f hpack.HeaderField) {
	if h.size += int(f.Size()); h.size > maxBlock {
		h.large = true
		h.decoder.SetEmitEnabled(false)
		return
	}
	switch {
	case h.malformed:
	case strings.HasPrefix(f.Name, ":"):
		h.pseudo(f)
	case !validName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value):
		h.malformed = true
	case h.st == nil:
		h.trailer(f)
	default:
		h.regular = true
		h.field(f)
	}
}

// validName reports whether a name is a token without upper case (RFC 9113, section 8.2.1).
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return httpguts.ValidHeaderFieldName(name)
}

// pseudo takes a pseudo-header field: each once, before all others, never in trailers.
func (h *head) pseudo(f hpack.HeaderField) {
	var into *string
	switch f.Name {
	case ":method":
		into = &h.method
	case ":path":
		into = &h.path
	case ":authority":
		into = &h.authority
	case ":scheme":
		into = &h.scheme
	}
	if into == nil || *into != "" || h.regular || h.st == nil {
		h.malformed = true
		return
	}
	*into = f.Value
}

// complete reports whether a request has the pseudo-header fields that it must have (RFC
// 9113, sections 8.3.1 and 8.5).
func (h *head) complete() bool {
	if h.large {
		return true // it is answered
	}
	if h.method == http.MethodConnect {
		return h.path == "" && h.scheme == "" && h.authority != ""
	}
	return h.method != "" && h.path != "" && (h.scheme == "http" || h.scheme == "https")
}

// field takes one field of a request.
func (h *head) field(f hpack.HeaderField) {
	x := &h.st.x
	switch f.Name {
	case "expect":
		// Not forwarded over HTTP/2 (how-elastic-load-balancing-works.html).
		h.st.expect = exchange.EqualFold([]byte(f.Value), "100-continue")
		return
	case "cookie":
		// Browsers send a cookie a field; HTTP/1.1 has one for all (RFC 9113, section 8.2.3).
		if len(h.crumbs) > 0 {
			h.crumbs = append(h.crumbs, "; "...)
		}
		h.crumbs = append(h.crumbs, f.Value...)
		return
	case "trailer":
		h.st.announced = append(append(h.st.announced, f.Value...), ',')
	}
	h.put(x.Arena.CopyString(f.Name), x.Arena.CopyString(f.Value))
}

func (h *head) put(name, value []byte) {
	x := &h.st.x
	f := exchange.Field{Name: name, Value: value}
	f.ID = exchange.Identify(f.Name)
	if f.ID == exchange.FieldContentLength || f.ID == exchange.FieldHost {
		switch earlier, ok := x.Request.Lookup(f.ID); {
		case ok && string(earlier) == string(f.Value):
			return // said twice, and the same
		case ok:
			h.malformed = true
		}
	}
	if h.status == 0 {
		h.status, h.reason = checkField(f)
	}
	if f.ID == exchange.FieldContentType && isGRPC(f.Value) {
		x.Record.Type, x.Record.GRPC = "grpcs", true
	}
	x.Request.HeadBytes += len(f.Name) + len(f.Value)
	x.Request.Fields = append(x.Request.Fields, f)
}

// fill fills the exchange from the request. A status other than 0 refuses it: what is
// refused here are requests that are well formed as HTTP/2 frames but that an HTTP/1.1
// target could read otherwise (RFC 9113, sections 8.1.1, 8.2 and 10.3).
func (h *head) fill(end bool) (status int, reason string) {
	x := &h.st.x
	q := &x.Request
	x.Record.Created = time.Now()
	if !x.Record.GRPC {
		x.Record.Type = "h2"
	}
	q.Version = exchange.HTTP2
	q.Method = x.Arena.CopyString(h.method)
	q.Target = x.Arena.CopyString(h.path)
	q.Scheme = schemeHTTPS
	q.HeadBytes += len(q.Method) + len(q.Target) + len(q.Authority) + len(q.Scheme) + len(":method:path:authority:scheme")
	if len(h.crumbs) > 0 {
		h.put(cookieName, x.Arena.Copy(h.crumbs))
	}
	if len(h.crumbs) > MaxLine {
		h.crumbs = nil // not kept for what the next request may need
	}
	x.Record.ReceivedBytes = int64(q.HeadBytes)
	switch {
	case h.large || q.HeadBytes > MaxHead:
		return http.StatusBadRequest, "request head over 64 KiB"
	case h.status != 0:
		return h.status, h.reason
	}
	if status, reason = checkPseudo(q.Method, q.Target, q.Authority); status != 0 {
		return status, reason
	}
	return h.contentLength(end)
}

// host makes one of :authority and the host field; false when they differ (RFC 9113,
// section 8.3.1).
func (h *head) host() bool {
	q := &h.st.x.Request
	q.Authority = h.st.x.Arena.CopyString(h.authority)
	host, ok := q.Lookup(exchange.FieldHost)
	switch {
	case !ok && len(q.Authority) > 0:
		q.Fields = append(q.Fields, exchange.Field{Name: hostName, Value: q.Authority, ID: exchange.FieldHost})
	case ok && len(q.Authority) == 0:
		q.Authority = host
	case ok:
		return exchange.EqualFold(host, string(q.Authority))
	}
	return true
}

// contentLength refuses a content-length that is not what the frames say (RFC 9113, section
// 8.1.1): the field would reach an HTTP/1.1 target, and the rest of the "body" would be the
// next request. A body that turns out shorter or longer later is an error of ReadBody.
func (h *head) contentLength(end bool) (status int, reason string) {
	q := &h.st.x.Request
	if q.ContentLength = exchange.Unknown; end {
		q.ContentLength = 0
	}
	said, ok := q.Lookup(exchange.FieldContentLength)
	if !ok {
		return 0, ""
	}
	n, err := strconv.ParseUint(string(said), 10, 63)
	if err != nil {
		return http.StatusBadRequest, "content-length is no number"
	}
	if end && n != 0 {
		return http.StatusBadRequest, "content-length without that body"
	}
	q.ContentLength = int64(n)
	return 0, ""
}

// trailer takes one trailer of a request, if it was announced. They are not in the arena,
// which the handler uses at the same time.
func (h *head) trailer(f hpack.HeaderField) {
	t := exchange.Field{Name: []byte(f.Name), Value: []byte(f.Value)}
	switch t.ID = exchange.Identify(t.Name); t.ID {
	case exchange.FieldContentLength, exchange.FieldTransferEncoding, exchange.FieldTrailer:
		return
	}
	for name := range strings.SplitSeq(string(h.announced), ",") {
		if strings.EqualFold(strings.TrimSpace(name), f.Name) {
			h.trailers = append(h.trailers, t)
			return
		}
	}
}
