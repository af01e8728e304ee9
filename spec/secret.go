package spec

import (
	"log/slog"
	"strings"
)

// Secret is a value that print and logs mask. It is the secret itself, file:PATH for a file
// that holds it or env:NAME for a variable that does.
type Secret string

// mask is what is shown of a secret.
const mask = "********"

// String masks the secret; references to one are shown.
func (s Secret) String() string {
	if s == "" || isReference(string(s)) {
		return string(s)
	}
	return mask
}

// GoString masks the secret in %#v as well.
func (s Secret) GoString() string { return "spec.Secret(" + s.String() + ")" }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON and all else that marshals.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// isReference tells whether s says where a secret is.
func isReference(s string) bool {
	for _, scheme := range []string{"file:", "env:"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok && rest != "" {
			return true
		}
	}
	return false
}
