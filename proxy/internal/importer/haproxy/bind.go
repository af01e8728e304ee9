package haproxy

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

func joinHostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// socket is an address that a bind line listens on.
type socket struct {
	from        *directive
	host        string // empty: every address
	port        int
	tls         bool
	http2       bool
	dualstack   bool
	acceptProxy bool
	files       []string // certificates
	minVersion  string
	ciphers     string
}

// binds reads a bind line.
//
// https://docs.haproxy.org/3.0/configuration.html#5.1
func (c *converter) binds(d *directive) []socket {
	var all socket
	all.from = d
	for i := 1; i < len(d.Args); i++ {
		switch d.Args[i] {
		case "ssl":
			all.tls = true
		case "crt":
			i++
			all.files = append(all.files, d.Arg(i))
		case "alpn":
			i++
			all.http2 = slices.Contains(strings.Split(d.Arg(i), ","), "h2")
		case "accept-proxy":
			all.acceptProxy = true
		case "v4v6":
			all.dualstack = true
		case "ssl-min-ver":
			i++
			all.minVersion = d.Arg(i)
		case "no-sslv3", "no-tlsv10":
		case "no-tlsv11":
			all.minVersion = "TLSv1.2"
		case "ciphers":
			i++
			all.ciphers = d.Arg(i)
		case "ciphersuites", "curves", "ecdhe", "maxconn", "backlog", "name", "process", "thread", "shards", "interface", "user", "group", "mode", "id", "nice", "tcp-ut", "mss", "proto", "level", "namespace", "crt-ignore-err", "severity-output", "ssl-max-ver", "sigalgs":
			i++
		case "defer-accept", "transparent", "tfo", "allow-0rtt", "prefer-client-ciphers", "strict-sni", "no-tls-tickets", "v6only", "generate-certificates":
		case "crt-list", "ca-file", "verify", "crl-file", "ca-verify-file":
			word := d.Args[i]
			i++
			d.Differs("certificates", word+" is not read: clients' certificates are not asked for, and certificates are named one by one")
		default:
			d.Differs("load_balancer.listeners[].port", "the parameter "+d.Args[i]+" is not known")
		}
	}
	var list []socket
	for address := range strings.SplitSeq(d.Arg(0), ",") {
		s := all
		i := strings.LastIndexByte(address, ':')
		if i < 0 || strings.HasPrefix(address, "/") || strings.Contains(address, "@") && !strings.HasPrefix(address, "ipv") {
			d.NotMapped("listeners have an address and a TCP port")
			continue
		}
		n, err := strconv.Atoi(address[i+1:])
		if err != nil || n < 1 || n > spec.MaxPort {
			d.NotMapped("has no port from 1 to 65535: ranges take a listener for each port")
			continue
		}
		s.port = n
		_, host, ok := strings.Cut(address[:i], "@")
		if !ok {
			host = address[:i]
		}
		switch host = strings.Trim(host, "[]"); host {
		case "", "*", "0.0.0.0":
		case "::":
			s.dualstack = true
		case "localhost":
			s.host = "127.0.0.1"
		default:
			a, err := netip.ParseAddr(host)
			if err != nil || a.Zone() != "" {
				d.NotMapped("names a host where proxy.bind takes an address: write the address")
				continue
			}
			s.host = a.String()
		}
		list = append(list, s)
	}
	return list
}

