package elbv2api

import (
	"crypto/tls"

	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
)

type describeSSLPoliciesInput struct {
	Names            []string
	Marker           string
	PageSize         *int
	LoadBalancerType string `aws:"application|network|gateway"`
}

type cipher struct {
	Name     string
	Priority int
}

type sslPolicy struct {
	SslProtocols               members[string]
	Ciphers                    members[cipher]
	Name                       string
	SupportedLoadBalancerTypes members[string]
}

type sslPoliciesOutput struct {
	SslPolicies members[sslPolicy]
	NextMarker  string `xml:",omitempty"`
}

func describeSSLPolicies(_ *call, in *describeSSLPoliciesInput) (any, error) {
	names := in.Names
	if len(names) == 0 {
		names = tlspolicy.Names()
	}
	var list []sslPolicy
	for _, name := range names {
		policy, ok := tlspolicy.Lookup(name)
		switch {
		case ok && (in.LoadBalancerType == "" || in.LoadBalancerType == typeApplication):
			list = append(list, describeSSLPolicy(&policy))
		case !ok && len(in.Names) > 0:
			return nil, checkSSLPolicy(name)
		}
	}
	shown, next, err := paged(page{in.Marker, in.PageSize}, list, func(p *sslPolicy) string { return p.Name })
	if err != nil {
		return nil, err
	}
	return sslPoliciesOutput{shown, next}, nil
}

// describeSSLPolicy shows what the container offers of a policy.
func describeSSLPolicy(p *tlspolicy.Policy) sslPolicy {
	d := sslPolicy{Name: p.Name, SupportedLoadBalancerTypes: members[string]{typeApplication}}
	for v := p.MinVersion; v <= p.MaxVersion; v++ {
		d.SslProtocols = append(d.SslProtocols, tlspolicy.VersionName(v))
	}
	var suites []uint16
	if p.MaxVersion == tls.VersionTLS13 {
		suites = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}
	}
	for i, id := range append(suites, p.CipherSuites...) {
		d.Ciphers = append(d.Ciphers, cipher{tlspolicy.SuiteName(id), i + 1})
	}
	return d
}
