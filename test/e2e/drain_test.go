//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/coder/websocket"

	"github.com/evenkeel/evenkeel/test/harness"
)

// pump hands due messages of the cloud's queue to the function until the test ends.
func pump(t *testing.T, c *cloud, f *harness.Lambda) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			body, ok := c.receive()
			if !ok {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			event, _ := json.Marshal(map[string]any{"Records": []map[string]any{{
				"messageId": "m", "receiptHandle": "h", "body": body, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:drain", "awsRegion": "eu-west-1",
				"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": fmt.Sprint(time.Now().UnixMilli())},
			}}})
			out, err := f.Invoke(ctx, event)
			if ctx.Err() == nil && (err != nil || strings.Contains(string(out), "itemIdentifier")) {
				t.Errorf("the function answers %s to %s: %v", out, body, err)
			}
		}
	}()
}

// TestScaleInUnderLoad takes instances out again and again, as Auto Scaling does, with the
// drain function as it runs on Lambda, the container and its control API, and clients that ask
// without a pause. No request fails, and an instance goes soon after its last one.
func TestScaleInUnderLoad(t *testing.T) {
	rounds := 20
	if os.Getenv("SOAK") == "1" {
		rounds = 200
	}
	z := newScene(t, 2*time.Second)
	a, p, c, f, servers := z.account, z.page, z.cloud, z.function, z.servers
	ctx, client := t.Context(), a.sdk()
	stop := underLoad(t, a.site.secure, 6)
	stopOnce := underLoadOnce(t, a.site.secure, 2)
	var waits []time.Duration
	for round := range rounds {
		id := []string{first, second}[round%2]
		old := servers[id]
		// Auto Scaling takes an instance out of its target groups and waits for that before it
		// calls the hook.
		if _, err := client.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: &p.group, Targets: []elbv2types.TargetDescription{{Id: &id}}}); err != nil {
			t.Fatal(err)
		}
		c.set(id, "Terminating")
		if round%5 == 4 {
			time.Sleep(z.delay / 2) // the hook of a group that did not wait
		} else {
			gone := elbv2.NewTargetDeregisteredWaiter(client, func(o *elbv2.TargetDeregisteredWaiterOptions) {
				o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
			})
			if err := gone.Wait(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &p.group, Targets: []elbv2types.TargetDescription{{Id: &id}}}, patience); err != nil {
				t.Fatal(err)
			}
		}
		c.set(id, "Terminating:Wait")
		c.send(c.hookMessage(id), 0)
		a.Until("the instance is released", func() bool { _, ok := c.released(id); return ok })
		at, _ := c.released(id)
		last := old.last()
		if !last.Equal(time.Unix(0, 0)) { // it may have had none
			waits = append(waits, at.Sub(last))
		}
		if at.Before(last) {
			t.Errorf("round %d: %s was released before its last request had ended", round, id)
		}
		old.end(t)

		// A new instance takes its place.
		delete(c.completed, id)
		servers[id] = startServer(t, id, instanceAddresses[id])
		c.set(id, "InService")
		if _, err := client.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: &p.group, Targets: []elbv2types.TargetDescription{{Id: &id}}}); err != nil {
			t.Fatal(err)
		}
		z.inService(id)
	}
	n := stop() + stopOnce()
	slices.Sort(waits)
	median := waits[len(waits)/2]
	if median > 5*time.Second {
		t.Errorf("an instance waits %v after its last request, at the median; want less than 5s", median)
	}
	if !t.Failed() {
		t.Logf("%d scale-ins, %d requests, none failed; from the last request's end to release: median %v, most %v (a fixed sleep would be 60s); first poll after %v",
			rounds, n, median.Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond), f.FirstPoll.Sub(f.Started).Round(time.Millisecond))
	}
}

// scene is a container that the commands of the page have filled, two instances in its target
// group, and the drain function of their Auto Scaling group.
type scene struct {
	*account
	t        *testing.T
	delay    time.Duration
	page     page
	cloud    *cloud
	function *harness.Lambda
	servers  map[string]*server
}

// instanceAddresses are where the instances of the page are, as apiFile says.
var instanceAddresses = map[string]string{first: "127.0.0.21:8000", second: "127.0.0.22:8000"}

