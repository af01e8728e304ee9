package nginx

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

func portText(n int) string { return strconv.Itoa(n) }

// listen reads an address, a port and the parameters behind them.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#listen
func listen(d *directive) (socket, bool) {
	l := socket{from: d, port: 80}
	address := d.Arg(0)
	if strings.HasPrefix(address, "unix:") {
		d.NotMapped("listeners have TCP ports only: listen on a port of 127.0.0.1 instead")
		return l, false
	}
	host, number := address, ""
	switch {
	case strings.Trim(address, "0123456789") == "":
		host, number = "", address
	case strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]"):
	case strings.Contains(address, ":"):
		var err error
		if host, number, err = net.SplitHostPort(address); err != nil {
			d.NotMapped("has no address that can be read: write an address and a port")
			return l, false
		}
	}
	if number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > spec.MaxPort {
			d.NotMapped("has no port from 1 to 65535: ranges take a listener for each port")
			return l, false
		}
		l.port = n
	}
	switch host = strings.Trim(host, "[]"); host {
	case "", "*", "0.0.0.0":
	case "localhost":
		l.host = "127.0.0.1"
	default:
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			d.NotMapped("names a host where proxy.bind takes an address: write the address")
			return l, false
		}
		l.host = a.String()
	}
	for _, p := range d.Args[1:] {
		key, _, _ := strings.Cut(p, "=")
		switch key {
		case "default_server", "default":
			l.isDefault = true
		case "ssl":
			l.tls = true
		case "http2", "spdy":
			l.http2 = true
		case "proxy_protocol":
			l.proxyProtocol = true
		case "quic", "http3":
			d.NotMapped("HTTP/3 is not spoken: leave this port to TCP, clients fall back to HTTP/2")
			return l, false
		case "backlog", "rcvbuf", "sndbuf", "fastopen", "deferred", "bind", "ipv6only", "reuseport", "so_keepalive", "setfib":
		default:
			d.Differs("load_balancer.listeners[].port", "the parameter "+key+" is not known")
		}
	}
	return l, true
}

// class is how specific a server name is, the most specific first.
//
// https://nginx.org/en/docs/http/server_names.html
type class int

const (
	exact class = iota
	leadingWildcard
	trailingWildcard
	expression
)

// name is one name of a server block.
type name struct {
	from  *directive
	class class
	// text is a value of a host_header condition, or a regular expression.
	text string
	// regex: text is a regular expression.
	regex bool
}

func readName(arg string, d *directive) []name {
	key := "load_balancer.listeners[].rules[].conditions[].host_header"
	switch {
	case arg == "" || arg == "_" || arg == "-" || arg == "--":
		d.NotNeeded("matches no host; what no other server block takes goes to the default action")
		return nil
	case strings.HasPrefix(arg, "~"):
		re, ok := regularExpression(arg[1:], true)
		if !ok {
			d.NotMapped("is no expression that a rule takes (at most 128 characters, RE2, no look-around): write the names")
			return []name{{d, expression, "", true}}
		}
		d.Maps(key)
		return []name{{d, expression, re, true}}
	case strings.HasPrefix(arg, "."):
		d.Maps(key)
		return []name{plainName(arg[1:], exact, d), {d, leadingWildcard, "*" + arg, false}}
	case strings.HasPrefix(arg, "*."):
		d.Maps(key)
		return []name{{d, leadingWildcard, arg, false}}
	case strings.HasSuffix(arg, ".*"):
		d.Maps(key)
		return []name{{d, trailingWildcard, "^" + quoteMeta(strings.TrimSuffix(arg, "*")) + ".+$", true}}
	}
	d.Maps(key)
	return []name{plainName(arg, exact, d)}
}

// plainName is a name without wildcards. Conditions want a dot and letters behind it; others
// are said as expressions.
func plainName(s string, class class, d *directive) name {
	s = strings.ToLower(s)
	i := strings.LastIndexByte(s, '.')
	if i < 0 || strings.Trim(s[i+1:], "abcdefghijklmnopqrstuvwxyz") != "" || i+1 == len(s) {
		return name{d, class, "^" + quoteMeta(s) + "$", true}
	}
	return name{d, class, s, false}
}

// hosts is a part of a server's names that one rule can have: at most three, of one kind.
type hosts struct {
	class class
	names []name
}

// chunks cuts names into parts, most specific first.
func chunks(names []name) []hosts {
	var list []hosts
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b name) int {
		if a.class != b.class {
			return int(a.class) - int(b.class)
		}
		if a.class == leadingWildcard || a.class == trailingWildcard {
			return len(b.text) - len(a.text)
		}
		return 0
	})
	for _, n := range sorted {
		if n.text == "" {
			continue
		}
		if last := len(list) - 1; last >= 0 && list[last].class == n.class && list[last].names[0].regex == n.regex &&
			len(list[last].names) < spec.MaxValuesPerCondition && n.class == exact {
			list[last].names = append(list[last].names, n)
			continue
		}
		list = append(list, hosts{n.class, []name{n}})
	}
	return list
}

// condition is the host_header condition of a part.
func (h hosts) condition() spec.Condition {
	var c spec.Condition
	for _, n := range h.names {
		if n.regex {
			c.HostHeader.RegexValues = append(c.HostHeader.RegexValues, n.text)
		} else {
			c.HostHeader.Values = append(c.HostHeader.Values, n.text)
		}
	}
	return c
}
