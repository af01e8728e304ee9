package server_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// full is a target that is healthy and takes no body, by HTTP/1.1 and HTTP/2. It returns its
// port.
func full(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); close(ended) })
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			<-ended
		}
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: harness.Patience, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(l) }()
	return l.Addr().(*net.TCPAddr).Port
}

// TestTargetThatTakesNoBody waits send_timeout for one that takes no more, and no longer; the
// time for an answer is another one.
func TestTargetThatTakesNoBody(t *testing.T) {
	for version := 1; version <= 2; version++ {
		t.Run(fmt.Sprint("HTTP", version), func(t *testing.T) {
			dir := t.TempDir()
			harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
			s := start(t, strings.NewReplacer(
				"{name: http, port: 80, protocol: HTTP,", "{name: http, port: 443, protocol: HTTPS, certificates: [site],",
				"target_groups:", "certificates:\n  site: {files: {certificate: "+dir+"/site.crt, private_key: "+dir+"/site.key}}\ntarget_groups:",
				"    port: 80\n    deregistration", fmt.Sprintf("    port: 80\n    protocol_version: HTTP%d\n    proxy_only: {send_timeout: 50ms, read_timeout: 4000s}\n    deregistration", version),
				"%TARGETS%", fmt.Sprintf("[{id: a, address: 127.0.0.1, port: %d}]", full(t)),
			).Replace(basic))
			until(t, "the target to be healthy", s.healthy(1))
			client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}, Timeout: harness.Patience}
			defer client.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+s.address()+"/", io.LimitReader(repeated{}, 64<<20))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = "app.test"
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusGatewayTimeout {
				t.Errorf("got %d, want 504", answer.StatusCode)
			}
		})
	}
}

// repeated is a body without an end.
type repeated struct{}

func (repeated) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }
