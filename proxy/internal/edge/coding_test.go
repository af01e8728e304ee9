package edge

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

func accepting(values ...string) *exchange.Request {
	r := &exchange.Request{}
	for _, v := range values {
		r.Fields = append(r.Fields, exchange.Field{ID: exchange.FieldAcceptEncoding, Name: []byte("Accept-Encoding"), Value: []byte(v)})
	}
	return r
}

func TestAcceptEncoding(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   coding // of all, in the order of preference zstd, br, gzip
	}{
		{nil, identity},
		{[]string{""}, identity},
		{[]string{"gzip"}, codingGzip},
		{[]string{"GZip"}, codingGzip},
		{[]string{"x-gzip"}, codingGzip},
		{[]string{"deflate"}, identity},
		{[]string{"compress, deflate"}, identity},
		{[]string{"gzip, deflate, br"}, codingBrotli},
		{[]string{"gzip, deflate, br, zstd"}, codingZstd},
		{[]string{"gzip", "br"}, codingBrotli},
		{[]string{"br;q=0.5, gzip"}, codingGzip},
		{[]string{"br;q=0.5, gzip;q=0.501"}, codingGzip},
		{[]string{"br; q=0.9 , gzip ; Q=0.8"}, codingBrotli},
		{[]string{"br;q=0, gzip;q=0"}, identity},
		{[]string{"gzip;q=0.000"}, identity},
		{[]string{"gzip;q=0.001"}, codingGzip},
		{[]string{"gzip;q=1.000"}, codingGzip},
		{[]string{"gzip;q=1.001"}, identity}, // malformed
		{[]string{"gzip;q=2"}, identity},
		{[]string{"gzip;q=-1"}, identity},
		{[]string{"gzip;q="}, identity},
		{[]string{"gzip;q=0.5555"}, identity},
		{[]string{"gzip;q=."}, identity},
		{[]string{"gzip;q=1."}, codingGzip},
		{[]string{"gzip;q=x"}, identity},
		{[]string{"gzip;x=1"}, identity},
		{[]string{"gzip;q=0.5;x"}, identity},
		{[]string{"*"}, codingGzip},
		{[]string{"*;q=0"}, identity},
		{[]string{"gzip, *;q=0"}, codingGzip},
		{[]string{"gzip;q=0, *"}, identity},
		{[]string{"br, *;q=0.5"}, codingBrotli},
		{[]string{"identity"}, identity},
		{[]string{"identity, gzip"}, codingGzip},
		{[]string{"identity;q=1, gzip;q=0.5"}, identity},
		{[]string{"identity;q=0.5, gzip;q=1"}, codingGzip},
		{[]string{"identity;q=0, gzip;q=0"}, identity}, // nothing else is left
		{[]string{"gzip, gzip;q=0"}, identity},
		{[]string{",,, ,gzip,,"}, codingGzip},
		{[]string{"gzip br"}, identity},
		{[]string{"\tgzip\t"}, codingGzip},
		{[]string{"gzipp, bro, zst"}, identity},
	} {
		w := weightsOf(accepting(tt.values...))
		if got := w.best(codingZstd, codingBrotli, codingGzip); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.values, got, tt.want)
		}
	}
	w := weightsOf(accepting("gzip, br"))
	if got := w.best(); got != identity {
		t.Errorf("nothing on offer: %v", got)
	}
	if got := w.best(codingGzip); got != codingGzip {
		t.Errorf("only gzip on offer: %v", got)
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, v := range []string{"gzip, deflate, br", "gzip;q=0.5,*;q=0", ";q=1", "identity;q=1.000, x-gzip", "br;q=1.", ",;,"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := accepting(value)
		w := weightsOf(r)
		for c, weight := range w {
			if weight < unnamed || weight > full {
				t.Fatalf("%q: %v is %d", value, coding(c), weight)
			}
		}
		if best := w.best(codingZstd, codingBrotli, codingGzip); best != identity && (w[best] <= 0 || w[best] < w[identity]) {
			t.Fatalf("%q: %v of %v", value, best, w)
		}
		if again := weightsOf(accepting(value, "")); again != w {
			t.Fatalf("%q: %v, then %v", value, w, again)
		}
	})
}
