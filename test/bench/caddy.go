package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildCaddy builds Caddy from its module, unless it was built before, and returns the
// program.
func buildCaddy(ctx context.Context) (string, error) {
	bin, err := filepath.Abs(filepath.Join("dist", "caddy-"+caddyVersion))
	if err != nil {
		return "", err
	}
	program := filepath.Join(bin, "caddy")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	c := exec.CommandContext(ctx, "go", "install", "github.com/caddyserver/caddy/v2/cmd/caddy@"+caddyVersion)
	c.Env = append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build caddy: %w\n%s", err, out)
	}
	return program, nil
}
