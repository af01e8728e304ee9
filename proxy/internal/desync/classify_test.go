package desync_test

import (
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/desync"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// request returns a compliant request with these fields, given as name and value in turn.
func request(method string, fields ...string) *exchange.Request {
	r := &exchange.Request{
		Method: []byte(method), Target: []byte("/a?b=c"), Version: exchange.HTTP11, RawVersion: []byte("HTTP/1.1"),
	}
	for i := 0; i < len(fields); i += 2 {
		name := []byte(fields[i])
		r.Fields = append(r.Fields, exchange.Field{Name: name, Value: []byte(fields[i+1]), ID: exchange.Identify(name)})
	}
	return r
}

func expect(t *testing.T, name string, r *exchange.Request, tier desync.Tier, reason desync.Reason) {
	t.Helper()
	if gotTier, gotReason := desync.Classify(r); gotTier != tier || gotReason != reason {
		t.Errorf("%s: %v %q, want %v %q", name, gotTier, gotReason, tier, reason)
	}
}

func TestFields(t *testing.T) {
	const te, cl = "Transfer-Encoding", "Content-Length"
	for _, tt := range []struct {
		method string
		fields []string
		tier   desync.Tier
		reason desync.Reason
	}{
		{"GET", nil, desync.Compliant, ""},
		{"GET", []string{"Host", "a", "X_y.z!", "\t\x80\xff~ "}, desync.Compliant, ""},
		{"GET", []string{"X-Content-Length", "5", "Content-Length-X", "5", "Content-Lengt", "x", "TE", "trailers"}, desync.Compliant, ""},
		{"POST", []string{cl, "5"}, desync.Compliant, ""},
		{"POST", []string{cl, "0"}, desync.Compliant, ""},
		{"POST", []string{cl, "18446744073709551615"}, desync.Compliant, ""},
		{"POST", []string{te, "chunked"}, desync.Compliant, ""},
		{"POST", []string{te, "gzip, Chunked ;a=b"}, desync.Compliant, ""},
		{"POST", []string{te, "identity"}, desync.Compliant, ""},
		{"DELETE", []string{cl, "5"}, desync.Compliant, ""},

		{"GET", []string{"A B", "c"}, desync.Acceptable, desync.NonCompliantHeader},
		{"GET", []string{"A\xe9", "c"}, desync.Acceptable, desync.NonCompliantHeader},
		{"GET", []string{"A", "\x01"}, desync.Acceptable, desync.NonCompliantHeader},
		{"GET", []string{"Host", "a\x7f"}, desync.Acceptable, desync.NonCompliantHeader},
		{"GET", []string{cl, "0"}, desync.Acceptable, desync.GetHeadZeroContentLength},
		{"HEAD", []string{cl, "00"}, desync.Acceptable, desync.GetHeadZeroContentLength},
		{"get", []string{cl, "5"}, desync.Compliant, ""},

		{"GET", []string{"", "x"}, desync.Ambiguous, desync.EmptyHeader},
		{"GET", []string{" \t", "x"}, desync.Ambiguous, desync.EmptyHeader},
		{"GET", []string{":a", "x"}, desync.Ambiguous, desync.EmptyHeader},
		{"GET", []string{" :a", "x"}, desync.Ambiguous, desync.EmptyHeader},
		{"GET", []string{cl, "5"}, desync.Ambiguous, desync.UndefinedContentLengthSemantics},
		{"HEAD", []string{cl, "5"}, desync.Ambiguous, desync.UndefinedContentLengthSemantics},
		{"GET", []string{te, "chunked"}, desync.Ambiguous, desync.UndefinedTransferEncodingSemantics},
		{"HEAD", []string{te, "identity"}, desync.Ambiguous, desync.UndefinedTransferEncodingSemantics},
		{"POST", []string{cl, "5", cl, "5"}, desync.Ambiguous, desync.DuplicateContentLength},
		{"POST", []string{cl, "5", te, "chunked"}, desync.Ambiguous, desync.BothTeClPresent},
		{"POST", []string{te, "chunked", cl, "5"}, desync.Ambiguous, desync.BothTeClPresent},
		{"POST", []string{"Transfer_Encoding", "chunked"}, desync.Ambiguous, desync.SuspiciousHeader},
		{"POST", []string{"Transfer-Encoding\x0b", "chunked"}, desync.Ambiguous, desync.SuspiciousHeader},
		{"POST", []string{"\x01transfer encoding", "chunked"}, desync.Ambiguous, desync.SuspiciousHeader},
		{"POST", []string{"Tran\u017ffer-Encod\u0131ng", "chunked"}, desync.Ambiguous, desync.SuspiciousHeader},
		{"POST", []string{"ContentLength", "5"}, desync.Ambiguous, desync.SuspiciousHeader},
		{"POST", []string{"content length", "5"}, desync.Ambiguous, desync.SuspiciousHeader},

		{"GET", []string{"A\r", "x"}, desync.Severe, desync.BadHeader},
		{"GET", []string{"\n", "x"}, desync.Severe, desync.BadHeader},
		{"GET", []string{"A", "\x00"}, desync.Severe, desync.BadHeader},
		{"GET", []string{"A", "\x01 a long one \n"}, desync.Severe, desync.BadHeader},
		{"GET", []string{"Host", "a\rb"}, desync.Severe, desync.BadHeader},
		{"POST", []string{cl, ""}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "+5"}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "-0"}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "0x5"}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "1000,1000"}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "18446744073709551616"}, desync.Severe, desync.BadContentLength},
		{"POST", []string{cl, "5", cl, "6"}, desync.Severe, desync.MultipleContentLength},
		{"POST", []string{te, "xchunked"}, desync.Severe, desync.BadTransferEncoding},
		{"POST", []string{te, ""}, desync.Severe, desync.BadTransferEncoding},
		{"POST", []string{te, ",chunked"}, desync.Severe, desync.BadTransferEncoding},
		{"POST", []string{te, "\x0bchunked"}, desync.Severe, desync.BadTransferEncoding},
		{"POST", []string{te, "x-gzip"}, desync.Severe, desync.BadTransferEncoding},
		{"POST", []string{te, "chunked, chunked"}, desync.Severe, desync.MultipleTransferEncodingChunked},
		{"POST", []string{te, "chunked", te, "chunked"}, desync.Severe, desync.MultipleTransferEncodingChunked},
		{"POST", []string{"Transfer_Encoding", "chunked", cl, "5"}, desync.Severe, desync.SuspiciousTeClPresent},
		{"POST", []string{te, "chunked", "Content.Length", "5"}, desync.Severe, desync.SuspiciousTeClPresent},
	} {
		expect(t, fmt.Sprintf("%s %q", tt.method, tt.fields), request(tt.method, tt.fields...), tt.tier, tt.reason)
	}
}

