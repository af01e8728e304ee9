package forward

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/proxy/internal/answer"
	"github.com/evenkeel/evenkeel/proxy/internal/client"
	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// Services are what the listeners of one process share.
type Services struct {
	Maker  answer.Maker
	Sealer *sticky.Sealer
	// Aggregate makes the document of the environment's health; nil for no such document.
	Aggregate func(method string) *aggregate.Answer
	// Account is told of every exchange once its last byte is on the wire. It keeps nothing of it.
	Account func(x *exchange.Exchange)
}

// Listener is one listener as the environment file describes it: an immutable value that
// a reload replaces whole.
type Listener struct {
	svc    *Services
	table  *routing.Table
	groups map[string]*target.Group
	// edge is nil when the environment has none.
	edge *edge.Site
	// firewall judges before the rules do; nil without one.
	firewall *waf.Firewall

	name       string
	port       int
	https      bool
	attributes spec.LoadBalancerAttributes
	maker      answer.Maker
	// managed are the response fields that replace a target's own.
	managed []exchange.Field
	dnsName []byte
	// trusted are the proxies that are believed who the client is; nil for none.
	trusted *client.Blocks
}

// NewListener compiles l. groups holds every target group of env by name; site is nil when env
// has no edge, and firewall when it has none.
func NewListener(env *spec.Environment, l *spec.Listener, groups map[string]*target.Group, site *edge.Site, firewall *waf.Firewall, svc *Services) (*Listener, error) {
	table, err := routing.Compile(l)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.Name, err)
	}
	trusted, err := client.NewBlocks(env.Proxy.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("proxy.trusted_proxies: %w", err)
	}
	maker := svc.Maker
	if !l.ServerHeader {
		maker.ServerName = ""
	}
	return &Listener{
		svc:        svc,
		table:      table,
		groups:     groups,
		edge:       site,
		firewall:   firewall,
		name:       l.Name,
		port:       l.Port,
		https:      l.Protocol == spec.ProtocolHTTPS,
		attributes: env.LoadBalancer.Attributes,
		maker:      maker,
		managed:    managedFields(&l.ResponseHeaders),
		dnsName:    []byte(env.DNSName()),
		trusted:    trusted,
	}, nil
}

// IdleTimeout is how long neither side may be silent.
func (l *Listener) IdleTimeout() time.Duration { return l.attributes.IdleTimeout }

// ClientKeepAlive is how old a client connection may grow.
func (l *Listener) ClientKeepAlive() time.Duration { return l.attributes.ClientKeepAlive }

func (l *Listener) scheme() string {
	if l.https {
		return "https"
	}
	return "http"
}

// managedFields lists the response headers that the listener sets.
func managedFields(h *spec.ResponseHeaders) []exchange.Field {
	var fields []exchange.Field
	for _, m := range []struct {
		id    exchange.FieldID
		value string
	}{
		{exchange.FieldStrictTransportSecurity, h.StrictTransportSecurity},
		{exchange.FieldAccessControlAllowOrigin, h.AccessControlAllowOrigin},
		{exchange.FieldAccessControlAllowMethods, h.AccessControlAllowMethods},
		{exchange.FieldAccessControlAllowHeaders, h.AccessControlAllowHeaders},
		{exchange.FieldAccessControlAllowCredentials, h.AccessControlAllowCredentials},
		{exchange.FieldAccessControlExposeHeaders, h.AccessControlExposeHeaders},
		{exchange.FieldAccessControlMaxAge, h.AccessControlMaxAge},
		{exchange.FieldContentSecurityPolicy, h.ContentSecurityPolicy},
		{exchange.FieldXContentTypeOptions, h.XContentTypeOptions},
		{exchange.FieldXFrameOptions, h.XFrameOptions},
	} {
		if m.value != "" {
			fields = append(fields, exchange.Field{ID: m.id, Name: []byte(m.id.String()), Value: []byte(m.value)})
		}
	}
	return fields
}

// Name is the listener's in the environment file.
func (l *Listener) Name() string { return l.name }

// Port is the listener's port in the environment file.
func (l *Listener) Port() int { return l.port }

// Protocol is HTTP or HTTPS.
func (l *Listener) Protocol() string {
	if l.https {
		return spec.ProtocolHTTPS
	}
	return spec.ProtocolHTTP
}
