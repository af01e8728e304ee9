//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// probe is a request that hides another from the load balancer, or a path from its rules.
// The load balancer answers whatever it sees of poison with 403; a target sees nothing of it.
type probe struct {
	name string
	// raw is what is sent. In it %POISON% becomes a hidden request, %LENGTH% and %HEX% its
	// length, and %PATH% its path.
	raw string
	// statuses are those that the first answer may have; 0 is none at all.
	statuses []int
	// ends says that the connection ends with the first answer.
	ends bool
}

var (
	refused  = []int{400}
	accepted = []int{200}
)

const start = "POST / HTTP/1.1\r\nHost: app.test\r\n"

// withLength has a Content-Length that covers the hidden request and the end of chunks
// before it, 5 bytes, beside another field.
func withLength(field string) string {
	return start + "Content-Length: %LENGTH5%\r\n" + field + "\r\n\r\n0\r\n\r\n%POISON%"
}

func probes() []probe {
	list := []probe{
		{name: "length beside chunked", raw: withLength("Transfer-Encoding: chunked"), statuses: accepted, ends: true},
		{name: "chunked beside length", raw: start + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%HEX%\r\n%POISON%\r\n0\r\n\r\n", statuses: accepted, ends: true},
		{name: "hidden in a body", raw: start + "Content-Length: %LENGTH%\r\n\r\n%POISON%", statuses: accepted},
		{name: "hidden in a chunk", raw: start + "Transfer-Encoding: chunked\r\n\r\n%HEX%\r\n%POISON%\r\n0\r\n\r\n", statuses: accepted},
		{name: "hidden in a GET's body", raw: "GET / HTTP/1.1\r\nHost: app.test\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: accepted},
		{name: "pipelined", raw: "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n%POISON%", statuses: accepted},
		{name: "chunked in HTTP/1.0", raw: "POST / HTTP/1.0\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%POISON%", statuses: []int{200, 400}, ends: true},
		{name: "length and chunked in HTTP/1.0", raw: "POST / HTTP/1.0\r\nHost: app.test\r\nContent-Length: %LENGTH5%\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%POISON%", statuses: []int{200, 400}, ends: true},
		{name: "same lengths", raw: start + "Content-Length: %LENGTH%\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: []int{200, 400}},
		{name: "field with a space before its colon", raw: start + "Content-Length : %LENGTH%\r\n\r\n%POISON%", statuses: refused, ends: true},
		{name: "empty line first", raw: "\r\n" + start + "Content-Length: %LENGTH%\r\n\r\n%POISON%", statuses: accepted},
		{name: "CONNECT", raw: "CONNECT app.test:80 HTTP/1.1\r\nHost: app.test:80\r\n\r\n%POISON%", statuses: []int{400, 405}},
		{name: "h2c", raw: "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n%POISON%", statuses: accepted},
		{name: "WebSocket that is refused", raw: "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n%POISON%", statuses: []int{400, 426}},
		{name: "upgrade that is ignored", raw: "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n%POISON%", statuses: accepted},
		{name: "upgrade with a body", raw: start + "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: []int{200, 400}},
		{name: "expectation", raw: start + "Expect: 100-continue\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: accepted},
		{name: "expectation of something else", raw: start + "Expect: y 100-continue\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: []int{200, 400, 417}},
		{name: "expectation without body", raw: "GET / HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\n\r\n%POISON%", statuses: accepted},
		{name: "length named by Connection", raw: start + "Connection: Content-Length\r\nContent-Length: %LENGTH%\r\n\r\n%POISON%", statuses: []int{200, 400}},
		{name: "coding named by Connection", raw: start + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n%HEX%\r\n%POISON%\r\n0\r\n\r\n", statuses: []int{200, 400}},
		{name: "two hosts", raw: "GET / HTTP/1.1\r\nHost: app.test\r\nHost: other.test\r\n\r\n%POISON%", statuses: accepted}, // the first one counts, alone
		{name: "no host", raw: "GET / HTTP/1.1\r\n\r\n%POISON%", statuses: refused, ends: true},
		{name: "old HTTP", raw: "GET %PATH%\r\n\r\n", statuses: []int{0, 400, 403, 505}, ends: true},
		{name: "other HTTP", raw: "GET %PATH% HTTP/1.2\r\nHost: app.test\r\n\r\n", statuses: []int{400, 403, 505}},
		{name: "HTTP/2.0 by name", raw: "GET %PATH% HTTP/2.0\r\nHost: app.test\r\n\r\n", statuses: []int{505}, ends: true},
		{name: "trailers that frame", raw: start + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: %LENGTH%\r\nTransfer-Encoding: chunked\r\n\r\n%POISON%", statuses: []int{200, 400}},
	}
	for _, value := range []string{
		"xchunked", "chunked, identity", "identity, chunked", "chunked, chunked", "identity", "gzip", "gzip, chunked", "chunked;q=1",
		"\"chunked\"", "chunke", "chunked,", ", chunked", "cHuNkEd x", "\x0bchunked", "chunked\x00", "chun\x00ked", "chunked\x0c", "\xa0chunked", "",
		"chunked\r\nTransfer-Encoding: x", "x\r\nTransfer-Encoding: chunked", "\r\n chunked", "chunked\r\n x",
	} {
		list = append(list, probe{name: fmt.Sprintf("coding %q", value), raw: withLength("Transfer-Encoding: " + value), statuses: []int{200, 400, 501}, ends: true})
	}
	for _, field := range []string{
		"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer_Encoding: chunked", "Transfer-Encoding\x00: chunked",
		" Transfer-Encoding: chunked", "X: x\nTransfer-Encoding: chunked", "X: x\rTransfer-Encoding: chunked", "X: x\r\n\rTransfer-Encoding: chunked",
		"Transfer-Encoding", "Transfer-Encoding:", ": chunked", "Transfer Encoding: chunked", "\x01Transfer-Encoding: chunked", "X\x85Transfer-Encoding: chunked",
	} {
		list = append(list, probe{name: fmt.Sprintf("field %q", field), raw: withLength(field), statuses: []int{200, 400}})
	}
	// Whoever takes these for no body sees the hidden request next, and whoever takes them for
	// a number does not.
	for _, value := range []string{
		"+%LENGTH%", "-0", "0x%HEX%", "%LENGTH% %LENGTH%", "%LENGTH%;", "%LENGTH%, 0", "0, %LENGTH%", "", "\x0b%LENGTH%", "%LENGTH%\x00", "1e2", "%LENGTH%.0",
		"18446744073709551616", "99999999999999999999", "_%LENGTH%", "0\r\nContent-Length: %LENGTH%", "%LENGTH%\r\nContent-Length: 0", "\r\n %LENGTH%", "'%LENGTH%'", "٣",
	} {
		list = append(list, probe{name: fmt.Sprintf("length %q", value), raw: start + "Content-Length: " + value + "\r\n\r\n%POISON%", statuses: refused, ends: true})
	}
	for _, chunks := range []string{
		"0\n\n", "0\r\n\n", "0\n\r\n", "0\r\r\n", "+0\r\n\r\n", "-0\r\n\r\n", "0x0\r\n\r\n", "0_0\r\n\r\n", " 0\r\n\r\n", "\r\n0\r\n\r\n", "00000000000000000\r\n\r\n",
		"10000000000000000\r\n\r\n", "ffffffffffffffff\r\nx", "g\r\n\r\n", "\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
		"5\rhello\r\n0\r\n\r\n", "0;a\n\r\n\r\n", "0;a=\"\n\r\n\"\r\n\r\n", "0;a\r\r\n\r\n", "0;\x00\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\n: y\r\n\r\n", "0\r\nX\r\n\r\n",
	} {
		list = append(list, probe{name: fmt.Sprintf("chunks %q", chunks), raw: start + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "%POISON%", statuses: []int{0, 200, 400}, ends: true})
	}
	for _, head := range []string{
		"GET / HTTP/1.1\nHost: app.test\n\n", "GET / HTTP/1.1\rHost: app.test\r\r", "GET /\tHTTP/1.1\r\nHost: app.test\r\n\r\n", "GET  / HTTP/1.1\r\nHost: app.test\r\n\r\n",
		"GET / HTTP/1.1 \r\nHost: app.test\r\n\r\n", " GET / HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET / a HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET / HTTP/1.1\r\n Host: app.test\r\n\r\n",
		"GET / http/1.1\r\nHost: app.test\r\n\r\n", "GET / HTTP/1.10\r\nHost: app.test\r\n\r\n", "GET / HTTP/01.1\r\nHost: app.test\r\n\r\n", "GET\x00/ HTTP/1.1\r\nHost: app.test\r\n\r\n",
		"G\x7fT / HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: app.test\r\nX: a\x00b\r\n\r\n", "GET / HTTP/1.1\r\nHost: app.test\r\nX: a\rb\r\n\r\n", "GET / HTTP/1.1\r\nHost: app.test\r\n: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: app.test\r\nX\r\n\r\n", "GET / HTTP/1.1\r\nHost: app.test\r\nX: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@app.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: app.test/x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: app.test x\r\n\r\n", "GET /#x HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET * HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET http:// HTTP/1.1\r\nHost: app.test\r\n\r\n",
		"GET /%00 HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET /\x00 HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET /\x80 HTTP/1.1\r\nHost: app.test\r\n\r\n",
	} {
		// Refused, or else read as the one thing that it can be; the hidden request is then the
		// next and is answered by the rule.
		list = append(list, probe{name: fmt.Sprintf("head %q", head), raw: head + "%POISON%", statuses: []int{0, 200, 400, 505}})
	}
	for _, path := range []string{
		"/x/..%PATH%", "/.%PATH%", "/%2e%PATH%", "/x/%2e%2e%PATH%", "/%70oison%REST%", "//poison%REST%", "/poison/../poison%REST%", "/x/..;%PATH%", "/x/../..%PATH%",
		"http://app.test%PATH%", "http://app.test/%70oison%REST%", "%PATH%?a", "%PATH%#a", "%PATH%;a", "/poison/./%REST%", "\\poison%REST%", "/x\\..%PATH%", "/%5cpoison%REST%", "/x%2f..%PATH%", "/%252e%252e%PATH%",
	} {
		list = append(list, probe{name: fmt.Sprintf("path %q", path), raw: "GET " + path + " HTTP/1.1\r\nHost: app.test\r\n\r\n", statuses: []int{200, 400, 403}})
	}
	return list
}

// fill makes the n-th probe's bytes.
func (p probe) fill(n int) string {
	rest := "/" + strconv.Itoa(n)
	hidden := "GET " + strings.TrimSuffix(poison, "/") + rest + " HTTP/1.1\r\nHost: app.test\r\n\r\n"
	return strings.NewReplacer(
		"%POISON%", hidden, "%LENGTH%", strconv.Itoa(len(hidden)), "%LENGTH5%", strconv.Itoa(len(hidden)+5),
		"%HEX%", strconv.FormatInt(int64(len(hidden)), 16), "%PATH%", strings.TrimSuffix(poison, "/")+rest, "%REST%", rest,
	).Replace(p.raw)
}

// TestSmuggling sends every probe on a connection of its own, several at a time, over and
// over, beside clients that use the same connections to the target.
func TestSmuggling(t *testing.T) {
	s := besiege(t)
	list := probes()
	sent := 0
	s.under(func(until time.Time) {
		for sent == 0 || time.Now().Before(until) && !t.Failed() {
			s.probeAll(list)
			sent += 2 * len(list)
		}
	})
	t.Logf("%d probes, each over HTTP and HTTPS; %d in all", len(list), sent)
	s.unpoisoned(func(n int) string { return list[n].name })
}

// unpoisoned holds the target to not having seen any hidden request.
func (s *siege) unpoisoned(name func(n int) string) {
	s.t.Helper()
	s.mirror.poisoned.Range(func(path, _ any) bool {
		rest := strings.TrimPrefix(path.(string), poison)
		n, err := strconv.Atoi(strings.FieldsFunc(rest+";", func(r rune) bool { return r < '0' || r > '9' })[0])
		if err != nil {
			s.t.Errorf("the target was asked for %s", path)
			return true
		}
		s.t.Errorf("%s: the target was asked for %s", name(n), path)
		return true
	})
}

func (s *siege) probeAll(list []probe) {
	s.t.Helper()
	const atOnce = 16
	var all sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for n, p := range list {
		for address, protocols := range s.doors() {
			turn <- struct{}{}
			all.Go(func() {
				defer func() { <-turn }()
				c, err := s.dial(address, protocols...)
				if err != nil {
					s.t.Errorf("%s: %v", p.name, err)
					return
				}
				defer c.Close()
				_, _ = c.Write([]byte(p.fill(n)))
				// Who is kept says so soon, and then nothing until the idle timeout.
				said, cut := ended(c, 300*time.Millisecond)
				s.judge(p, said, cut)
			})
		}
	}
	all.Wait()
}

// judge holds a probe's answers to what it expects of them.
func (s *siege) judge(p probe, said []byte, cut bool) {
	s.t.Helper()
	var statuses []int
	in := bufio.NewReader(bytes.NewReader(said))
	for {
		answer, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
		if err != nil {
			break
		}
		if answer.StatusCode == http.StatusContinue {
			continue
		}
		statuses = append(statuses, answer.StatusCode)
		if answer.ContentLength > 0 {
			_, _ = in.Discard(int(answer.ContentLength))
		}
	}
	first := 0
	if len(statuses) > 0 {
		first = statuses[0]
	}
	if !slices.Contains(p.statuses, first) {
		s.t.Errorf("%s: answered %v, want one of %v\n%.300q", p.name, statuses, p.statuses, said)
	}
	if len(statuses) > 2 || len(statuses) == 2 && statuses[1] != http.StatusForbidden && statuses[1] != http.StatusBadRequest {
		s.t.Errorf("%s: answered %v", p.name, statuses)
	}
	if p.ends && first != 0 && (len(statuses) != 1 || !cut) {
		s.t.Errorf("%s: answered %v, and the connection lives on: %v", p.name, statuses, !cut)
	}
}
