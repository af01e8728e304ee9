package certs

import (
	"crypto/tls"
	"strings"
	"time"
)

// GetCertificate is for tls.Config.GetCertificate. It never fails: a server name that no
// certificate has gets the default one, as on an ALB.
func (s *Set) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.Choose(hello).Certificate, nil
}

// Choose returns the certificate for a handshake. Without a server name, or with one that
// no certificate has, it is the default. Among those that have it: what the client
// supports before what it does not, valid before expired, then ECDSA before RSA, the
// stronger signature hash, the longer key, the later end of validity.
func (s *Set) Choose(hello *tls.ClientHelloInfo) *Entry {
	name := normalize(hello.ServerName)
	if name == "" {
		return s.entries[0]
	}
	if e := best(s.exact[name], hello); e != nil {
		return e
	}
	// A wildcard stands for exactly one label.
	if _, rest, ok := strings.Cut(name, "."); ok {
		if e := best(s.wildcard[rest], hello); e != nil {
			return e
		}
	}
	return s.entries[0]
}

// Match reports whether some certificate of the set has the name, which is when logs
// name it rather than "-".
func (s *Set) Match(serverName string) bool {
	name := normalize(serverName)
	if len(s.exact[name]) > 0 {
		return true
	}
	_, rest, ok := strings.Cut(name, ".")
	return ok && len(s.wildcard[rest]) > 0
}

// best returns the first of entries, which are ordered, that the client supports and
// that is valid; else the first that it supports; else the first.
func best(entries []*Entry, hello *tls.ClientHelloInfo) *Entry {
	if len(entries) < 2 {
		if len(entries) == 0 {
			return nil
		}
		return entries[0]
	}
	now := time.Now()
	var supported *Entry
	for _, e := range entries {
		if hello.SupportsCertificate(e.Certificate) != nil {
			continue
		}
		leaf := e.Certificate.Leaf
		if now.Before(leaf.NotAfter) && !now.Before(leaf.NotBefore) {
			return e
		}
		if supported == nil {
			supported = e
		}
	}
	if supported != nil {
		return supported
	}
	return entries[0]
}
