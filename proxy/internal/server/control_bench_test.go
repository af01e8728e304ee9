package server_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/proxy/internal/server"
	"github.com/evenkeel/evenkeel/spec"
)

// BenchmarkRegister registers one target beside 1,000 in 100 groups, from the client's call
// to its answer, and deregisters it again: what a change costs is half of an iteration.
func BenchmarkRegister(b *testing.B) {
	dir := b.TempDir()
	var text strings.Builder
	text.WriteString(strings.Replace(bare, "certificates:\n  site: {files: {certificate: site.crt, private_key: site.key}}\n", "", 1))
	text.WriteString("load_balancer: {listeners: [{name: http-80, port: 80, protocol: HTTP, default_action: {forward: [{target_group: g0}]}}]}\ntarget_groups:\n")
	for i := range 100 {
		var targets []string
		for j := range 10 {
			if i+j > 0 {
				targets = append(targets, fmt.Sprintf("{id: t%d, address: 127.1.%d.%d}", j, i, j+1))
			}
		}
		fmt.Fprintf(&text, "  - {name: g%d, port: 9, deregistration_delay: 0s, targets: [%s]}\n", i, strings.Join(targets, ", "))
	}
	for name, content := range map[string]string{"secret": accessKey, "test.yaml": text.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	env, err := spec.Load(filepath.Join(dir, "test.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := server.New(env, server.Options{Logger: slog.New(slog.DiscardHandler), Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	r := &running{Server: s}
	b.Cleanup(r.kill)
	if err := s.Start(env); err != nil {
		b.Fatal(err)
	}
	c, group := r.control(), aws.String(env.TargetGroupARN("g0"))
	targets := []types.TargetDescription{{Id: aws.String("127.2.0.1")}}
	for b.Loop() {
		if _, err := c.RegisterTargets(b.Context(), &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: targets}); err != nil {
			b.Fatal(err)
		}
		if _, err := c.DeregisterTargets(b.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: group, Targets: targets}); err != nil {
			b.Fatal(err)
		}
	}
}
