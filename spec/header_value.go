package spec

import (
	"slices"
	"strings"
)

// HeaderPart is a piece of a header's value: a text, or a placeholder for what is known of a
// request.
type HeaderPart struct {
	// Text is what is sent as it is; used if Placeholder is empty.
	Text string
	// Placeholder is one of the names below.
	Placeholder string
	// Name is that of the header or cookie, for the placeholders that have one.
	Name string
}

// Values of HeaderPart.Placeholder.
const (
	PlaceholderClientIP      = "client_ip"
	PlaceholderClientPort    = "client_port"
	PlaceholderForwardedFor  = "forwarded_for"
	PlaceholderHost          = "host"
	PlaceholderScheme        = "scheme"
	PlaceholderPort          = "port"
	PlaceholderMethod        = "method"
	PlaceholderURI           = "uri"
	PlaceholderPath          = "path"
	PlaceholderQuery         = "query"
	PlaceholderRequestID     = "request_id"
	PlaceholderTLSVersion    = "tls_version"
	PlaceholderTLSCipher     = "tls_cipher"
	PlaceholderTLSServerName = "tls_server_name"
	PlaceholderHeader        = "header"
	PlaceholderCookie        = "cookie"
)

// headerPlaceholders are the placeholders; those behind have a name.
var headerPlaceholders = []string{
	PlaceholderClientIP, PlaceholderClientPort, PlaceholderForwardedFor, PlaceholderHost, PlaceholderScheme,
	PlaceholderPort, PlaceholderMethod, PlaceholderURI, PlaceholderPath, PlaceholderQuery, PlaceholderRequestID,
	PlaceholderTLSVersion, PlaceholderTLSCipher, PlaceholderTLSServerName,
}

var namedPlaceholders = []string{PlaceholderHeader, PlaceholderCookie}

// MaxHeaderTemplate bounds a header's value in the file, in bytes.
const MaxHeaderTemplate = 1024

func headerPlaceholderWords() []string {
	var words []string
	for _, p := range headerPlaceholders {
		words = append(words, "{"+p+"}")
	}
	for _, p := range namedPlaceholders {
		words = append(words, "{"+p+":NAME}")
	}
	return words
}

// ParseHeaderValue takes a header's value apart. wrong is the first placeholder that does not
// exist, or the rest of the value from a brace that is not closed; empty when there is none.
func ParseHeaderValue(value string) (parts []HeaderPart, wrong string) {
	text := ""
	flush := func() {
		if text != "" {
			parts = append(parts, HeaderPart{Text: text})
		}
		text = ""
	}
	for value != "" {
		before, rest, found := strings.Cut(value, "{")
		text += before
		if !found {
			break
		}
		if after, literal := strings.CutPrefix(rest, "{"); literal {
			text, value = text+"{", after
			continue
		}
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, "{" + rest
		}
		p, name, named := strings.Cut(inside, ":")
		known := !named && slices.Contains(headerPlaceholders, p) || named && slices.Contains(namedPlaceholders, p) && headerShape.MatchString(name)
		if !known {
			return nil, "{" + inside + "}"
		}
		flush()
		parts, value = append(parts, HeaderPart{Placeholder: p, Name: name}), after
	}
	flush()
	return parts, ""
}
