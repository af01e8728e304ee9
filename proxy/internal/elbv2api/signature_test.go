package elbv2api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
)

var (
	secrets = map[string][]byte{keyID: []byte(secret)}
	noon    = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

// signed is a request that AWS's own signer has signed, as a server gets it.
func signed(t testing.TB, body string, change func(r *http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9297/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if change != nil {
		change(r)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, r, hex.EncodeToString(sum[:]), "elasticloadbalancing", "eu-west-1", noon); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerify(t *testing.T) {
	const body = "Action=DescribeLoadBalancers&Version=2015-12-01"
	for name, c := range map[string]struct {
		before func(r *http.Request) // it is signed
		after  func(r *http.Request)
		body   string
		now    time.Duration
		code   string
	}{
		"as it was":           {},
		"with spaces":         {before: func(r *http.Request) { r.Header.Set("X-Amz-Meta", "  a   b  ") }},
		"with two values":     {before: func(r *http.Request) { r.Header["X-Amz-Meta"] = []string{"a", "b"} }},
		"with a query":        {before: func(r *http.Request) { r.URL.RawQuery = "b=2&a=%2B+x&a=" }},
		"late":                {now: 15 * time.Minute},
		"early":               {now: -15 * time.Minute},
		"too late":            {now: 15*time.Minute + time.Second, code: "SignatureDoesNotMatch"},
		"too early":           {now: -15*time.Minute - time.Second, code: "SignatureDoesNotMatch"},
		"another body":        {body: body + " ", code: "SignatureDoesNotMatch"},
		"another host":        {after: func(r *http.Request) { r.Host = "127.0.0.1:9298" }, code: "SignatureDoesNotMatch"},
		"another method":      {after: func(r *http.Request) { r.Method = http.MethodGet }, code: "SignatureDoesNotMatch"},
		"another query":       {after: func(r *http.Request) { r.URL.RawQuery = "a=b" }, code: "SignatureDoesNotMatch"},
		"another date":        {after: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260701T120001Z") }, code: "SignatureDoesNotMatch"},
		"another day":         {after: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260702T120000Z") }, now: 24 * time.Hour, code: "SignatureDoesNotMatch"},
		"another type":        {after: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, code: "SignatureDoesNotMatch"},
		"more":                {after: func(r *http.Request) { r.Header.Set("X-Amz-More", "x") }, code: "SignatureDoesNotMatch"},
		"two dates":           {after: func(r *http.Request) { r.Header.Add("X-Amz-Date", "20260701T120000Z") }, code: "IncompleteSignature"},
		"no date":             {after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, code: "IncompleteSignature"},
		"bad date":            {after: func(r *http.Request) { r.Header.Set("X-Amz-Date", "now") }, code: "IncompleteSignature"},
		"no signature":        {after: func(r *http.Request) { r.Header.Del("Authorization") }, code: "MissingAuthenticationToken"},
		"two signatures":      {after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, code: "IncompleteSignature"},
		"a presigned query":   {after: func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "X-Amz-Algorithm=x" }, code: "IncompleteSignature"},
		"a session token":     {before: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, code: "InvalidClientTokenId"},
		"a wrong body hash":   {before: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, code: "SignatureDoesNotMatch"},
		"an unknown key":      {after: replace(keyID, "AKIAIOSFODNN7EXAMPLF"), code: "InvalidClientTokenId"},
		"another service":     {after: replace("/elasticloadbalancing/", "/ec2/"), code: "SignatureDoesNotMatch"},
		"another region":      {after: replace("/eu-west-1/", "/eu-west-2/"), code: "SignatureDoesNotMatch"},
		"one bit":             {after: func(r *http.Request) { flip(r) }, code: "SignatureDoesNotMatch"},
		"basic":               {after: func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, code: "IncompleteSignature"},
		"host not signed":     {after: replace("host;", ""), code: "SignatureDoesNotMatch"},
		"headers in disarray": {after: replace("content-length;content-type", "content-type;content-length"), code: "IncompleteSignature"},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, body, c.before)
			if c.after != nil {
				c.after(r)
			}
			got := body
			if c.body != "" {
				got = c.body
			}
			err := elbv2api.Verify(r, []byte(got), secrets, noon.Add(c.now))
			if c.code == "" && err != nil {
				t.Fatalf("refused: %v", err)
			}
			var refusal *elbv2api.Error
			if c.code != "" && (!errors.As(err, &refusal) || refusal.Code != c.code) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func replace(a, b string) func(r *http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), a, b, 1))
	}
}

// flip changes the last digit of the signature.
func flip(r *http.Request) {
	field := []byte(r.Header.Get("Authorization"))
	last := &field[len(field)-1]
	if *last == '0' {
		*last = '1'
	} else {
		*last = '0'
	}
	r.Header.Set("Authorization", string(field))
}

// TestBotocore verifies what botocore 1.43.11 signed.
func TestBotocore(t *testing.T) {
	const body = "Action=AddTags&Version=2015-12-01&ResourceArns.member.1=arn%3Ax&Tags.member.1.Key=a&Tags.member.1.Value=b+c%2A"
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:34107/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20261125T092732Z")
	r.Header.Set("Amz-Sdk-Request", "attempt=1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/eu-west-1/elasticloadbalancing/aws4_request, "+
		"SignedHeaders=content-type;host;x-amz-date, Signature=bf40db3f426886763af6d77f84a04d66d84b8d625f38993a4068536248e29cb5")
	if err := elbv2api.Verify(r, []byte(body), secrets, time.Date(2026, 11, 25, 9, 28, 0, 0, time.UTC)); err != nil {
		t.Error(err)
	}
}

func TestReplay(t *testing.T) {
	admit := elbv2api.Replay(noon, "before the restart")
	if err := admit("a", noon); err != nil {
		t.Error(err)
	}
	throttled := func(signature string, signed time.Time) {
		t.Helper()
		var refusal *elbv2api.Error
		if err := admit(signature, signed); !errors.As(err, &refusal) || refusal.Code != "Throttling" {
			t.Errorf("%s: got %v", signature, err)
		}
	}
	throttled("a", noon)
	throttled("before the restart", noon)
	throttled("older", noon.Add(-time.Second))

	// As many as there is room for, 73 for each second: the fresh ones go on.
	at := func(i int) time.Time { return noon.Add(time.Duration(i/73) * time.Second) }
	for i := range elbv2api.MaxSeen + 1 {
		if err := admit(fmt.Sprint(i), at(i)); err != nil {
			t.Fatalf("signature %d: %v", i, err)
		}
	}
	throttled("a", noon)
	throttled("0", at(0))
	throttled(fmt.Sprint(elbv2api.MaxSeen), at(elbv2api.MaxSeen))
	throttled(fmt.Sprint(elbv2api.MaxSeen-1000), at(elbv2api.MaxSeen-1000))
	throttled("new, but old", at(elbv2api.MaxSeen/3))
}

// FuzzAuthorization wants of a header field that is taken that it is of the one form.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20261125/eu-west-1/elasticloadbalancing/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("a", 64))
	f.Add("AWS4-HMAC-SHA256 Credential=A/B/C/D/aws4_request,SignedHeaders=;,Signature=")
	f.Add("Basic QTpC")
	f.Fuzz(func(t *testing.T, field string) {
		if elbv2api.ParseAuthorization(field) != nil {
			return
		}
		for _, part := range []string{"Credential=", "SignedHeaders=", "Signature="} {
			if strings.Count(field, part) < 1 {
				t.Errorf("%q is taken", field)
			}
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(nil))
		r.Header["Authorization"] = []string{field}
		r.Header.Set("X-Amz-Date", noon.Format("20060102T150405Z"))
		if elbv2api.Verify(r, nil, secrets, noon) == nil {
			t.Errorf("%q is good", field)
		}
	})
}

// FuzzVerify has AWS's signer sign requests with any body and header, and expects them to
// be taken as they are and with no other byte.
func FuzzVerify(f *testing.F) {
	f.Add("Action=A", "a  b", "x=1&y")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, body, value, query string) {
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) || strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(";#%+", c) }) {
			return // no header, or no query of one reading
		}
		r := signed(t, body, func(r *http.Request) {
			r.Header.Set("X-Amz-Meta", value)
			r.URL.RawQuery = query
		})
		if err := elbv2api.Verify(r, []byte(body), secrets, noon); err != nil {
			t.Errorf("refused: %v", err)
		}
		if elbv2api.Verify(r, []byte(body+"x"), secrets, noon) == nil {
			t.Error("another body is taken")
		}
	})
}
