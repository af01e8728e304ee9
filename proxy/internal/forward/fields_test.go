package forward_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/forward"
)

// request has the given fields, each "Name: value".
func request(lines ...string) *exchange.Exchange {
	x := new(exchange.Exchange)
	x.Record.Created = time.Unix(0x63441c4a, 0)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		f := exchange.Field{Name: []byte(name), Value: []byte(value)}
		f.ID = exchange.Identify(f.Name)
		x.Request.Fields = append(x.Request.Fields, f)
		x.Request.HeadBytes += len(line) + len("\r\n")
	}
	return x
}

const anew = `1-63441c4a-[0-9a-f]{24}`

func TestTraceID(t *testing.T) {
	for _, c := range []struct {
		given, want string
	}{
		{"", "Root=" + anew},
		{"Root=1-67891233-abcdef012345678912345678", "Self=" + anew + ";Root=1-67891233-abcdef012345678912345678"},
		{"Self=1-1-1;Root=1-67891233-abcdef012345678912345678;CalledFrom=app", "Self=" + anew + ";Root=1-67891233-abcdef012345678912345678;CalledFrom=app"},
		{" Root=1-1-1 ; Self=1-2-2 ;; a=b", "Self=" + anew + ";Root=1-1-1;a=b"},
		{strings.Repeat("x", 8<<10), "Root=" + anew},
	} {
		x := request("X-Amzn-Trace-Id: " + c.given)
		if got := forward.TraceID(x); !regexp.MustCompile(`\A` + c.want + `\z`).Match(got) {
			t.Errorf("%.60q became %q, want %s", c.given, got, c.want)
		}
	}
}

func FuzzTraceID(f *testing.F) {
	f.Add([]byte("Root=1-67891233-abcdef012345678912345678;Self=1-2-3;a=b"))
	f.Add([]byte(";;; Self=;"))
	f.Fuzz(func(t *testing.T, given []byte) {
		x := request()
		x.Request.Fields = []exchange.Field{{ID: exchange.FieldXAmznTraceID, Name: []byte("X-Amzn-Trace-Id"), Value: given}}
		got := forward.TraceID(x)
		if !bytes.HasPrefix(got, []byte("Root=1-")) && !bytes.HasPrefix(got, []byte("Self=1-")) {
			t.Errorf("%q became %q", given, got)
		}
		if n := bytes.Count(got, []byte(";Self=")); n > 0 {
			t.Errorf("%q became %q, with the client's Self", given, got)
		}
		if len(got) > len(given)+64 {
			t.Errorf("%d bytes became %d", len(given), len(got))
		}
	})
}

func TestForwardedForIsCounted(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  int
	}{
		{nil, 0},
		{[]string{"X-Forwarded-For: "}, 0},
		{[]string{"X-Forwarded-For: 10.0.0.1"}, 1},
		{[]string{"X-Forwarded-For: 10.0.0.1, 10.0.0.2"}, 2},
		{[]string{"X-Forwarded-For: 10.0.0.1", "x-forwarded-for: 10.0.0.2,10.0.0.3", "Via: 1, 2"}, 3},
	} {
		if got := forward.CountForwarded(&request(c.lines...).Request); got != c.want {
			t.Errorf("%q: %d addresses, want %d", c.lines, got, c.want)
		}
	}
}

func TestConnectionTakesAwayWhatItMay(t *testing.T) {
	x := request("Connection: close, x-private ,X-Forwarded-For,Cookie")
	named := forward.ConnectionNames(x.Request.Fields)
	for name, want := range map[string]bool{"X-Private": true, "X-Public": false, "X-Forwarded-For": false, "cookie": false, "close": true} {
		f := exchange.Field{Name: []byte(name)}
		f.ID = exchange.Identify(f.Name)
		if got := forward.NamedIn(named, &f); got != want {
			t.Errorf("%s is taken away: %v, want %v", name, got, want)
		}
	}
	if got := forward.ConnectionNames(request("Connection: Keep-Alive").Request.Fields); got != nil {
		t.Errorf("an ordinary Connection field is looked into: %q", got)
	}
}

func TestDateIsFormattedOnceASecond(t *testing.T) {
	now := time.Date(2026, 11, 25, 6, 7, 8, 0, time.UTC)
	if got := string(forward.Date(now)); got != "Wed, 25 Nov 2026 06:07:08 GMT" {
		t.Errorf("got %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { forward.Date(now) }); n != 0 {
		t.Errorf("%v allocations within one second", n)
	}
}
