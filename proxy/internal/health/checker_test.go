package health_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/proxy/internal/health"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// listen opens a loopback port and gives its connections to serve.
func listen(t *testing.T, serve func(net.Conn)) net.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return ln.Addr()
}

// secure serves inside TLS.
func secure(t *testing.T, serve func(net.Conn)) func(net.Conn) {
	t.Helper()
	certificate, key, err := certs.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return func(c net.Conn) {
		tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
		if tc.Handshake() == nil {
			serve(tc)
			_ = tc.Close()
		}
	}
}

// saying answers a head with text, and remembers the head.
func saying(text string, heads chan<- string) func(net.Conn) {
	return func(c net.Conn) {
		var head []byte
		for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); head = append(head, b[0]) {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
		if heads != nil {
			heads <- string(head)
		}
		_, _ = io.WriteString(c, text)
	}
}

// overHTTP2 answers with a handler over HTTP/2.
func overHTTP2(h http.HandlerFunc) func(net.Conn) {
	return func(c net.Conn) { new(http2.Server).ServeConn(c, &http2.ServeConnOpts{Handler: h}) }
}

// group is a target group of one target at address that is checked once.
func group(address string, change func(*spec.TargetGroup)) *spec.Environment {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	g := spec.TargetGroup{
		Name: "web", Protocol: spec.ProtocolHTTP, ProtocolVersion: spec.ProtocolVersionHTTP1, Algorithm: spec.RoundRobin,
		Targets: []spec.Target{{ID: "t1", Address: host, Port: number, ProxyOnly: spec.TargetProxyOnly{Weight: 1}}},
		HealthCheck: spec.HealthCheck{
			Protocol: spec.ProtocolHTTP, Port: spec.TrafficPort, Path: "/health/?deep=1", Matcher: "200,301-303",
			Interval: time.Hour, Timeout: 10 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 1,
		},
	}
	if change != nil {
		change(&g)
	}
	return &spec.Environment{
		TargetGroups: []spec.TargetGroup{g},
		LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{{
			Name: "http", DefaultAction: spec.Action{Forward: []spec.WeightedTargetGroup{{TargetGroup: "web", Weight: 1}}},
		}}},
	}
}

// check runs a checker over env until it has made one check.
func check(t *testing.T, env *spec.Environment) (*health.Result, target.Health) {
	t.Helper()
	registry := target.NewRegistry(target.Options{})
	t.Cleanup(registry.Close)
	if err := registry.Apply(env); err != nil {
		t.Fatal(err)
	}
	results := make(chan *health.Result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		health.NewChecker(health.Options{Registry: registry, Log: func(r *health.Result) { results <- r }}).Run(ctx)
	}()
	r := <-results
	h := registry.Groups()[0].Views()[0].Health
	cancel()
	<-ended
	return r, h
}

func TestRequestIsALBs(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*spec.TargetGroup, int)
		host   func(port int) string
		secure bool
	}{
		{"traffic port", func(*spec.TargetGroup, int) {}, func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }, false},
		{"own port", func(g *spec.TargetGroup, port int) {
			g.Targets[0].Port, g.HealthCheck.Port = 1, strconv.Itoa(port)
		}, func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }, false},
		{"tls", func(g *spec.TargetGroup, _ int) { g.HealthCheck.Protocol = spec.ProtocolHTTPS }, func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			heads := make(chan string, 1)
			serve := saying("HTTP/1.1 200 OK\r\n\r\n", heads)
			if c.secure {
				serve = secure(t, serve)
			}
			address := listen(t, serve)
			port := address.(*net.TCPAddr).Port
			r, h := check(t, group(address.String(), func(g *spec.TargetGroup) { c.change(g, port) }))
			want := "GET /health/?deep=1 HTTP/1.1\r\nHost: " + c.host(port) +
				"\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
			if got := <-heads; got != want {
				t.Errorf("the target was asked\n%q, want\n%q", got, want)
			}
			if r.Failure != health.Passed || r.Status != 200 || h.State != targethealth.Healthy {
				t.Errorf("%+v, %+v", r, h)
			}
		})
	}
}

