package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startTarget runs the target that all proxies share: nginx with an answer in memory, or
// what echoes WebSocket messages.
func startTarget(ctx context.Context, dir string, c benchCase) (stop func(), err error) {
	var p *process
	if c.tunnel {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p, err = startProcess(ctx, loadCore, targetAddress, nil, self, "-role", "echo", "-listen", targetAddress)
		if err != nil {
			return nil, err
		}
		return p.stop, nil
	}
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
	posts := ""
	if c.upload > 0 {
		posts = "location / { return 200 ok; }"
	}
	conf := fmt.Sprintf(nginxCommon+`http {
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; open_file_cache max=10;
  server { listen %[3]s backlog=4096; root %[1]s/www; %[4]s }
}
`, dir, "target", targetAddress, posts)
	path, err := write(dir, "target.conf", conf)
	if err != nil {
		return nil, err
	}
	if p, err = startProcess(ctx, loadCore, targetAddress, nil, "nginx", "-c", path, "-p", dir); err != nil {
		return nil, err
	}
	return p.stop, nil
}
