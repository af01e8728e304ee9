// Package exchange holds one request and its answer as every front end fills them
// and every action reads them: an HTTP/1 connection and an HTTP/2 stream look the
// same from here on. It knows no sockets, clocks or configuration.
package exchange

import "net/netip"

// Version of HTTP that a message was received with.
type Version uint8

// Protocol versions. HTTP/1.2 to 1.9 are HTTP11 for framing; Request.RawVersion has
// what was sent.
const (
	HTTP09 Version = 9
	HTTP10 Version = 10
	HTTP11 Version = 11
	HTTP2  Version = 20
)

// Unknown is the ContentLength of a body that ends with its framing: chunked, the end
// of an HTTP/2 stream, or (in a response) the close of the connection.
const Unknown int64 = -1

// Request is one request head. Every slice aliases the head buffer or the arena.
type Request struct {
	Method []byte
	// Target is the request target exactly as sent (HTTP/2: :path).
	Target []byte
	// Scheme and Authority are those of an absolute-form target or of HTTP/2's
	// pseudo-headers; empty otherwise.
	Scheme    []byte
	Authority []byte
	Version   Version
	// RawVersion is the version token as sent; HTTP/1 only.
	RawVersion []byte
	Fields     []Field
	// HeadBytes is the size of the head on the wire (HTTP/2: of the decoded fields).
	HeadBytes int

	// ContentLength is the body's size, 0 for none, or Unknown.
	ContentLength int64
	// Chunked says that the body came in chunked transfer coding.
	Chunked bool
	// Upgrade says that the request asks to switch protocols (HTTP/1.1 with Upgrade named
	// in Connection and an Upgrade field): the WebSocket handshake, among others.
	Upgrade bool
	// ExpectContinue says that the client waits for 100 Continue before its body.
	ExpectContinue bool
	// Close says that the client closes after this exchange (Connection: close, HTTP/1.0
	// without keep-alive).
	Close bool

	// Host, Path and Query are the canonical forms that rules match and targets receive.
	// Host is lower-case without port; Port is what stood behind it, without the colon. Path
	// starts with a slash (or is "*"); Query has no question mark; HasQuery tells an empty
	// query from none.
	Host     []byte
	Port     []byte
	Path     []byte
	Query    []byte
	HasQuery bool
}

// Lookup returns the value of the first field with this ID.
func (r *Request) Lookup(id FieldID) ([]byte, bool) { return lookup(r.Fields, id) }

// GRPC reports whether the request is a gRPC call: HTTP/2 and a content type of
// application/grpc, perhaps with +proto or the like, or parameters. gRPC-Web is not.
func (r *Request) GRPC() bool {
	if r.Version != HTTP2 {
		return false
	}
	const name = "application/grpc"
	value, _ := r.Lookup(FieldContentType)
	if len(value) < len(name) || !EqualFold(value[:len(name)], name) {
		return false
	}
	rest := value[len(name):]
	return len(rest) == 0 || rest[0] == '+' || rest[0] == ';' || rest[0] == ' '
}

// Response is one response head. Every slice aliases the target's head buffer or the arena.
type Response struct {
	Status int
	// Reason is the reason phrase; HTTP/2 targets have none.
	Reason  []byte
	Version Version
	Fields  []Field
	// HeadBytes is the size of the head on the wire.
	HeadBytes int
	// ContentLength is the body's size, 0 for none, or Unknown.
	ContentLength int64
	// Chunked says that the body came in chunked transfer coding.
	Chunked bool
	// Close says that the target closes its connection after this response.
	Close bool
	// NoBody says that by method or status (HEAD, 1xx, 204, 304) no body follows,
	// whatever the fields say.
	NoBody bool
}

// Lookup returns the value of the first field with this ID.
func (r *Response) Lookup(id FieldID) ([]byte, bool) { return lookup(r.Fields, id) }

func lookup(fields []Field, id FieldID) ([]byte, bool) {
	for i := range fields {
		if fields[i].ID == id {
			return fields[i].Value, true
		}
	}
	return nil, false
}

// Connection holds what does not change between the exchanges of one client connection.
type Connection struct {
	// Peer is the TCP peer, or the client that a trusted PROXY header named.
	Peer netip.AddrPort
	// Local is the address that the client connected to.
	Local netip.AddrPort
	// TraceID is TID_ and 32 hexadecimal digits; it joins access and connection log.
	TraceID string
	// ListenerPort is the listener's port in the environment file, which
	// `proxy.bind` may map elsewhere.
	ListenerPort int
	TLS          *TLS
	// Shard spreads connections over sharded counters and pools.
	Shard uint32
}

// TLS holds what the handshake settled.
type TLS struct {
	// Version and CipherSuite in OpenSSL's spelling, e.g. TLSv1.3 and TLS_AES_128_GCM_SHA256.
	Version     string
	CipherSuite string
	// ServerName is the SNI; empty when none was sent or the default certificate was used.
	ServerName string
	// CertificateARN names the chosen certificate; session-reused on resumption.
	CertificateARN string
	// KeyExchange is the group's name, e.g. X25519MLKEM768.
	KeyExchange string
}

// Client is the client's side of one exchange: an HTTP/1 connection or an HTTP/2 stream.
type Client interface {
	// ReadBody reads the request body, transfer coding removed. io.EOF at its end;
	// io.ErrUnexpectedEOF when the client left before it.
	ReadBody(p []byte) (int, error)
	// Buffered returns how much of the request body can be read without blocking, and
	// whether that is the whole rest of a body whose length the head said.
	Buffered() (n int, whole bool)
	// Trailers returns the fields after the request body, once ReadBody gave io.EOF.
	Trailers() []Field
	// WriteInterim sends a 1xx answer.
	WriteInterim(r *Response) error
	// WriteHead sends the head of the answer, in one write with body when there is one.
	// more says that body is not all: WriteBody or ReadBodyFrom and then Finish follow.
	WriteHead(r *Response, body []byte, more bool) error
	// WriteBody sends more of the body; it is on the wire when it returns.
	WriteBody(p []byte) error
	// Finish ends a body whose WriteHead said more. Trailers may be nil.
	Finish(trailers []Field) error
	// StopBody makes a ReadBody that waits in another goroutine return soon, with an error.
	// The rest of the request body is given up.
	StopBody()
	// Abort ends an answer that cannot be completed, so that the client sees it is cut short.
	Abort()
	// Gone reports without blocking whether the client has left.
	Gone() bool
}
