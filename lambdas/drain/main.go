// Command drain is the function that ends instances when their work is done, and not before.
//
// An instance that is to end is held by its group's lifecycle hook. The function is told of
// it by messages in a queue and takes one step for each: it looks at the instance (look.go),
// decides (decide.go) and acts (act.go). A step that ends the instance is the last; any other
// may record a heartbeat and sends the message again with a delay. A drain may so take days
// and no invocation more than seconds. The function stores nothing: a step that crashes is
// taken again, one that is taken twice does no harm, and where messages were lost a schedule
// has it look for instances that are held (reconcile.go).
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/evenkeel/evenkeel/spec"
)

// A call is tried so often, with so much time between tries at most, that a batch of ten steps
// stays well within an invocation's 30 seconds. What fails still is tried again by a message.
const (
	callAttempts = 4
	callBackoff  = 2 * time.Second
	// startTimeout bounds what there is to find out before the first message.
	startTimeout = 5 * time.Second
)

func main() {
	log := slog.New(requestHandler{slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})})
	settings, err := readSettings(os.Getenv)
	if err != nil {
		fail(log, err)
	}
	services, err := connect()
	if err != nil {
		fail(log, err)
	}
	services.Clock, services.Log, services.Metrics = time.Now, log, os.Stdout
	lambda.Start(New(settings, services).Handle)
}

// fail ends a function that was set up wrong.
func fail(log *slog.Logger, err error) {
	log.Error("function not started", "error", err)
	os.Exit(1)
}

// readSettings reads the environment's variables.
func readSettings(variable func(string) string) (Settings, error) {
	var errs []error
	read := func(name string) string {
		value := variable(name)
		if value == "" {
			errs = append(errs, fmt.Errorf("variable %s is missing", name))
		}
		return value
	}
	s := Settings{
		App: read(spec.VariableApp), Environment: read(spec.VariableEnvironment),
		Groups: strings.Split(read(spec.VariableGroups), ","), Hook: read(spec.VariableHook),
		QueueURL: read(spec.VariableQueueURL),
	}
	return s, errors.Join(errs...)
}

// connect makes the clients of AWS's services.
func connect() (Services, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// Instances end together, and so do the calls for them: adaptive mode slows down before
	// more than a few are refused.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(func() aws.Retryer {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = callAttempts, callBackoff
			})
		})
	}))
	if err != nil {
		return Services{}, fmt.Errorf("configure AWS: %w", err)
	}
	groups, targets := autoscaling.NewFromConfig(cfg), elbv2.NewFromConfig(cfg)
	return Services{
		Instances: groups, Hooks: groups, Actions: groups,
		Targets: targets, TargetGroups: targets,
		Machines: ec2.NewFromConfig(cfg), Applications: newHTTPAsker(),
		Queue: sqs.NewFromConfig(cfg),
	}, nil
}
