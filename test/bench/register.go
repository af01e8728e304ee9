package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	// registerCase is the name of the case that measures the control API.
	registerCase = "r"
	// registerEvery is how often a target is registered and deregistered again.
	registerEvery = 50 * time.Millisecond
)

// registration is what changes by the control API cost, and cost requests.
type registration struct {
	changes int
	// median and p99 of a change, from the client's call to its answer.
	median, p99 time.Duration
	// calm and disturbed are the 99th percentiles of requests without changes and with them.
	calm, disturbed time.Duration
}

func (r registration) String() string {
	return fmt.Sprintf("%s  registering and deregistering a target beside 1,000 in 100 groups\n"+
		"   a change takes %v, the 99th percentile of %d is %v\n"+
		"   the 99th percentile of requests is %v, and %v without changes",
		registerCase, r.median, r.changes, r.p99, r.disturbed, r.calm)
}

// measureRegister runs the load of the first case with and without changes, in turns.
func measureRegister(ctx context.Context, dir, binary string, rounds int, length time.Duration) (registration, error) {
	var r registration
	c := cases[0]
	stopTarget, err := startTarget(ctx, dir, c)
	if err != nil {
		return r, err
	}
	defer stopTarget()
	groups, settings := hundredGroups()
	proc, err := startEvenkeelWith(ctx, dir, binary, c, groups, settings)
	if err != nil {
		return r, err
	}
	defer proc.stop()
	if _, err := load(ctx, proc.url, c, time.Second); err != nil {
		return r, fmt.Errorf("warm: %w", err)
	}
	endpoint := "http://" + apiAddress
	api := elbv2.New(elbv2.Options{BaseEndpoint: &endpoint, Region: "local", Credentials: aws.AnonymousCredentials{}})
	web, err := api.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{"web"}})
	if err != nil {
		return r, err
	}
	var took, calm, disturbed []time.Duration
	for range rounds {
		before, err := load(ctx, proc.url, c, length)
		if err != nil {
			return r, err
		}
		calm = append(calm, before.p99)
		some, during, err := disturb(ctx, api, web.TargetGroups[0].TargetGroupArn, func() (loaded, error) { return load(ctx, proc.url, c, length) })
		if err != nil {
			return r, err
		}
		took, disturbed = append(took, some...), append(disturbed, during.p99)
	}
	slices.Sort(took)
	return registration{len(took), median(took), took[len(took)*99/100], median(calm), median(disturbed)}, nil
}

// disturb registers and deregisters a target while f runs, and returns how long each change took.
func disturb(ctx context.Context, api *elbv2.Client, group *string, f func() (loaded, error)) (took []time.Duration, l loaded, err error) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		targets := []types.TargetDescription{{Id: aws.String("127.2.0.1")}}
		changes := []func() error{
			func() error {
				_, err := api.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: group, Targets: targets})
				return err
			},
			func() error {
				_, err := api.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: group, Targets: targets})
				return err
			},
		}
		tick := time.NewTicker(registerEvery)
		defer tick.Stop()
		for {
			for _, change := range changes {
				began := time.Now()
				if err := change(); ctx.Err() != nil {
					done <- nil
					return
				} else if err != nil {
					done <- err
					return
				}
				took = append(took, time.Since(began))
			}
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-tick.C:
			}
		}
	}()
	l, err = f()
	stop()
	return took, l, errors.Join(err, <-done)
}

// hundredGroups is what an environment file has more for this case: the control API, and 99
// groups beside the one that serves, with 999 targets in all.
func hundredGroups() (groups, proxy string) {
	var b strings.Builder
	for i := range 99 {
		var targets []string
		for j := range 10 {
			if len(targets)+10*i < 998 {
				targets = append(targets, fmt.Sprintf("{id: t%d, address: 127.1.%d.%d}", j, i, j+1))
			}
		}
		fmt.Fprintf(&b, "  - {name: g%d, port: 9, targets: [%s]}\n", i, strings.Join(targets, ", "))
	}
	return b.String(), fmt.Sprintf("  elbv2_api: {listen: %q, state_file: state.json}\n", apiAddress)
}
