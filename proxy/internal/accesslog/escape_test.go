package accesslog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
)

// TestEscape puts every byte at every place of a field.
func TestEscape(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			before, after := strings.Repeat("~", at), strings.Repeat("!", 19-at)
			text := before + string([]byte{byte(c)}) + after
			escaped := before + fmt.Sprintf(`\x%02X`, c) + after
			quoted, token := text, text+" "
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				quoted, token = escaped, escaped+" "
			}
			if c == ' ' {
				token = escaped + " "
			}
			if got := accesslog.Escaped(text); got != quoted {
				t.Fatalf("quoted: got %q, want %q", got, quoted)
			}
			if got := accesslog.Token(text); got != token {
				t.Fatalf("token: got %q, want %q", got, token)
			}
		}
	}
}
