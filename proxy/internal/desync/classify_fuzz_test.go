package desync_test

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/desync"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// FuzzClassify: a request has a reason unless it is compliant, more header fields never make
// it better, and what is compliant has none of the marks of an attack.
func FuzzClassify(f *testing.F) {
	f.Add([]byte("GET"), []byte("/"), []byte("HTTP/1.1"), []byte("Host"), []byte("a"), []byte("Content-Length"), []byte("5"))
	f.Add([]byte("POST"), []byte("/ "), []byte("HTTP/1.0"), []byte("Transfer-Encoding"), []byte("chunked"), []byte("content length"), []byte("x"))
	f.Add([]byte(""), []byte("\x00"), []byte("HTTP/0.9"), []byte(""), []byte("\r"), []byte("Transfer_Encoding"), []byte("gzip, chunked"))
	f.Fuzz(func(t *testing.T, method, target, raw, name1, value1, name2, value2 []byte) {
		for _, version := range []exchange.Version{exchange.HTTP09, exchange.HTTP10, exchange.HTTP11, exchange.HTTP2} {
			r := exchange.Request{Method: method, Target: target, RawVersion: raw, Version: version, Fields: []exchange.Field{
				{Name: name1, Value: value1, ID: exchange.Identify(name1)}, {Name: name2, Value: value2, ID: exchange.Identify(name2)},
			}}
			tier, reason := desync.Classify(&r)
			if (tier == desync.Compliant) != (reason == "") || tier > desync.Severe {
				t.Fatalf("%v %q", tier, reason)
			}
			all := bytes.Join([][]byte{method, target, name1, value1, name2, value2}, nil)
			if bytes.ContainsAny(all, "\r\n\x00") && tier != desync.Severe {
				t.Fatalf("a line break in a request that is %v", tier)
			}
			if again, why := desync.Classify(&r); again != tier || why != reason {
				t.Fatalf("%v %q, then %v %q", tier, reason, again, why)
			}
			r.Fields = r.Fields[:1]
			if fewer, _ := desync.Classify(&r); fewer > tier && r.Version >= exchange.HTTP11 {
				t.Fatalf("%v with one field, %v with two", fewer, tier)
			}
		}
	})
}
