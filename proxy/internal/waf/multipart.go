package waf

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
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
	parts := multipart.NewReader(strings.NewReader(c.body), params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil {
			return true
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
		if err != nil {
			return true
		}
	}
}