func TestMethods(t *testing.T) {
	for method, tier := range map[string]desync.Tier{
		"GET": desync.Compliant, "PROP-FIND": desync.Compliant, "G!": desync.Compliant,
		"G(T": desync.Severe, "G\xe9T": desync.Severe, "G\rT": desync.Severe, "G T": desync.Severe,
	} {
		reason := desync.Reason("")
		if tier == desync.Severe {
			reason = desync.BadMethod
		}
		expect(t, method, request(method), tier, reason)
	}
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		raw     string
		version exchange.Version
		tier    desync.Tier
		reason  desync.Reason
	}{
		{"HTTP/1.1", exchange.HTTP11, desync.Compliant, ""},
		{"HTTP/1.0", exchange.HTTP10, desync.Compliant, ""},
		{"HTTP/0.9", exchange.HTTP09, desync.Acceptable, desync.NonCompliantVersion},
		{"", exchange.HTTP09, desync.Acceptable, desync.NonCompliantVersion},
		{"HTTP/1.2", exchange.HTTP11, desync.Acceptable, desync.NonCompliantVersion},
		{"HTTP/1.9", exchange.HTTP11, desync.Acceptable, desync.NonCompliantVersion},
		{"HTTP/1.1 ", exchange.HTTP11, desync.Acceptable, desync.NonCompliantVersion},
		{" \tHTTP/1.0", exchange.HTTP10, desync.Acceptable, desync.NonCompliantVersion},
		{"HTTP/1.10", exchange.HTTP11, desync.Severe, desync.BadVersion},
		{"HTTP/1.x", exchange.HTTP11, desync.Severe, desync.BadVersion},
		{"HTTP/1.", exchange.HTTP11, desync.Severe, desync.BadVersion},
		{"http/1.1", exchange.HTTP11, desync.Severe, desync.BadVersion},
		{"HTTP/0.8", exchange.HTTP11, desync.Severe, desync.BadVersion},
		{"b", exchange.HTTP11, desync.Severe, desync.BadVersion},
	} {
		r := request("GET")
		r.Version, r.RawVersion = tt.version, []byte(tt.raw)
		expect(t, fmt.Sprintf("%q", tt.raw), r, tt.tier, tt.reason)
	}
}

