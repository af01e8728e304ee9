package forward

import (
	"bytes"
	"encoding/binary"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// maxTraceHead is the size of a request head beyond which an incoming trace id is
// replaced by a new root instead of being extended.
const maxTraceHead = 7 << 10

// traceID returns the value of X-Amzn-Trace-Id for the target: a new Root, or the client's
// own value with a Self of ours in front.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
func traceID(x *exchange.Exchange) []byte {
	b := x.Arena.Begin()
	given, ok := x.Request.Lookup(exchange.FieldXAmznTraceID)
	if !ok || len(given) == 0 || x.Request.HeadBytes > maxTraceHead {
		return x.Arena.End(appendTrace(append(b, "Root="...), x))
	}
	b = appendTrace(append(b, "Self="...), x)
	for part := range bytes.SplitSeq(given, []byte{';'}) {
		part = bytes.TrimSpace(part)
		if len(part) == 0 || bytes.HasPrefix(part, []byte("Self=")) {
			continue
		}
		b = append(append(b, ';'), part...)
	}
	return x.Arena.End(b)
}

// appendTrace appends 1-<8 hex digits of the second>-<24 random hex digits>.
func appendTrace(b []byte, x *exchange.Exchange) []byte {
	b = appendHex(append(b, "1-"...), uint64(x.Record.Created.Unix()), 8)
	b = appendHex(append(b, '-'), random(), 16)
	return appendHex(b, random(), 8)
}

const hexDigits = "0123456789abcdef"

// appendHex appends the last n hexadecimal digits of v.
func appendHex(b []byte, v uint64, n int) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], v)
	for i := 16 - n; i < 16; i++ {
		b = append(b, hexDigits[raw[i/2]>>(4*(1-i%2))&15])
	}
	return b
}
