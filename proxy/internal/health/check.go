package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// userAgent is how an ALB's health checks name themselves; applications tell them apart by it.
const userAgent = "ELB-HealthChecker/2.0"

// check makes the health checks of one target.
type check struct {
	group   string
	address string
	https   bool
	// host is the Host field: the port is left out where it is the protocol's own.
	host    string
	kind    string
	path    string
	timeout time.Duration
	codes   []spec.CodeRange
	// ask makes one request over a new connection and returns the status.
	ask func(ctx context.Context, c *check) (status int, failure Failure)
}

func newCheck(t target.Check) (*check, error) {
	ip, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, fmt.Errorf("address of target: %w", err)
	}
	h := &t.HealthCheck
	if h.Port != spec.TrafficPort {
		port = h.Port
	}
	c := &check{
		group:   t.Group.Name,
		address: net.JoinHostPort(ip, port),
		https:   h.Protocol == spec.ProtocolHTTPS,
		path:    h.Path,
		timeout: h.Timeout,
		codes:   h.Codes(),
	}
	c.host = c.address
	if port == "80" && !c.https || port == "443" && c.https {
		c.host = c.address[:len(c.address)-len(":")-len(port)]
	}
	switch t.ProtocolVersion {
	case spec.ProtocolVersionGRPC:
		c.kind, c.ask = "grpc", askGRPC
	case spec.ProtocolVersionHTTP2:
		c.kind, c.ask = "h2", askHTTP2
	default:
		c.kind, c.ask = "http", askHTTP1
		if c.https {
			c.kind = "https"
		}
	}
	return c, nil
}

// run makes one check.
func (c *check) run(ctx context.Context) *Result {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r := &Result{TargetGroup: c.group, Address: c.address, Type: c.kind, Began: time.Now(), Status: noStatus}
	status, failure := c.ask(ctx, c)
	r.Latency = time.Since(r.Began)
	r.Status, r.Failure = status, failure
	if failure == Passed && !c.matches(status) {
		r.Failure = c.mismatch(status)
	}
	return r
}

func (c *check) matches(status int) bool {
	for _, codes := range c.codes {
		if status >= codes.First && status <= codes.Last {
			return true
		}
	}
	return false
}

func (c *check) mismatch(status int) Failure {
	switch {
	case c.kind == "grpc":
		return GRPCUnexpectedStatus
	case status >= 500:
		return TargetError
	}
	return ResponseCodeMismatch
}

// dial opens a connection, with TLS where the check's protocol is HTTPS. Certificates are
// not verified, as by any ALB.
func (c *check) dial(ctx context.Context, protocols ...string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil || !c.https {
		return conn, err
	}
	tc := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: protocols})
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return tc, nil
}