func newScene(t *testing.T, delay time.Duration) *scene {
	t.Helper()
	a := newAccount(t)
	z := &scene{account: a, t: t, delay: delay, page: a.follow(), servers: map[string]*server{}}
	if _, err := a.sdk().ModifyTargetGroupAttributes(t.Context(), &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &z.page.group, Attributes: []elbv2types.TargetGroupAttribute{
		{Key: new("deregistration_delay.timeout_seconds"), Value: new(fmt.Sprint(int(delay.Seconds())))},
	}}); err != nil {
		t.Fatal(err)
	}
	z.cloud = newCloud(t, "page-web", z.page.group)
	program, err := harness.BuildLambda(filepath.Join("..", ".."), "lambdas/drain", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	z.function = harness.StartLambda(t, program,
		"APP=page", "ENVIRONMENT=site", "QUEUE_URL="+z.cloud.URL+"/123456789012/drain", "AUTO_SCALING_GROUPS=page-web", "LIFECYCLE_HOOK=drain",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+apiKey, "AWS_SECRET_ACCESS_KEY="+apiSecret, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_AUTO_SCALING="+z.cloud.URL, "AWS_ENDPOINT_URL_SQS="+z.cloud.URL, "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2="+a.endpoint)
	pump(t, z.cloud, z.function)
	for id, address := range instanceAddresses {
		z.servers[id] = startServer(t, id, address)
		z.cloud.set(id, "InService")
	}
	z.inService(first)
	z.inService(second)
	return z
}

// inService waits until the load balancer sends an instance requests.
func (z *scene) inService(id string) {
	z.t.Helper()
	w := elbv2.NewTargetInServiceWaiter(z.sdk(), func(o *elbv2.TargetInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	if err := w.Wait(z.t.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &z.page.group, Targets: []elbv2types.TargetDescription{{Id: &id}}}, patience); err != nil {
		z.t.Fatal(err)
	}
}

// TestScaleInWaitsForWhatIsOpen ends an instance that has a request of 20 seconds and a
// WebSocket: neither is cut while the deregistration delay runs, and the instance is not
// released before it is over.
func TestScaleInWaitsForWhatIsOpen(t *testing.T) {
	z := newScene(t, 25*time.Second)
	ctx, client := t.Context(), z.sdk()
	// One instance is out, so that all is open at the other.
	if _, err := client.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: &z.page.group, Targets: []elbv2types.TargetDescription{{Id: new(second)}}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() {
		k := &keeper{address: z.site.secure, secure: untrusting(), patience: 2 * patience}
		defer k.close()
		ended <- k.ask(question{method: http.MethodGet, path: "/slow?ms=20000", id: "slow"})
	}()
	socket, _, err := websocket.Dial(ctx, "wss://"+z.site.secure+"/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: untrusting()}}})
	if err != nil {
		t.Fatal(err)
	}
	z.Until("the slow request is with the instance", func() bool { return z.servers[first].running.Load() == 2 })
	if _, err := client.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: &z.page.group, Targets: []elbv2types.TargetDescription{{Id: new(first)}}}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	z.cloud.set(first, "Terminating:Wait")
	z.cloud.send(z.cloud.hookMessage(first), 0)
	for time.Since(began) < 20*time.Second {
		if err := socket.Write(ctx, websocket.MessageText, []byte("still there?")); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		if _, said, err := socket.Read(ctx); err != nil || string(said) != "still there?" {
			t.Fatalf("after %v: %q, %v", time.Since(began), said, err)
		}
		time.Sleep(time.Second)
	}
	_ = socket.Close(websocket.StatusNormalClosure, "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, released := z.cloud.released(first); released {
		t.Error("the instance was released while it drained")
	}
	z.Until("the instance is released", func() bool { _, ok := z.cloud.released(first); return ok })
	at, _ := z.cloud.released(first)
	if took := at.Sub(began); took < z.delay {
		t.Errorf("the instance was released after %v, within the delay of %v", took, z.delay)
	}
	t.Logf("released %v after the hook", at.Sub(began).Round(time.Second))
}

// server is an instance: a mirror that can be ended, and that knows when its last request did.
type server struct {
	*mirror
	http  *http.Server
	ended atomic.Int64
}

func startServer(t *testing.T, name, address string) *server {
	t.Helper()
	s := &server{mirror: &mirror{name: name}}
	s.http = &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mirror.ServeHTTP(w, r)
		if r.URL.Path != "/health/" {
			s.ended.Store(time.Now().UnixNano())
		}
	})}
	l := listenAt(t, address)
	go s.http.Serve(l)
	t.Cleanup(func() { _ = s.http.Close() })
	return s
}

func (s *server) last() time.Time { return time.Unix(0, s.ended.Load()) }

// end is the instance's: at once, with whatever is in progress.
func (s *server) end(t *testing.T) {
	t.Helper()
	if n := s.running.Load(); n > 0 {
		t.Errorf("%s ended with %d requests in progress", s.name, n)
	}
	_ = s.http.Close()
}

// underLoadOnce asks over a new connection each time, now and then for an answer that takes a
// while.
func underLoadOnce(t *testing.T, address string, clients int) (stop func() int64) {
	t.Helper()
	var asked atomic.Int64
	var end atomic.Bool
	done := make(chan struct{}, clients)
	for i := range clients {
		go func() {
			defer func() { done <- struct{}{} }()
			k := &keeper{address: address, secure: untrusting(), once: true}
			for n := 0; !end.Load(); n++ {
				q := questions(fmt.Sprintf("once%d", i), n)
				if n%20 == 0 {
					q = question{method: http.MethodGet, path: "/slow?ms=900", id: q.id}
				}
				if err := k.ask(q); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		}()
	}
	return func() int64 {
		end.Store(true)
		for range clients {
			<-done
		}
		return asked.Load()
	}
}
