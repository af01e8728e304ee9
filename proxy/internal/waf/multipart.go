package waf

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
)

// addParts gives the engine the fields of a multipart body and the names of its files. The
// engine's own reader would write files to disk. It reports whether the body is malformed;
// one of which there is more is read as far as it goes.
func addParts(tx types.Transaction, v plugintypes.TransactionVariables, c *content) (malformed bool) {
	_, params, err := mime.ParseMediaType(c.contentType)
	if err != nil || params["boundary"] == "" {
		return true
	}
	malformed = hasMargins(c.body, params["boundary"])
	parts := multipart.NewReader(strings.NewReader(c.body), params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return malformed || err != io.EOF && !c.endsBy(err) //nolint:errorlint // the last boundary is io.EOF itself
		}
		// FileName would leave out all before the last slash, where there may be something to see.
		head := p.Header.Get("Content-Disposition")
		_, named, err := mime.ParseMediaType(head)
		if err != nil {
			tx.AddPostRequestArgument("Content-Disposition", head)
		}
		name, file := named["name"], named["filename"]
		if file != "" {
			v.FilesNames().Add("", name)
			v.Files().Add(name, file)
			tx.AddPostRequestArgument(name, file)
			continue
		}
		value, err := io.ReadAll(p) // at most maxBody
		if name == "" {
			name = "body"
		}
		tx.AddPostRequestArgument(name, string(value))
		if plain, ok := decodeTransfer(p.Header.Get("Content-Transfer-Encoding"), value); ok {
			tx.AddPostRequestArgument(name, plain)
		}
		if err != nil {
			return malformed || !c.endsBy(err)
		}
	}
}

// endsBy reports whether an error of a reader of the body is because there is more of it than
// is inspected.
func (c *content) endsBy(err error) bool {
	return c.cut && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}

// hasMargins reports whether a body has something before its first boundary or after its last,
// or no boundary. It is to be ignored, but Django takes it for parts.
//
// https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
func hasMargins(body, boundary string) bool {
	if !strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "--"+boundary) {
		return true
	}
	_, after, _ := strings.Cut(body, "--"+boundary+"--")
	return strings.TrimSpace(after) != ""
}

// decodeTransfer decodes the value of a field, which some frameworks do although browsers send
// none that is encoded. ok is false for one that is as it stands.
//
// https://www.rfc-editor.org/rfc/rfc7578#section-4.7
func decodeTransfer(encoding string, value []byte) (plain string, ok bool) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64": // of which Python skips what is not in the alphabet
		text := strings.Map(func(r rune) rune {
			if r < 0x80 && strings.ContainsRune(base64Alphabet, r) {
				return r
			}
			return -1
		}, string(value))
		decoded, _ := base64.RawStdEncoding.DecodeString(text) // as far as it goes
		return string(decoded), true
	case "quoted-printable":
		decoded, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(value)))
		return string(decoded), true
	}
	return "", false
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
