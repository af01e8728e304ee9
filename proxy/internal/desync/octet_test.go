package desync_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/desync"
)

// TestEveryByteInAValue puts each byte at each place of values longer than a machine word.
func TestEveryByteInAValue(t *testing.T) {
	for c := range 256 {
		tier, reason := desync.Compliant, desync.Reason("")
		switch {
		case c == '\r' || c == '\n' || c == 0:
			tier, reason = desync.Severe, desync.BadHeader
		case c < ' ' && c != '\t' || c == 0x7f:
			tier, reason = desync.Acceptable, desync.NonCompliantHeader
		}
		for i := range 20 {
			for _, fill := range []byte("a\x80\xff \t!~") {
				value := make([]byte, 20)
				for j := range value {
					value[j] = fill
				}
				value[i] = byte(c)
				expect(t, string(value), request("GET", "A", string(value)), tier, reason)
				expect(t, string(value), request("GET", "Host", string(value)), tier, reason)
			}
		}
	}
}

func TestEveryByteInAName(t *testing.T) {
	const tchar = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	tokens := map[byte]bool{}
	for _, c := range []byte(tchar) {
		tokens[c] = true
	}
	for c := range 256 {
		tier, reason := desync.Acceptable, desync.NonCompliantHeader
		switch {
		case c == '\r' || c == '\n' || c == 0:
			tier, reason = desync.Severe, desync.BadHeader
		case tokens[byte(c)]:
			tier, reason = desync.Compliant, ""
		}
		name := string([]byte{'A', byte(c), 'B'})
		expect(t, name, request("GET", name, "x"), tier, reason)
	}
}
