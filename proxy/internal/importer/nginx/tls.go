package nginx

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// tls gives an HTTPS listener its certificates, the default server's first, and the policy
// that is nearest to its protocols and ciphers.
func (c *converter) tls(p *port, l *importer.Listener) {
	fallback := p.servers[len(p.servers)-1]
	for _, v := range append([]*server{fallback}, p.servers[:len(p.servers)-1]...) {
		c.certificates(v, l)
	}
	if len(l.Certificates) == 0 {
		// https wants one; without any, nginx refuses handshakes.
		c.certificate(l, "missing", spec.CertificateFiles{Certificate: "tls/missing.crt", PrivateKey: "tls/missing.key"}, nil)
	}
	protocols, ciphers := fallback.last("ssl_protocols"), fallback.last("ssl_ciphers")
	policy := importer.SSLPolicy(protocolArgs(protocols), cipherArg(ciphers))
	key := "load_balancer.listeners[].ssl_policy"
	if protocols == nil && ciphers == nil {
		policy = importer.SSLPolicy([]string{"TLSv1.2", "TLSv1.3"}, "")
	}
	l.SSLPolicy = policy
	for _, d := range []*directive{protocols, ciphers} {
		if d != nil {
			importer.Comment(l.Notes, "ssl_policy", d)
		}
	}
	if protocols != nil {
		d := protocols
		if slices.ContainsFunc(d.Args, func(s string) bool { return s == "SSLv2" || s == "SSLv3" }) {
			d.Differs(key, "SSL is not spoken, TLS only")
		} else {
			d.Maps(key)
		}
	}
	if ciphers != nil {
		ciphers.Differs(key, "ciphers are those of "+policy)
	}
	if d := fallback.last("ssl_prefer_server_ciphers"); d != nil {
		d.NotNeeded("the better cipher is chosen, by what the client's processor does fast")
	}
	switch d := fallback.last("ssl_session_tickets"); {
	case d == nil:
	case d.Arg(0) == "off":
		d.Differs(key, "sessions are resumed by tickets, whose keys change every day")
	default:
		d.NotNeeded("sessions are resumed by tickets")
	}
	http2 := slices.ContainsFunc(p.sockets, func(s socket) bool { return s.http2 })
	if !http2 {
		c.draft.Env.LoadBalancer.Attributes.HTTP2 = false
		if len(p.sockets) > 0 && p.sockets[0].from != nil {
			c.draft.Note("load_balancer.attributes.http2", p.sockets[0].from)
		}
	}
}

func protocolArgs(d *directive) []string {
	if d == nil {
		return []string{"TLSv1.2", "TLSv1.3"}
	}
	return d.Args
}

func cipherArg(d *directive) string {
	if d == nil {
		return ""
	}
	return d.Arg(0)
}

func (c *converter) certificates(v *server, l *importer.Listener) {
	files, keys := v.all("ssl_certificate"), v.all("ssl_certificate_key")
	for i, d := range files {
		if i >= len(keys) {
			d.NotMapped("has no ssl_certificate_key")
			continue
		}
		k := keys[i]
		if strings.Contains(d.Arg(0)+k.Arg(0), "$") || strings.Contains(d.Arg(0)+k.Arg(0), ":") {
			d.NotMapped("names a file by variables, or an engine: name a file")
			k.NotMapped("names a file by variables, or an engine: name a file")
			continue
		}
		name := l.Name
		for _, n := range v.names {
			if !n.regex {
				name = strings.TrimPrefix(n.text, "*.")
				break
			}
		}
		c.certificate(l, name, spec.CertificateFiles{Certificate: d.Arg(0), PrivateKey: k.Arg(0)}, d)
		d.Maps("certificates.*.files.certificate")
		k.Maps("certificates.*.files.private_key")
	}
}

// certificate adds a certificate to a listener, under a name that is free.
func (c *converter) certificate(l *importer.Listener, name string, files spec.CertificateFiles, from *directive) {
	all := c.draft.Env.Certificates
	if all == nil {
		all = map[string]spec.Certificate{}
		c.draft.Env.Certificates = all
	}
	name = importer.Name(name)
	for all[name] != (spec.Certificate{}) && all[name].Files != files {
		name += "-2"
	}
	all[name] = spec.Certificate{Files: files}
	c.draft.Note("certificates."+name+".files", from)
	if !slices.Contains(l.Certificates, name) {
		l.Certificates = append(l.Certificates, name)
	}
}
