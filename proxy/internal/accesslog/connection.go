package accesslog

import (
	"net/netip"
	"strconv"
	"time"
)

// ConnectionRecord is what the connection log says of one client connection. Empty
// strings are logged as dashes; a connection without TLS has all but the first four and
// TraceID empty.
type ConnectionRecord struct {
	// Time is when the connection was established or the attempt failed.
	Time time.Time
	// Shard is that of the connection.
	Shard        uint32
	Client       netip.AddrPort
	ListenerPort int
	// Protocol and Cipher in OpenSSL's spelling, e.g. TLSv1.3 and TLS_AES_128_GCM_SHA256.
	Protocol string
	Cipher   string
	// HandshakeLatency is 0 when there was no successful handshake.
	HandshakeLatency time.Duration
	// Subject, Validity (`NotBefore=…;NotAfter=…`) and SerialNumber are the client
	// certificate's.
	Subject      string
	Validity     string
	SerialNumber string
	// VerifyStatus is Success or Failed:<reason>, of the client certificate or of the PROXY
	// header.
	VerifyStatus string
	// TraceID joins the access log.
	TraceID string
	// KeyExchange is the group's name, e.g. X25519MLKEM768.
	KeyExchange string
}

// VerifyStatus of a connection that was closed for its PROXY header. An ALB takes none, so
// that the words are ours.
const (
	ProxyHeaderNotTrusted  = "Failed:ProxyHeaderNotTrusted"
	ProxyHeaderMissing     = "Failed:ProxyHeaderMissing"
	ProxyHeaderMalformed   = "Failed:ProxyHeaderMalformed"
	ProxyHeaderUnsupported = "Failed:ProxyHeaderUnsupported"
	ProxyHeaderTimeout     = "Failed:ProxyHeaderTimeout"
)

// Connection records a client connection in the 13 fields of an ALB's connection log entry.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html#connection-log-entry-format
func (l *Logger) Connection(r *ConnectionRecord) {
	if l == nil || l.connections == nil {
		return
	}
	sh := l.connections.begin(r.Shard)
	if sh == nil {
		return
	}
	sh.pending = r.appendLine(sh.pending, &sh.stamps)
	l.connections.end(sh)
}

func (r *ConnectionRecord) appendLine(b []byte, s *stamps) []byte {
	b = append(s.appendISO(b, r.Time), ' ')
	b = append(appendAddr(b, r.Client.Addr()), ' ')
	b = append(strconv.AppendUint(b, uint64(r.Client.Port()), 10), ' ')
	b = append(strconv.AppendInt(b, int64(r.ListenerPort), 10), ' ')
	b = appendToken(b, r.Protocol)
	b = appendToken(b, r.Cipher)
	if r.HandshakeLatency > 0 {
		b = append(appendSeconds(b, r.HandshakeLatency), ' ')
	} else {
		b = append(b, '-', ' ')
	}
	b = appendQuoted(b, r.Subject)
	b = appendToken(b, r.Validity)
	b = appendToken(b, r.SerialNumber)
	b = appendToken(b, r.VerifyStatus)
	b = appendToken(b, r.TraceID)
	b = appendToken(b, r.KeyExchange)
	b[len(b)-1] = '\n' // in place of the space after the last field
	return b
}
