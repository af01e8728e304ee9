// Command health is the function that gathers the health of an environment once a minute,
// reports it as metrics, and serves it behind the load balancer at spec.AggregatePath. It
// looks and tells; unless it is told to replace broken instances, it changes nothing.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
)

// maxAttempts bounds how often a call is made that AWS throttles. The next round is a
// minute away.
const maxAttempts = 4

func main() {
	// Lambda's own keys, which its console and filters know.
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	h, err := build(context.Background(), os.Getenv, logger)
	if err != nil {
		logger.Error("function cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(h.handle)
}

// settings are what the function's variables say.
type settings struct {
	app, environment, loadBalancer string
	// path of deep checks; empty for none.
	path string
	mend mendLimits
}

// read checks all variables, and reports all that is wrong with them.
func read(getenv func(string) string) (settings, error) {
	var problems []string
	refuse := func(name, want string) {
		problems = append(problems, fmt.Sprintf("variable %s: got %q, want %s", name, getenv(name), want))
	}
	s := settings{
		app: getenv(spec.VariableApp), environment: getenv(spec.VariableEnvironment),
		loadBalancer: getenv(spec.VariableLoadBalancer), path: getenv(spec.VariableHealthPath),
	}
	for _, name := range []string{spec.VariableApp, spec.VariableEnvironment, spec.VariableLoadBalancer} {
		if getenv(name) == "" {
			refuse(name, "a name")
		}
	}
	if _, err := url.ParseRequestURI(s.path); s.path != "" && (err != nil || s.path[0] != '/') {
		refuse(spec.VariableHealthPath, "a path with its query, or nothing")
	}
	number := func(name string, least, most int) int {
		n, err := strconv.Atoi(getenv(name))
		if err != nil || n < least || n > most {
			refuse(name, fmt.Sprintf("%d to %d", least, most))
		}
		return n
	}
	if getenv(spec.VariableReplacementsPerHour)+getenv(spec.VariableReplacementZoneQuorum) != "" {
		s.mend = mendLimits{
			perHour: number(spec.VariableReplacementsPerHour, 1, spec.MaxReplacements),
			quorum:  number(spec.VariableReplacementZoneQuorum, spec.MinZoneQuorum, 100),
		}
	}
	if len(problems) > 0 {
		return settings{}, fmt.Errorf("read variables: %s", strings.Join(problems, "; "))
	}
	return s, nil
}

// build wires the function to AWS.
func build(ctx context.Context, getenv func(string) string, logger *slog.Logger) (*handler, error) {
	s, err := read(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMode(aws.RetryModeAdaptive), config.WithRetryMaxAttempts(maxAttempts))
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	o := &observer{
		settings:  s,
		balancers: elasticloadbalancingv2.NewFromConfig(cfg),
		fleets:    autoscaling.NewFromConfig(cfg),
		instances: ec2.NewFromConfig(cfg),
	}
	if s.path != "" {
		o.checker = aggregate.NewChecker(s.path, nil)
	}
	h := &handler{settings: s, logger: logger, observe: o.observe, metrics: os.Stdout}
	if s.mend.perHour > 0 {
		h.mend = (&mender{limits: s.mend, groups: autoscaling.NewFromConfig(cfg)}).mend
	}
	return h, nil
}
