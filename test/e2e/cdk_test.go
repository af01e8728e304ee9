//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cdk runs a target of the Makefile that runs the real CDK command line.
func cdk(t *testing.T, args ...string) (string, error) {
	t.Helper()
	tool(t, "npm", "nodejs npm")
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	c := exec.CommandContext(ctx, "make", args...)
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED=true")
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestSynthNeedsNoAccount makes the templates of production as its operator does, and what
// they cost.
func TestSynthNeedsNoAccount(t *testing.T) {
	if out, err := cdk(t, "synth", "ENV=prod"); err != nil {
		t.Fatalf("make synth: %v\n%s", err, out)
	}
	for _, stack := range []string{"network", "data", "drain", "health", "load-balancer", "fleets", "edge", "observability"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "cdk.out", "prod", "syncapp-prod-"+stack+".template.json"))
		if err != nil || !strings.Contains(string(text), `"Resources"`) {
			t.Errorf("%s: %v", stack, err)
		}
	}
	out, err := cdk(t, "cost", "ENV=prod")
	if err != nil {
		t.Fatalf("make cost: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^Total +[1-9][0-9]{2,4}\.[0-9]{2}$`).MatchString(out) || strings.Contains(out, "not priced") {
		t.Errorf("make cost says\n%s", out)
	}
}

// TestSynthRefusesWithReasons: what AWS cannot do, and an environment that is not there.
func TestSynthRefusesWithReasons(t *testing.T) {
	out, err := cdk(t, "synth", "ENV=onprem")
	if err == nil || !strings.Contains(out, "environments/onprem.yaml:") || !strings.Contains(out, "is what no Application Load Balancer has") {
		t.Errorf("make synth ENV=onprem: %v\n%s", err, out)
	}
	if out, err := cdk(t, "synth", "ENV=none"); err == nil || !strings.Contains(out, `got "none", want one of dev, prod, staging`) {
		t.Errorf("make synth ENV=none: %v\n%s", err, out)
	}
	if out, err := cdk(t, "synth"); err == nil || !strings.Contains(out, "which environment?") {
		t.Errorf("make synth: %v\n%s", err, out)
	}
}
