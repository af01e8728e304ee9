package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Addresses in use. The range is outside the kernel's ephemeral ports.
const (
	targetAddress   = "127.0.0.1:18100"
	nginxAddress    = "127.0.0.1:18101"
	haproxyAddress  = "127.0.0.1:18102"
	evenkeelAddress = "127.0.0.1:18103"
	adminAddress    = "127.0.0.1:18104"
	apiAddress      = "127.0.0.1:18105"
	caddyAddress    = "127.0.0.1:18106"
	relayAddress    = "127.0.0.1:18107"
	// Where the evenkeel of before listens.
	beforeAddress      = "127.0.0.1:18108"
	beforeAdminAddress = "127.0.0.1:18109"
)

// proxy is one of those that are compared.
type proxy struct {
	name  string
	start func(ctx context.Context, dir, binary string, c benchCase) (*process, error)
}

// inCase are the proxies that a case measures.
func inCase(c benchCase) []proxy {
	all := []proxy{{"nginx", startNginx}, {"haproxy", startHAProxy}, {"evenkeel", startEvenkeel}}
	if before != "" {
		all = append(all, proxy{"before", startBefore})
	} else if c.caddy {
		all = append(all, proxy{"caddy", startCaddy})
	}
	if c.floor {
		all = append(all, proxy{"floor", startRelay})
	}
	return all
}

const nginxCommon = `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid %[1]s/%[2]s.pid;
error_log stderr crit;
events { worker_connections 16384; }
`

func startNginx(ctx context.Context, dir, _ string, c benchCase) (*process, error) {
	accessLog, listen, policy, rules := "off", "", "", ""
	if c.log {
		accessLog = filepath.Join(dir, "nginx.log") + " combined buffer=64k flush=1s"
	}
	if c.tls {
		listen = " ssl"
		if c.http2 {
			listen += " http2"
		}
		policy = fmt.Sprintf("ssl_certificate %[1]s/bench.crt; ssl_certificate_key %[1]s/bench.key; ssl_protocols TLSv1.3;", dir)
	}
	if c.policy {
		// nginx of Debian has no sticky cookies; this sets one to who has none and hashes it.
		policy = `map $cookie_route $route { "" "route=1; Path=/"; default ""; }`
		var b strings.Builder
		for i := range rulesInPolicy {
			fmt.Fprintf(&b, "    location ^~ /service-%d/ { return 404; }\n", i)
		}
		rules = b.String() + "    location = /status { stub_status; }\n    add_header Set-Cookie $route;\n"
	}
	connection, upgrade := `""`, ""
	if c.tunnel {
		connection, upgrade = "upgrade", "proxy_set_header Upgrade $http_upgrade; proxy_read_timeout 60s;"
	}
	conf := fmt.Sprintf(nginxCommon+`http {
  access_log %[4]s; keepalive_requests 1000000000; proxy_max_temp_file_size 0; proxy_request_buffering off;
  %[6]s
  upstream target { %[10]sserver %[5]s; keepalive %[12]d; keepalive_requests 1000000000; }
  server { listen %[3]s%[7]s backlog=4096;
%[8]s    location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection %[9]s; %[11]s
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port; } }
}
`, dir, "nginx", nginxAddress, accessLog, targetAddress, policy, listen, rules, connection, when(c.policy, "hash $cookie_route consistent; "), upgrade, c.pool())
	path, err := write(dir, "nginx.conf", conf)
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, nginxAddress, nil, "nginx", "-c", path, "-p", dir)
}

func startHAProxy(ctx context.Context, dir, _ string, c benchCase) (*process, error) {
	// HAProxy writes no files: its log goes to a file through standard output, as it does in
	// a container.
	log, option, bind, rules, cookie, cookieValue := "", "", "", "", "backend b", ""
	if c.log {
		log, option = "log stdout format raw local0", "log global\n  option httplog"
	}
	if c.tls {
		bind = fmt.Sprintf(" ssl crt %s/bench.pem ssl-min-ver TLSv1.3 alpn %s", dir, map[bool]string{true: "h2", false: "http/1.1"}[c.http2])
	}
	if c.policy {
		var b strings.Builder
		for i := range rulesInPolicy {
			fmt.Fprintf(&b, "  use_backend none if { path_beg /service-%d/ }\n", i)
		}
		rules = b.String()
		cookie, cookieValue = "backend none\nbackend b\n  cookie route insert indirect nocache", " cookie t"
	}
	conf := fmt.Sprintf(`global
  nbthread 1
  maxconn 8192
  %s
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option forwardfor
  http-reuse always
  %s
frontend f
  bind %s backlog 4096%s
  http-request set-header X-Forwarded-Proto %s
  http-request set-header X-Forwarded-Port %%[dst_port]
%s  default_backend b
%s
  server t %s pool-max-conn %d%s
`, log, option, haproxyAddress, bind, map[bool]string{true: "https", false: "http"}[c.tls], rules, cookie, targetAddress, c.pool(), cookieValue)
	path, err := write(dir, "haproxy.cfg", conf)
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, haproxyAddress, nil, "sh", "-c",
		"exec haproxy -f "+path+" >"+filepath.Join(dir, "haproxy.log"))
}

