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
)

// proxy is one of the rivals.
type proxy struct {
	name  string
	start func(ctx context.Context, dir, binary string, c benchCase) (*process, error)
}

var proxies = []proxy{
	{"nginx", startNginx},
	{"haproxy", startHAProxy},
	{"evenkeel", startEvenkeel},
}

const nginxCommon = `daemon off;
worker_processes 1;
pid %[1]s/%[2]s.pid;
error_log stderr crit;
events { worker_connections 8192; }
`

// startTarget runs the target that all proxies share: nginx with an answer in memory.
func startTarget(ctx context.Context, dir string, c benchCase) (stop func(), err error) {
	body := filepath.Join(dir, "www", "index.html")
	if err := os.MkdirAll(filepath.Dir(body), 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(body, []byte(strings.Repeat("x", c.body)), 0o644); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(nginxCommon+`http {
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; open_file_cache max=10;
  server { listen %[3]s backlog=4096; root %[1]s/www; }
}
`, dir, "target", targetAddress)
	path, err := write(dir, "target.conf", conf)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, loadCore, targetAddress, nil, "nginx", "-c", path, "-p", dir)
	if err != nil {
		return nil, err
	}
	return p.stop, nil
}

func startNginx(ctx context.Context, dir, _ string, c benchCase) (*process, error) {
	accessLog := "off"
	if c.log {
		accessLog = filepath.Join(dir, "nginx.log") + " combined buffer=64k flush=1s"
	}
	conf := fmt.Sprintf(nginxCommon+`http {
  access_log %[4]s; keepalive_requests 1000000000;
  upstream target { server %[5]s; keepalive 64; keepalive_requests 1000000000; }
  server { listen %[3]s backlog=4096;
    location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port; } }
}
`, dir, "nginx", nginxAddress, accessLog, targetAddress)
	path, err := write(dir, "nginx.conf", conf)
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, nginxAddress, nil, "nginx", "-c", path, "-p", dir)
}

func startHAProxy(ctx context.Context, dir, _ string, c benchCase) (*process, error) {
	// HAProxy writes no files: its log goes to a file through standard output, as it does in
	// a container.
	log, option := "", ""
	if c.log {
		log, option = "log stdout format raw local0", "log global\n  option httplog"
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
  option forwardfor
  http-reuse always
  %s
frontend f
  bind %s backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %%[dst_port]
  default_backend b
backend b
  server t %s pool-max-conn 64
`, log, option, haproxyAddress, targetAddress)
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

// startEvenkeelWith adds to the lists of target groups and to the settings of the proxy.
func startEvenkeelWith(ctx context.Context, dir, binary string, c benchCase, groups, proxy string) (*process, error) {
	accessLog := "off"
	if c.log {
		accessLog = filepath.Join(dir, "evenkeel.log")
	}
	_, port, _ := strings.Cut(targetAddress, ":")
	conf := fmt.Sprintf(`app: bench
domain: bench.example.com
load_balancer:
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      default_action: {forward: [{target_group: web}]}
target_groups:
  - name: web
    protocol: HTTP
    port: %[1]s
    targets: [{id: web-1, address: 127.0.0.1}]
    health_check: {path: /, interval: 30s, timeout: 5s}
    deregistration_delay: 0s
    proxy_only: {idle_connections: 64}
%[5]sproxy:
  bind: {http: "%[2]s"}
  admin: {listen: "%[3]s"}
  access_log: {path: "%[4]s"}
%[6]s`, port, evenkeelAddress, adminAddress, accessLog, groups, proxy)
	path, err := write(dir, "bench.yaml", conf)
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, evenkeelAddress, []string{"GOMAXPROCS=1"}, binary, "serve", path)
}

func write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
