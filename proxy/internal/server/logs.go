package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/health"
	"github.com/evenkeel/evenkeel/spec"
)

// newLogs opens the logs.
func newLogs(env *spec.Environment, logger *slog.Logger) (*accesslog.Logger, error) {
	return accesslog.New(accesslog.Config{
		LoadBalancer: env.LoadBalancerID(),
		DNSName:      env.DNSName(),
		Access:       env.Proxy.AccessLog,
		Connections:  env.Proxy.ConnectionLog,
		HealthChecks: env.Proxy.HealthCheckLog,
		Firewall:     env.Proxy.WAFLog,
		WebACL:       env.ResourceName("load-balancer"),
		Logger:       logger,
	})
}

// account is told of every exchange after its last byte.
func (s *Server) account(x *exchange.Exchange) {
	s.metrics.Observe(x)
	s.logs.Log(x)
}

// logConnection records a client connection once it is established.
func (s *Server) logConnection(c *clientConn, handshake time.Duration) {
	r := c.connectionRecord()
	if t := c.facts.TLS; t != nil {
		r.Protocol, r.Cipher, r.KeyExchange = t.Version, t.CipherSuite, t.KeyExchange
		r.HandshakeLatency = handshake
	}
	s.logs.Connection(&r)
}

// tlsFailed counts and records a handshake that did not come about.
func (s *Server) tlsFailed(c *clientConn, err error) {
	s.metrics.TLSNegotiationError(c.facts.Shard)
	r := c.connectionRecord()
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		s.logger.Debug("client refused the handshake", slog.String("peer", c.facts.Peer.String()), slog.Any("error", err))
	}
	s.logs.Connection(&r)
}

func (c *clientConn) connectionRecord() accesslog.ConnectionRecord {
	return accesslog.ConnectionRecord{
		Time:         c.opened,
		Shard:        c.facts.Shard,
		Client:       c.facts.Peer,
		ListenerPort: c.facts.ListenerPort,
		TraceID:      c.facts.TraceID,
	}
}

// logCheck records a health check.
func (s *Server) logCheck(r *health.Result) {
	s.logs.HealthCheck(&accesslog.HealthCheckRecord{
		Type:        r.Type,
		Time:        r.Began,
		Latency:     r.Latency,
		Target:      r.Address,
		TargetGroup: r.TargetGroup,
		Passed:      r.Failure == health.Passed,
		Status:      r.Status,
		Reason:      checkReasons[r.Failure],
	})
}

// checkReasons are the health-check log's words.
var checkReasons = map[health.Failure]string{
	health.TimedOut:             accesslog.HealthCheckTimedOut,
	health.ConnectionReset:      accesslog.HealthCheckConnectionReset,
	health.ResponseCodeMismatch: accesslog.HealthCheckResponseCodeMismatch,
	health.TargetError:          accesslog.HealthCheckTargetError,
	health.GRPCStatusEmpty:      accesslog.HealthCheckGRPCStatusEmpty,
	health.GRPCUnexpectedStatus: accesslog.HealthCheckGRPCUnexpectedStatus,
	health.InternalError:        accesslog.HealthCheckInternalError,
}