func startEvenkeel(ctx context.Context, dir, binary string, c benchCase) (*process, error) {
	return startEvenkeelWith(ctx, dir, binary, c, "", "")
}

// before is the evenkeel to compare with; empty for none.
var before string

func startBefore(ctx context.Context, dir, _ string, c benchCase) (*process, error) {
	return startEvenkeelAt(ctx, dir, before, c, beforeAddress, beforeAdminAddress, "", "")
}

// startEvenkeelWith adds to the lists of target groups and to the settings of the proxy.
func startEvenkeelWith(ctx context.Context, dir, binary string, c benchCase, groups, settings string) (*process, error) {
	return startEvenkeelAt(ctx, dir, binary, c, evenkeelAddress, adminAddress, groups, settings)
}

func startEvenkeelAt(ctx context.Context, dir, binary string, c benchCase, listen, admin, groups, settings string) (*process, error) {
	accessLog := "off"
	if c.log {
		accessLog = filepath.Join(dir, "evenkeel.log")
	}
	_, port, _ := strings.Cut(targetAddress, ":")
	listener, certificates := "port: 80\n      protocol: HTTP", ""
	if c.tls {
		listener = "port: 443\n      protocol: HTTPS\n      certificates: [bench]"
		certificates = "certificates: {bench: {files: {certificate: bench.crt, private_key: bench.key}}}\n"
	}
	var rules strings.Builder
	if c.policy {
		rules.WriteString("      rules:\n")
		for i := range rulesInPolicy {
			fmt.Fprintf(&rules, "        - {name: r%d, priority: %d, conditions: [{path_pattern: [/service-%d/*]}], action: {fixed_response: {status_code: 404}}}\n", i, i+1, i)
		}
	}
	conf := fmt.Sprintf(`app: bench
domain: %[10]s
%[9]sload_balancer:
  listeners:
    - name: web
      %[7]s
%[8]s      default_action: {forward: [{target_group: web}]}
target_groups:
  - name: web
    protocol: HTTP
    port: %[1]s
    targets: [{id: web-1, address: 127.0.0.1}]
    health_check: {path: /, interval: 30s, timeout: 5s}
    deregistration_delay: 0s
    proxy_only: {idle_connections: %[12]d}
%[11]s%[5]sproxy:
  bind: {web: "%[2]s"}
  admin: {listen: "%[3]s"}
  access_log: {path: "%[4]s"}
%[6]s`, port, listen, admin, accessLog, groups, settings, listener, rules.String(), certificates, benchHost,
		when(c.policy, "    stickiness: {type: lb_cookie, duration: 1h}\n"), c.pool())
	_, name, _ := strings.Cut(listen, ":")
	path, err := write(dir, name+".yaml", conf)
	if err != nil {
		return nil, err
	}
	env, profile := []string{"GOMAXPROCS=1"}, ""
	if profiles != "" {
		profile = filepath.Join(profiles, c.name+".pprof")
		env = append(env, "EVENKEEL_CPU_PROFILE="+profile)
	}
	p, err := startProcess(ctx, proxyCore, listen, env, binary, "serve", path)
	if err == nil {
		p.profile = profile
	}
	return p, err
}

// caddyVersion is of the module that Caddy is built from.
const caddyVersion = "v2.10.2"

// startCaddy builds Caddy once; it is in no package of Debian 12.
func startCaddy(ctx context.Context, dir, _ string, _ benchCase) (*process, error) {
	program, err := buildCaddy(ctx)
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf("{\n admin off\n auto_https off\n persist_config off\n}\nhttp://%s {\n reverse_proxy %s\n}\nhttp://%s {\n bind 127.0.0.1\n reverse_proxy %[2]s\n}\n",
		caddyAddress, targetAddress, benchHost+caddyAddress[strings.IndexByte(caddyAddress, ':'):])
	path, err := write(dir, "Caddyfile", conf)
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, caddyAddress, []string{"GOMAXPROCS=1", "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, program, "run", "--config", path, "--adapter", "caddyfile")
}

func startRelay(ctx context.Context, _, _ string, _ benchCase) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, relayAddress, []string{"GOMAXPROCS=1"}, self, "-role", "relay", "-listen", relayAddress)
}

func when(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

func write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
