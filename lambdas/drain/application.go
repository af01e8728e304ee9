package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// applicationAsker asks an instance's application how many requests it has in progress. The
// origin is its scheme, address and port. What is not known says nothing of active.
type applicationAsker interface {
	Active(ctx context.Context, origin, path string) (active int, known bool)
}

// machineDescriber is what EC2 knows of instances.
type machineDescriber interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
}

const (
	// askTimeout bounds a question, and so those of a whole batch, which are put at once.
	askTimeout = 2 * time.Second
	// maxAnswer bounds an answer's body, and its header.
	maxAnswer = 4 << 10
)

// askApplications asks those of whose instances nothing else is waited for.
func (f *Function) askApplications(ctx context.Context, states []State) error {
	var asked []*State
	var ids []string
	for i := range states {
		if s := &states[i]; s.isUpToApplication() {
			asked = append(asked, s)
			ids = append(ids, s.Instance)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	slices.Sort(ids)
	addresses, err := f.addresses(ctx, slices.Compact(ids))
	if isTransient(err) {
		f.Log.WarnContext(ctx, "addresses not seen", "error", err)
		return nil // nobody was asked, and all are asked again
	}
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	active, known := make([]int, len(asked)), make([]bool, len(asked))
	for i, s := range asked {
		if address := addresses[s.Instance]; address != "" {
			wg.Go(func() { active[i], known[i] = f.Applications.Active(ctx, s.Terms.origin(address), s.Terms.Endpoint) })
		}
	}
	wg.Wait()
	for i, s := range asked {
		switch {
		case addresses[s.Instance] == "":
			s.Application = applicationGone
			continue
		case !known[i]:
			s.Application = applicationUnknown
			s.Unknown++
			f.Log.WarnContext(ctx, "application does not say what it has in progress", "instance", s.Instance, "auto_scaling_group", s.Group, "in_a_row", s.Unknown)
			continue
		case active[i] > 0:
			s.Application = applicationBusy
		default:
			s.Application = applicationIdle
		}
		s.Unknown = 0
		f.Log.DebugContext(ctx, "application asked", "instance", s.Instance, "auto_scaling_group", s.Group, "active", active[i])
	}
	return nil
}

// origin is where an application at an address is asked.
func (t *Terms) origin(address string) string {
	scheme := "http"
	if t.TLS {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(address, strconv.Itoa(t.Port))
}

// addresses are those of instances that run, by their ids. It asks by filter: a list of ids
// with one that is gone is refused as a whole.
func (f *Function) addresses(ctx context.Context, ids []string) (map[string]string, error) {
	addresses := map[string]string{}
	for chunk := range slices.Chunk(ids, instancesPerCall) {
		pages := ec2.NewDescribeInstancesPaginator(f.Machines, &ec2.DescribeInstancesInput{
			Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: chunk}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("describe addresses: %w", err)
			}
			for _, reservation := range page.Reservations {
				for _, i := range reservation.Instances {
					if i.State != nil && i.State.Name == ec2types.InstanceStateNameRunning {
						addresses[aws.ToString(i.InstanceId)] = aws.ToString(i.PrivateIpAddress)
					}
				}
			}
		}
	}
	return addresses, nil
}

// httpAsker asks by HTTP.
type httpAsker struct{ client *http.Client }

func newHTTPAsker() *httpAsker {
	return &httpAsker{&http.Client{
		Timeout:       askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			// An instance is asked seconds apart, and perhaps by another copy of the function.
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxAnswer,
			// Targets are known by their addresses: a load balancer does not verify them either.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
	}}
}

// Active implements applicationAsker. Anything but a 200 with a small JSON document whose
// "active" is a number from 0 is not known.
func (a *httpAsker) Active(ctx context.Context, origin, path string) (active int, known bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+path, http.NoBody)
	if err != nil {
		return 0, false
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, false
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return 0, false
	}
	var answer struct {
		Active *int `json:"active"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Active == nil || *answer.Active < 0 {
		return 0, false
	}
	return *answer.Active, true
}
