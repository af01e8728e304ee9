package accesslog_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// hostile puts s wherever a client or a target can put bytes of its own.
func hostile(s string, malformed bool) *exchange.Exchange {
	x := served()
	b := []byte(s)
	x.Conn.TLS = &exchange.TLS{Version: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ServerName: s, CertificateARN: s}
	x.Request.Method, x.Request.Target, x.Request.RawVersion = b, b, b
	x.Request.Fields = fields("Host", s, "User-Agent", s, "Referer", s)
	x.Record.TraceID, x.Record.RedirectURL = b, b
	x.Record.TransformedHost, x.Record.TransformedURI = b, b
	x.Record.MalformedRequest = malformed
	return x
}

var hostileSeeds = []string{
	"", "-", " ", "\n", "\r\nhttp 2018", `"`, `\`, `\"`, `" "`, "\x00\x1b[2J\x7f\x80\xff", "\u2028\u2029\u0085\u009b31m",
	"\xed\xa0\x80", "\xf0\x9f\x92", "é", "😀", "http://", "http://a", "://", "a://b\nc", `{"a":1}`, "[::1]", ":80", "]:1",
}

// FuzzALBLine holds every line to one record of 34 fields, whatever was sent.
func FuzzALBLine(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, malformed bool) {
		line := accesslog.Line(config, hostile(s, malformed))
		body, ok := strings.CutSuffix(line, "\n")
		if !ok || strings.Trim(body, printableASCII) != "" {
			t.Fatalf("the line holds more than printable characters: %q", line)
		}
		if n := len(splitALB(body)); n != 34 {
			t.Fatalf("the line has %d fields, want 34: %s", n, body)
		}
	})
}

var printableASCII = func() string {
	var b strings.Builder
	for c := byte(0x20); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

// splitALB splits a line as its readers do: at spaces, except between quotes. There are
// no escaped quotes.
func splitALB(line string) []string {
	var list []string
	for line != "" {
		var field string
		if rest, quoted := strings.CutPrefix(line, `"`); quoted {
			field, line, _ = strings.Cut(rest, `"`)
			line = strings.TrimPrefix(line, " ")
		} else {
			field, line, _ = strings.Cut(line, " ")
		}
		list = append(list, field)
	}
	return list
}

// FuzzJSONLine holds every line to one JSON object with all of its members.
func FuzzJSONLine(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s, false)
		f.Add(s, true)
	}
	config := config
	config.Access.Format = spec.LogFormatJSON
	f.Fuzz(func(t *testing.T, s string, malformed bool) {
		line := accesslog.Line(config, hostile(s, malformed))
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("not one line: %q", line)
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("not JSON: %v: %s", err, line)
		}
		if len(entry) != 34 {
			t.Fatalf("%d members, want 34: %s", len(entry), line)
		}
		if malformed || s == "" || len(s) > 8<<10 {
			return
		}
		// What encoding/json makes of the same bytes is what has to come out.
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		if got := entry["user_agent"]; got != want {
			t.Fatalf("user_agent is %q, want %q", got, want)
		}
	})
}

// FuzzCombinedLine holds every line to one record of nine fields.
func FuzzCombinedLine(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s, false)
		f.Add(s, true)
	}
	config := config
	config.Access.Format = spec.LogFormatCombined
	f.Fuzz(func(t *testing.T, s string, malformed bool) {
		line := accesslog.Line(config, hostile(s, malformed))
		body, ok := strings.CutSuffix(line, "\n")
		if !ok || strings.Trim(body, printableASCII) != "" {
			t.Fatalf("the line holds more than printable characters: %q", line)
		}
		if n := strings.Count(body, `"`); n != 6 {
			t.Fatalf("the line has %d quotes, want 6: %s", n, body)
		}
	})
}

// FuzzOtherLogs does the same for the connection and the health-check log.
func FuzzOtherLogs(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		connection := accesslog.ConnectionLine(&accesslog.ConnectionRecord{
			Time: time.Unix(0, 0), Client: netip.MustParseAddrPort("203.0.113.1:36280"),
			Protocol: s, Cipher: s, Subject: s, Validity: s, SerialNumber: s, VerifyStatus: s, TraceID: s, KeyExchange: s,
		})
		check := accesslog.HealthCheckLine(&accesslog.HealthCheckRecord{
			Time: time.Unix(0, 0), Type: s, Target: s, TargetGroup: s, Reason: s,
		})
		for want, line := range map[int]string{13: connection, 8: check} {
			body, ok := strings.CutSuffix(line, "\n")
			if !ok || strings.Trim(body, printableASCII) != "" {
				t.Fatalf("the line holds more than printable characters: %q", line)
			}
			if n := len(splitALB(body)); n != want {
				t.Fatalf("the line has %d fields, want %d: %s", n, want, body)
			}
		}
	})
}
