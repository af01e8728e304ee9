package main

// benchCase is one kind of load that all proxies get.
type benchCase struct {
	name  string
	title string
	// body is the size of the target's answer, and upload that of the request's body, in bytes.
	body, upload int
	// log turns the proxies' access logs on; evenkeel's is in ALB format.
	log bool
	// policy gives each proxy a sticky cookie, twenty rules that no request meets, and its
	// metrics.
	policy bool
	// tls has clients speak TLS 1.3 with a certificate of ECDSA P-256, http2 HTTP/2 above it.
	tls, http2 bool
	// fresh makes a new connection for every request.
	fresh bool
	// streams are how many requests are on their way at once, when not one a connection.
	streams int
	// tunnel upgrades every connection to WebSocket and echoes messages.
	tunnel bool
	// floor measures the relay that only copies beside the proxies, and caddy measures Caddy.
	floor, caddy bool
	// bar is the ratio that is the aim.
	bar float64
}

const (
	small  = 280
	medium = 64 << 10
	large  = 1 << 20

	// HTTP/2's clients, and the streams that each keeps open.
	http2Connections, http2Streams = 8, 32

	// rulesInPolicy is how many rules the case with rules has.
	rulesInPolicy = 20
	// tunnels is how many WebSocket connections are open.
	tunnels = 1000
)

var cases = []benchCase{
	{name: "a", title: "keep-alive, 280-byte body, 64 connections", body: small, floor: true, caddy: true, bar: 0.95},
	{name: "b", title: "the same with the access log on", body: small, log: true, bar: 0.95},
	{name: "c", title: "the same with a sticky cookie, 20 rules, and metrics", body: small, policy: true, bar: 0.95},
	{name: "d", title: "keep-alive, 64 KiB body", body: medium, floor: true, bar: 1},
	{name: "e", title: "keep-alive, 1 MiB body", body: large, floor: true, bar: 1},
	{name: "f", title: "a new connection for every request", body: small, fresh: true, bar: 1},
	{name: "g", title: "64 KiB POST body", body: small, upload: medium, bar: 1},
	{name: "h", title: "TLS 1.3 keep-alive, ECDSA P-256", body: small, tls: true, bar: 1},
	{name: "i", title: "a full TLS handshake for every request", body: small, tls: true, fresh: true, bar: 0.8},
	{name: "j", title: "HTTP/2 over TLS, 8 connections of 32 streams (the aim is against nginx)", body: small, tls: true, http2: true, streams: http2Connections * http2Streams, bar: 1},
	{name: "k", title: "WebSocket echo, 1,000 connections", tunnel: true, floor: true, bar: 1},
}

// pool is how many idle connections each proxy keeps to the target: as many as there are
// requests at once.
func (c benchCase) pool() int { return max(connections, c.streams) }

// Names of the cases that are not of this kind.
const (
	idleCase     = "l"
	latencyCase  = "m"
	tailCase     = "n"
	changeCase   = "o"
	scaleCase    = "p"
	functionCase = "q"
)