func TestAnswersOfHTTP1(t *testing.T) {
	for _, c := range []struct {
		answer  string
		failure health.Failure
		status  int
		state   targethealth.State
		reason  targethealth.Reason
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", health.Passed, 200, targethealth.Healthy, ""},
		{"HTTP/1.0 200 OK\r\n\r\nno length", health.Passed, 200, targethealth.Healthy, ""},
		{"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", health.Passed, 200, targethealth.Healthy, ""},
		{"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", health.Passed, 302, targethealth.Healthy, ""},
		{"HTTP/1.1 304 Not Modified\r\n\r\n", health.ResponseCodeMismatch, 304, targethealth.Unhealthy, targethealth.ReasonResponseCodeMismatch},
		{"HTTP/1.1 503 No\r\n\r\n", health.TargetError, 503, targethealth.Unhealthy, targethealth.ReasonResponseCodeMismatch},
		{"HTTP/1.1 20", health.ConnectionReset, -1, targethealth.Unhealthy, targethealth.ReasonFailedHealthChecks},
		{"", health.ConnectionReset, -1, targethealth.Unhealthy, targethealth.ReasonFailedHealthChecks},
		{"SSH-2.0-OpenSSH_9.2\r\n\r\n", health.InternalError, -1, targethealth.Unhealthy, targethealth.ReasonFailedHealthChecks},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", health.InternalError, -1, targethealth.Unhealthy, targethealth.ReasonFailedHealthChecks},
	} {
		r, h := check(t, group(listen(t, saying(c.answer, nil)).String(), nil))
		if r.Failure != c.failure || r.Status != c.status || h.State != c.state || h.Reason != c.reason {
			t.Errorf("%.40q: %+v, %+v", c.answer, r, h)
		}
	}
}

// refusing is an address that nobody listens on, nor can while the test runs: it is bound.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(address.(*unix.SockaddrInet4).Port))
}

func TestTargetsThatDoNotAnswer(t *testing.T) {
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, c := range []struct {
		name    string
		address string
		timeout time.Duration
		failure health.Failure
		reason  targethealth.Reason
		text    string
	}{
		{"refuses", refusing(t), 10 * time.Second, health.ConnectionReset, targethealth.ReasonFailedHealthChecks, "Health checks failed"},
		{"is silent", silent.String(), 50 * time.Millisecond, health.TimedOut, targethealth.ReasonTimeout, "Request timed out"},
	} {
		r, h := check(t, group(c.address, func(g *spec.TargetGroup) { g.HealthCheck.Timeout = c.timeout }))
		if r.Failure != c.failure || h.Reason != c.reason || h.Description != c.text {
			t.Errorf("a target that %s: %+v, %+v", c.name, r, h)
		}
	}
}

func TestAnswersOverHTTP2(t *testing.T) {
	grpc := func(status string, asTrailer bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/grpc" || len(body) != 5 || r.Header.Get("Te") != "trailers" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/grpc")
			switch {
			case asTrailer:
				w.Header().Set("Trailer", "Grpc-Status")
				_, _ = io.WriteString(w, "\x00\x00\x00\x00\x00")
				w.Header().Set("Grpc-Status", status)
			case status != "":
				w.Header().Set("Grpc-Status", status)
			}
		}
	}
	path := make(chan string, 1)
	for _, c := range []struct {
		name    string
		version string
		handler http.HandlerFunc
		failure health.Failure
		status  int
	}{
		{"h2", spec.ProtocolVersionHTTP2, func(w http.ResponseWriter, r *http.Request) { path <- r.Method + " " + r.RequestURI }, health.Passed, 200},
		{"h2 500", spec.ProtocolVersionHTTP2, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, health.TargetError, 500},
		{"grpc 12", spec.ProtocolVersionGRPC, grpc("12", true), health.Passed, 12},
		{"grpc trailers only", spec.ProtocolVersionGRPC, grpc("12", false), health.Passed, 12},
		{"grpc 0", spec.ProtocolVersionGRPC, grpc("0", true), health.GRPCUnexpectedStatus, 0},
		{"grpc without status", spec.ProtocolVersionGRPC, grpc("", false), health.GRPCStatusEmpty, -1},
	} {
		for _, protocol := range []string{spec.ProtocolHTTP, spec.ProtocolHTTPS} {
			t.Run(c.name+" "+protocol, func(t *testing.T) {
				serve := overHTTP2(c.handler)
				if protocol == spec.ProtocolHTTPS {
					serve = secure(t, serve)
				}
				r, _ := check(t, group(listen(t, serve).String(), func(g *spec.TargetGroup) {
					g.ProtocolVersion, g.HealthCheck.Protocol = c.version, protocol
					if c.version == spec.ProtocolVersionGRPC {
						g.HealthCheck.Matcher = "12"
					}
				}))
				if r.Failure != c.failure || r.Status != c.status {
					t.Errorf("%+v, want failure %d, status %d", r, c.failure, c.status)
				}
				if c.name == "h2" {
					if got := <-path; got != "GET /health/?deep=1" {
						t.Errorf("the target was asked %q", got)
					}
				}
			})
		}
	}
}
