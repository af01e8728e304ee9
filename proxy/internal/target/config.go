package target

import (
	"crypto/tls"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	// tlsHandshakeTimeout bounds the TLS handshake with a target. On an ALB it is fixed.
	//
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
	tlsHandshakeTimeout = 10 * time.Second
	// tlsSessions bounds the sessions that are kept for resumption with one group's targets.
	tlsSessions = spec.MaxTargets
)

// Config is a target group as the environment file describes it: an immutable value that
// a reload replaces whole.
type Config struct {
	Name string
	ARN  string
	// ProtocolVersion is one of spec's.
	ProtocolVersion string
	// HTTPS says that targets speak TLS.
	HTTPS bool
	// Algorithm is one of package balance's. HashKey and BoundedLoad are of those that hash.
	Algorithm   string
	HashKey     HashKey
	BoundedLoad int
	// Timed says that the algorithm wants to know how long targets take.
	Timed bool
	// AnomalyMitigation lowers the share of targets that fail more than their peers.
	AnomalyMitigation bool
	// SlowStart is 0 for none.
	SlowStart           time.Duration
	DeregistrationDelay time.Duration
	Stickiness          spec.Stickiness
	// MinimumHealthy is below what the group fails open.
	MinimumHealthy spec.MinimumHealthyTargets
	HealthCheck    spec.HealthCheck
	// SendTimeout, ReadTimeout and TunnelTimeout are 0 for the load balancer's idle timeout.
	SendTimeout, ReadTimeout, TunnelTimeout time.Duration
	// MaxRequestBody is the most bytes that a request's body has; 0 for no bound.
	MaxRequestBody int64
	// Persistence is the cookie that takes the place of Stickiness, which is then off; nil for
	// none.
	Persistence *spec.PersistenceCookie
	// Headers changes what targets receive; nil for nothing.
	Headers *Headers
	// Queue holds requests while no target has room; of depth 0 there is none.
	Queue spec.Queue
	// PassiveHealth is off when MaxFails is 0.
	PassiveHealth spec.PassiveHealth
	// Retries is nil for none.
	Retries *Retries
	// Discovers says that DNS may name more targets than the environment does.
	Discovers bool
	// InUse says that some listener's action forwards to the group. The targets of a group
	// that is not in use are unused and not checked.
	InUse bool
	// Cookie is the target group cookie of this second.
	Cookie *sticky.Memo

	transport transport
}

// transport is all that a connection to a target depends on.
type transport struct {
	https          bool
	http2          bool
	connectTimeout time.Duration
	// idleConnections and idleTimeout say how many connections wait for how long.
	idleConnections int
	idleTimeout     time.Duration
}

// compile makes the configuration of g.
func compile(env *spec.Environment, g *spec.TargetGroup, inUse bool) *Config {
	c := &Config{
		Name:                g.Name,
		ARN:                 env.TargetGroupARN(g.Name),
		ProtocolVersion:     g.ProtocolVersion,
		HTTPS:               g.Protocol == spec.ProtocolHTTPS,
		Algorithm:           algorithmOf(g),
		HashKey:             hashKeyOf(&g.ProxyOnly),
		BoundedLoad:         g.ProxyOnly.ConsistentHash.BoundedLoad,
		Timed:               algorithmOf(g) == spec.LeastTime,
		AnomalyMitigation:   g.AnomalyMitigation,
		SlowStart:           g.SlowStart,
		DeregistrationDelay: g.DeregistrationDelay,
		Stickiness:          g.Stickiness,
		MinimumHealthy:      g.TargetGroupHealth.UnhealthyStateRouting,
		HealthCheck:         g.HealthCheck,
		SendTimeout:         g.ProxyOnly.SendTimeout,
		ReadTimeout:         g.ProxyOnly.ReadTimeout,
		TunnelTimeout:       g.ProxyOnly.TunnelTimeout,
		MaxRequestBody:      int64(g.ProxyOnly.MaxRequestBody),
		Headers:             headersOf(&g.ProxyOnly.Headers),
		Queue:               g.ProxyOnly.Queue,
		PassiveHealth:       g.ProxyOnly.PassiveHealth,
		Retries:             compileRetries(&g.ProxyOnly.Retries),
		Discovers:           g.ProxyOnly.Discovery.DNS != "",
		InUse:               inUse,
		Cookie:              new(sticky.Memo),
		transport: transport{
			https:           g.Protocol == spec.ProtocolHTTPS,
			http2:           g.ProtocolVersion != spec.ProtocolVersionHTTP1,
			connectTimeout:  g.ProxyOnly.ConnectTimeout,
			idleConnections: g.ProxyOnly.IdleConnections,
			idleTimeout:     env.LoadBalancer.Attributes.IdleTimeout,
		},
	}
	if g.ProxyOnly.Cookie.Name != "" {
		c.Persistence, c.Stickiness = &g.ProxyOnly.Cookie, spec.Stickiness{}
	}
	return c
}

// algorithmOf is the algorithm of g: the one that an ALB has, or the one that replaces it.
func algorithmOf(g *spec.TargetGroup) string {
	if g.ProxyOnly.Algorithm != "" {
		return g.ProxyOnly.Algorithm
	}
	return g.Algorithm
}

// same reports whether connections made by t serve u as well.
func (t *transport) same(u *transport) bool { return t.https == u.https && t.http2 == u.http2 }

// tune makes a target's connections, those that are open too, go by t. HTTP/2 keeps the idle
// timeout that it began with.
func (t *transport) tune(target *Target) {
	if target.HTTP1 != nil {
		target.HTTP1.Tune(t.connectTimeout, t.idleTimeout, t.idleConnections)
		return
	}
	target.HTTP2.Tune(t.connectTimeout)
}

// open returns what connections to address are made and kept by: one of the two.
func (t *transport) open(address string, shards int) (*targetconn.Pool, *http2.TargetConns) {
	var secure *tls.Config
	if t.https {
		secure = clientTLS()
	}
	if t.http2 {
		return nil, http2.NewTargetConns(http2.TargetConfig{
			Address:             address,
			TLS:                 secure,
			ConnectTimeout:      t.connectTimeout,
			TLSHandshakeTimeout: tlsHandshakeTimeout,
			IdleTimeout:         t.idleTimeout,
		})
	}
	return targetconn.NewPool(targetconn.Config{
		Address:             address,
		TLS:                 secure,
		ConnectTimeout:      t.connectTimeout,
		TLSHandshakeTimeout: tlsHandshakeTimeout,
		IdleConnections:     t.idleConnections,
		IdleTimeout:         t.idleTimeout,
		Shards:              shards,
	}), nil
}

// clientTLS is how an ALB speaks TLS with targets: any certificate will do, so that old
// versions of TLS give away nothing more.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func clientTLS() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
	}
}
