package elbv2api

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// resolverTimeout bounds one run of the resolver command.
	resolverTimeout = 5 * time.Second
	// resolverTime bounds all runs for one request.
	resolverTime = 30 * time.Second
	// maxResolverOutput bounds what it says; an address takes at most 45 bytes.
	maxResolverOutput = 1 << 10
)

// resolveInstances asks the resolver command for the addresses of instances, one after the
// other.
func (a *API) resolveInstances(ctx context.Context, command, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if len(command) == 0 {
		return nil, fail(codeInvalidTarget, "Instance ID '%s' is not known: it is not in proxy.elbv2_api.instances", ids[0])
	}
	if program := command[0]; strings.ContainsRune(program, '/') && !filepath.IsAbs(program) {
		command = append([]string{filepath.Join(a.options.Dir, program)}, command[1:]...)
	}
	ctx, cancel := context.WithTimeout(ctx, resolverTime)
	defer cancel()
	found := map[string]string{}
	for _, id := range ids {
		if found[id] != "" {
			continue
		}
		address, err := resolveInstance(ctx, command, id)
		if err != nil {
			a.logger.Warn("instance resolver failed", slog.String("instance", id), slog.Any("error", err))
			return nil, fail(codeInvalidTarget, "The following targets are not in a running state and cannot be registered: '%s'", id)
		}
		found[id] = address
	}
	return found, nil
}

func resolveInstance(ctx context.Context, command []string, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, resolverTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], id)...)
	// What it started itself may keep its output open.
	cmd.WaitDelay = time.Second
	var out bounded
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return "", err
	}
	address, err := netip.ParseAddr(strings.TrimSpace(out.String()))
	if err != nil {
		return "", err
	}
	return address.String(), nil
}

// bounded keeps the beginning of an output.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	_, _ = b.Buffer.Write(p[:min(len(p), maxResolverOutput-b.Len())])
	return len(p), nil
}