// listener makes a listener of a socket, without rules.
func (c *converter) listener(b socket) *importer.Listener {
	l := importer.NewListener()
	l.Port, l.Protocol, l.Name = b.port, spec.ProtocolHTTP, "http"
	if b.tls {
		l.Protocol, l.Name = spec.ProtocolHTTPS, "https"
	}
	if slices.ContainsFunc(c.draft.Listeners, func(o *importer.Listener) bool { return o.Name == l.Name }) {
		l.Name = importer.Name(l.Name, strconv.Itoa(b.port))
	}
	importer.Comment(l.Notes, "", b.from)
	b.from.Maps("load_balancer.listeners[].port")
	if b.dualstack {
		c.draft.Env.LoadBalancer.IPAddressType = spec.IPAddressTypeDualstack
		c.draft.Note("load_balancer.ip_address_type", b.from)
		b.from.Maps("load_balancer.ip_address_type")
	}
	if b.host != "" {
		if c.draft.Env.Proxy.Bind == nil {
			c.draft.Env.Proxy.Bind = map[string]string{}
		}
		c.draft.Env.Proxy.Bind[l.Name] = joinHostPort(b.host, b.port)
		c.draft.Note("proxy.bind."+l.Name, b.from)
		b.from.Maps("proxy.bind")
	}
	c.acceptProxy(l, b)
	if b.tls {
		c.tls(l, b)
	}
	return l
}

// tls gives a listener its certificates and the nearest policy.
func (c *converter) tls(l *importer.Listener, b socket) {
	key := "load_balancer.listeners[].ssl_policy"
	b.from.Maps("load_balancer.listeners[].protocol")
	minimum, ciphers := b.minVersion, b.ciphers
	if d := c.global.last("ssl-default-bind-options"); d != nil {
		importer.Comment(l.Notes, "ssl_policy", d)
		d.Maps(key)
		if slices.Contains(d.Args, "no-tls-tickets") {
			d.Differs(key, "sessions are resumed by tickets, whose keys change every day")
		}
		for i, word := range d.Args {
			if word == "ssl-min-ver" && minimum == "" {
				minimum = d.Arg(i + 1)
			}
			if word == "no-tlsv11" && minimum == "" {
				minimum = "TLSv1.2"
			}
		}
	}
	if d := c.global.last("ssl-default-bind-ciphers"); d != nil {
		importer.Comment(l.Notes, "ssl_policy", d)
		if ciphers == "" {
			ciphers = d.Arg(0)
		}
		d.Differs(key, "ciphers are those of the policy")
	}
	if d := c.global.last("ssl-default-bind-ciphersuites"); d != nil {
		d.Differs(key, "ciphers are those of the policy")
	}
	versions := []string{"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
	if minimum == "" {
		minimum = "TLSv1.2"
	}
	if i := slices.Index(versions, minimum); i >= 0 {
		versions = versions[i:]
	}
	l.SSLPolicy = importer.SSLPolicy(versions, ciphers)
	if b.ciphers != "" {
		b.from.Differs(key, "ciphers are those of "+l.SSLPolicy)
	}
	if c.draft.Env.Certificates == nil {
		c.draft.Env.Certificates = map[string]spec.Certificate{}
	}
	if len(b.files) == 0 {
		b.files = []string{"tls/missing.pem"}
		b.from.NotMapped("has no certificate: name one")
	}
	base := ""
	if d := c.global.last("crt-base"); d != nil {
		base = d.Arg(0)
		d.Maps("certificates.*.files.certificate")
	}
	for _, file := range b.files {
		if base != "" && !filepath.IsAbs(file) {
			file = filepath.Join(base, file)
		}
		if filepath.Ext(file) == "" || strings.HasSuffix(file, "/") {
			b.from.Differs("certificates", file+" may be a folder: name its files one by one")
		}
		name := importer.Name(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
		c.draft.Env.Certificates[name] = spec.Certificate{Files: spec.CertificateFiles{Certificate: file, PrivateKey: file}}
		c.draft.Note("certificates."+name+".files", b.from)
		l.Certificates = append(l.Certificates, name)
		b.from.MapsBy("certificates.*.files", "certificate and key in one file, as they were")
	}
	if b.http2 {
		b.from.Maps("load_balancer.attributes.http2")
	}
}

// acceptProxy is the PROXY protocol of a bind line.
func (c *converter) acceptProxy(l *importer.Listener, b socket) {
	if b.acceptProxy {
		b.from.NotMapped("a PROXY header is taken from proxy.trusted_proxies only, which HAProxy does not know: name the balancer before this one there, and say required in proxy.proxy_protocol." + l.Name)
	}
}
