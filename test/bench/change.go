package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// registerEvery is how often a target is registered and deregistered again.
const registerEvery = 50 * time.Millisecond

// change is what changes by the control API cost, and cost requests.
type change struct {
	changes int
	// median and p99 of a change, from the client's call to its answer.
	median, p99 time.Duration
	// reload is the median time from SIGHUP until the file is in force.
	reload time.Duration
	// calm and disturbed are the 99th percentiles of requests without changes and with them.
	calm, disturbed time.Duration
}

func (r change) String() string {
	return fmt.Sprintf("%s  changes beside 1,000 targets in 100 groups\n   a reload takes %v\n"+
		"   registering or deregistering a target takes %v, the 99th percentile of %d is %v\n"+
		"   the 99th percentile of requests is %v, and %v without changes",
		changeCase, r.reload, r.median, r.changes, r.p99, r.disturbed, r.calm)
}

// measureChange runs the load of the first case with and without changes, in turns.
func measureChange(ctx context.Context, dir, binary string, rounds int, length time.Duration) (change, error) {
	var r change
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
	if _, err := load(ctx, dir, proc, c, time.Second); err != nil {
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
		before, err := load(ctx, dir, proc, c, length)
		if err != nil {
			return r, err
		}
		calm = append(calm, before.p99)
		some, during, err := disturb(ctx, api, web.TargetGroups[0].TargetGroupArn, func() (loaded, error) { return load(ctx, dir, proc, c, length) })
		if err != nil {
			return r, err
		}
		took, disturbed = append(took, some...), append(disturbed, during.p99)
	}
	slices.Sort(took)
	r = change{changes: len(took), median: median(took), p99: took[len(took)*99/100], calm: median(calm), disturbed: median(disturbed)}
	r.reload, err = reload(ctx, proc, rounds)
	return r, err
}

// reload is how long a reload takes, as the proxy's metrics tell; it is the median of n.
func reload(ctx context.Context, p *process, n int) (time.Duration, error) {
	var took []time.Duration
	for range n {
		before, err := reloaded(ctx)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return 0, err
		}
		for after := before; after == before; {
			if time.Since(began) > 10*time.Second {
				return 0, errors.New("the proxy does not reload")
			}
			time.Sleep(time.Millisecond)
			if after, err = reloaded(ctx); err != nil {
				return 0, err
			}
		}
		took = append(took, time.Since(began))
	}
	return median(took), nil
}

var reloadsLine = regexp.MustCompile(`(?m)^evenkeel_config_reloads_total\{result="success"\} (\d+)$`)

// reloaded is how many reloads have succeeded.
func reloaded(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+adminAddress+"/metrics", nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	found := reloadsLine.FindSubmatch(text)
	if found == nil {
		return "", errors.New("the metrics count no reloads")
	}
	return string(found[1]), nil
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
