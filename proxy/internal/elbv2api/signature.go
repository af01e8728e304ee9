package elbv2api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a signature is made with and for.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const (
	algorithm     = "AWS4-HMAC-SHA256"
	signedService = "elasticloadbalancing"
	terminator    = "aws4_request"
	dateFormat    = "20060102T150405Z"

	// maxSkew is how far a signature's date may be from now.
	maxSkew = 15 * time.Minute
	// maxAuthorization bounds the header field.
	maxAuthorization = 4 << 10
)

// authorization is a header field of that name, taken apart.
type authorization struct {
	accessKeyID           string
	date, region, service string
	signedHeaders         []string // in lower case, sorted
	signature             string
}

// parseAuthorization reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
func parseAuthorization(field string) (*authorization, *Error) {
	incomplete := func(what string) *Error { return fail(codeIncompleteSignature, "%s", what) }
	if len(field) > maxAuthorization {
		return nil, incomplete("Authorization header is too long.")
	}
	rest, ok := strings.CutPrefix(field, algorithm+" ")
	if !ok {
		return nil, incomplete("Unsupported AWS 'algorithm': Authorization header must begin with '" + algorithm + "'.")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.Trim(part, " "), "=")
		if _, twice := parts[name]; !found || twice {
			return nil, incomplete("Authorization header has a part that is no key=value of its own.")
		}
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return nil, incomplete("Authorization header requires '" + name + "' parameter.")
		}
	}
	if len(parts) > 3 {
		return nil, incomplete("Authorization header has more than Credential, SignedHeaders and Signature.")
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != terminator || slices.Contains(scope, "") {
		return nil, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/" + terminator + ".")
	}
	a := &authorization{
		accessKeyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		signedHeaders: strings.Split(parts["SignedHeaders"], ";"), signature: parts["Signature"],
	}
	for i, name := range a.signedHeaders {
		if name == "" || name != strings.ToLower(name) || i > 0 && name <= a.signedHeaders[i-1] {
			return nil, incomplete("SignedHeaders must be lower-case names of headers in order, each once.")
		}
	}
	if raw, err := hex.DecodeString(a.signature); err != nil || len(raw) != sha256.Size || a.signature != strings.ToLower(a.signature) {
		return nil, incomplete("Signature must be 64 lower-case hex digits.")
	}
	return a, nil
}

// claim is what a request says of who signed it, and the secret that it has to be true by.
type claim struct {
	*authorization
	signed time.Time
	secret []byte
}

// claimed is all that can be told of a signature without the body. secrets are the secret
// access keys by access key id.
func claimed(r *http.Request, secrets map[string][]byte, now time.Time) (*claim, *Error) {
	fields := r.Header.Values("Authorization")
	switch {
	case len(fields) == 0 && strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm="):
		return nil, fail(codeIncompleteSignature, "A signature in the query string is not taken here: sign the Authorization header.")
	case len(fields) == 0:
		return nil, fail(codeMissingAuthenticationToken, "Request is missing Authentication Token")
	case len(fields) > 1:
		return nil, fail(codeIncompleteSignature, "Authorization header stands more than once.")
	}
	a, refusal := parseAuthorization(fields[0])
	if refusal != nil {
		return nil, refusal
	}
	signed, refusal := a.signedAt(r, now)
	if refusal != nil {
		return nil, refusal
	}
	if a.service != signedService {
		return nil, fail(codeSignatureDoesNotMatch, "Credential should be scoped to correct service: '%s'.", signedService)
	}
	secret, known := secrets[a.accessKeyID]
	if !known || r.Header.Get("X-Amz-Security-Token") != "" {
		return nil, fail(codeInvalidClientTokenID, "The security token included in the request is invalid.")
	}
	return &claim{a, signed, secret}, nil
}

// verify holds the request to its signature.
func (c *claim) verify(r *http.Request, body []byte) *Error {
	canonical, refusal := c.canonicalRequest(r, body)
	if refusal != nil {
		return refusal
	}
	if want := c.sign(c.secret, c.signed, canonical); !hmac.Equal([]byte(want), []byte(c.signature)) {
		return fail(codeSignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// signedAt is the date of the signature, if it is near enough to now.
func (a *authorization) signedAt(r *http.Request, now time.Time) (time.Time, *Error) {
	text := r.Header.Get("X-Amz-Date")
	signed, err := time.Parse(dateFormat, text)
	switch {
	case text == "":
		return signed, fail(codeIncompleteSignature, "Authorization header requires existence of 'X-Amz-Date' header.")
	case err != nil || len(r.Header.Values("X-Amz-Date")) > 1:
		return signed, fail(codeIncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'.", excerpt(text))
	case a.date != text[:len("20060102")]:
		return signed, fail(codeSignatureDoesNotMatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	case signed.Before(now.Add(-maxSkew)):
		return signed, fail(codeSignatureDoesNotMatch, "Signature expired: %s is now earlier than %s (%s - 15 min.)",
			text, now.Add(-maxSkew).UTC().Format(dateFormat), now.UTC().Format(dateFormat))
	case signed.After(now.Add(maxSkew)):
		return signed, fail(codeSignatureDoesNotMatch, "Signature not yet current: %s is still later than %s (%s + 15 min.)",
			text, now.Add(maxSkew).UTC().Format(dateFormat), now.UTC().Format(dateFormat))
	}
	return signed, nil
}

// canonicalRequest is the request as it was signed. The host and everything that begins
// with x-amz- has to be part of it.
func (a *authorization) canonicalRequest(r *http.Request, body []byte) (string, *Error) {
	hash := hexSum(body)
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && said != hash {
		return "", fail(codeSignatureDoesNotMatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(a.signedHeaders, name) {
			return "", fail(codeSignatureDoesNotMatch, "'%s' must be a 'SignedHeader' in the AWS Authorization.", excerpt(name))
		}
	}
	if !slices.Contains(a.signedHeaders, "host") {
		return "", fail(codeSignatureDoesNotMatch, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	var b strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range a.signedHeaders {
		b.WriteString(name + ":" + canonicalValue(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(a.signedHeaders, ";") + "\n" + hash)
	return b.String(), nil
}

// canonicalValue is the value of a header: all of its fields, with single spaces.
func canonicalValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		// net/http keeps it apart from the others.
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " ")
	}
	return strings.Join(values, ",")
}

// canonicalQuery sorts the parameters of a query string and escapes them in the one way.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, [2]string{reescape(name), reescape(value)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return b.String()
}

func reescape(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s // it does not parse, so that nothing comes of it
	}
	return strings.ReplaceAll(url.QueryEscape(plain), "+", "%20")
}

// sign is the signature that the secret gives.
func (a *authorization) sign(secret []byte, signed time.Time, canonical string) string {
	key := mac(append([]byte("AWS4"), secret...), a.date)
	for _, part := range []string{a.region, a.service, terminator} {
		key = mac(key, part)
	}
	scope := strings.Join([]string{a.date, a.region, a.service, terminator}, "/")
	return hex.EncodeToString(mac(key, algorithm+"\n"+signed.Format(dateFormat)+"\n"+scope+"\n"+hexSum([]byte(canonical))))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