// TestOldVersionsAndBodies: what HTTP/1.0 and HTTP/0.9 do not define is not looked at more
// closely.
func TestOldVersionsAndBodies(t *testing.T) {
	for _, tt := range []struct {
		version exchange.Version
		raw     string
		fields  []string
		tier    desync.Tier
		reason  desync.Reason
	}{
		{exchange.HTTP10, "HTTP/1.0", []string{"Content-Length", "5"}, desync.Compliant, ""},
		{exchange.HTTP10, "HTTP/1.0", []string{"Transfer-Encoding", "x"}, desync.Ambiguous, desync.UndefinedTransferEncodingSemantics},
		{exchange.HTTP09, "HTTP/0.9", []string{"Transfer-Encoding", "x"}, desync.Ambiguous, desync.UndefinedTransferEncodingSemantics},
		{exchange.HTTP09, "HTTP/0.9", []string{"Content-Length", "x"}, desync.Ambiguous, desync.UndefinedContentLengthSemantics},
	} {
		r := request("POST", tt.fields...)
		r.Version, r.RawVersion = tt.version, []byte(tt.raw)
		expect(t, fmt.Sprintf("%s %q", tt.raw, tt.fields), r, tt.tier, tt.reason)
	}
}

func TestTargets(t *testing.T) {
	for c := range 256 {
		tier, reason := desync.Compliant, desync.Reason("")
		switch {
		case c == '\r' || c == '\n' || c == 0:
			tier, reason = desync.Severe, desync.BadUri
		case c == ' ':
			tier, reason = desync.Acceptable, desync.SpaceInUri
		case c < ' ' || c == 0x7f:
			tier, reason = desync.Ambiguous, desync.AmbiguousUri
		}
		r := request("GET")
		r.Target = []byte{'/', byte(c), 'a'}
		expect(t, fmt.Sprintf("%q", r.Target), r, tier, reason)
	}
}

// TestFirstReasonAtTheFinalTier: a later check counts only when it is worse.
func TestFirstReasonAtTheFinalTier(t *testing.T) {
	r := request("GET", "A B", "c", "Content-Length", "0")
	expect(t, "header before length", r, desync.Acceptable, desync.NonCompliantHeader)
	r.Target = []byte("/ ")
	r.RawVersion = []byte("HTTP/1.5")
	expect(t, "header before version and URI", r, desync.Acceptable, desync.NonCompliantHeader)
	r = request("GET")
	r.Target, r.RawVersion = []byte("/ "), []byte("HTTP/1.5")
	expect(t, "version before URI", r, desync.Acceptable, desync.NonCompliantVersion)
	r.Target = []byte("/ \t")
	expect(t, "worse URI", r, desync.Ambiguous, desync.AmbiguousUri)
	r.Target = []byte("/ \t\r")
	expect(t, "worst URI", r, desync.Severe, desync.BadUri)
	r.Method = []byte("(")
	expect(t, "method before URI", r, desync.Severe, desync.BadMethod)
	expect(t, "coding before length", request("POST", "Content-Length", "x", "Transfer-Encoding", "y"), desync.Severe, desync.BadTransferEncoding)
	expect(t, "empty before suspicious", request("POST", "", "", "ContentLength", "5"), desync.Ambiguous, desync.EmptyHeader)
	expect(t, "duplicate before both", request("POST", "Content-Length", "5", "Content-Length", "5", "Transfer-Encoding", "chunked"),
		desync.Ambiguous, desync.DuplicateContentLength)
	expect(t, "GET before both", request("GET", "Content-Length", "5", "Transfer-Encoding", "chunked"),
		desync.Ambiguous, desync.UndefinedTransferEncodingSemantics)
}

func TestHTTP2(t *testing.T) {
	plain := func(method string, fields ...string) *exchange.Request {
		r := request(method, fields...)
		r.Version, r.RawVersion = exchange.HTTP2, nil
		return r
	}
	expect(t, "GET", plain("GET", "host", "a", "te", "trailers"), desync.Compliant, "")
	expect(t, "POST", plain("POST", "content-length", "5"), desync.Compliant, "")
	expect(t, "GET with a body", plain("GET", "content-length", "5"), desync.Ambiguous, desync.UndefinedContentLengthSemantics)
	expect(t, "header", plain("GET", "a", "\x01"), desync.Acceptable, desync.NonCompliantHeader)
}

func TestTierNames(t *testing.T) {
	for tier, want := range map[desync.Tier]string{
		desync.Compliant: "Compliant", desync.Acceptable: "Acceptable", desync.Ambiguous: "Ambiguous", desync.Severe: "Severe",
	} {
		if got := tier.String(); got != want {
			t.Errorf("%d: %q", tier, got)
		}
	}
}
