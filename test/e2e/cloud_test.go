//go:build e2e

package e2e_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloud is as much of Auto Scaling and SQS as the drain function talks to: one group, of which
// instances end, and one queue.
type cloud struct {
	*httptest.Server
	group, targetGroup string

	mu         sync.Mutex
	instances  map[string]string // lifecycle states
	completed  map[string]time.Time
	heartbeats int
	queue      []message
}

type message struct {
	body string
	due  time.Time
}

func newCloud(t *testing.T, group, targetGroup string) *cloud {
	t.Helper()
	c := &cloud{group: group, targetGroup: targetGroup, instances: map[string]string{}, completed: map[string]time.Time{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.sqs(w, target, body)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.autoScaling(w, r)
}

// sqs takes messages, by SQS's JSON protocol.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
func (c *cloud) sqs(w http.ResponseWriter, target string, body []byte) {
	var in struct {
		Entries []struct {
			ID           string `json:"Id"`
			MessageBody  string
			DelaySeconds int
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || target != "AmazonSQS.SendMessageBatch" {
		http.Error(w, target, http.StatusBadRequest)
		return
	}
	type sent struct {
		ID  string `json:"Id"`
		Key string `json:"MessageId"`
		MD5 string `json:"MD5OfMessageBody"`
	}
	out := struct{ Successful []sent }{}
	for _, e := range in.Entries {
		c.send(e.MessageBody, time.Duration(e.DelaySeconds)*time.Second)
		sum := md5.Sum([]byte(e.MessageBody))
		out.Successful = append(out.Successful, sent{e.ID, "m-" + e.ID, hex.EncodeToString(sum[:])})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(out)
}

func (c *cloud) send(body string, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, message{body, time.Now().Add(delay)})
}

// receive takes a message that is due.
func (c *cloud) receive() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, m := range c.queue {
		if !m.due.After(time.Now()) {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return m.body, true
		}
	}
	return "", false
}

// autoScaling answers by the Query protocol.
//
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html
func (c *cloud) autoScaling(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	action := r.Form.Get("Action")
	var result strings.Builder
	switch action {
	case "DescribeAutoScalingInstances":
		result.WriteString("<AutoScalingInstances>")
		for n := 1; r.Form.Has("InstanceIds.member." + strconv.Itoa(n)); n++ {
			id := r.Form.Get("InstanceIds.member." + strconv.Itoa(n))
			if state, ok := c.instances[id]; ok {
				fmt.Fprintf(&result, "<member><InstanceId>%s</InstanceId><AutoScalingGroupName>%s</AutoScalingGroupName><LifecycleState>%s</LifecycleState>"+
					"<HealthStatus>HEALTHY</HealthStatus><AvailabilityZone>eu-west-1a</AvailabilityZone><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>", id, c.group, state)
			}
		}
		result.WriteString("</AutoScalingInstances>")
	case "DescribeAutoScalingGroups":
		fmt.Fprintf(&result, "<AutoScalingGroups><member><AutoScalingGroupName>%s</AutoScalingGroupName><TargetGroupARNs><member>%s</member></TargetGroupARNs></member></AutoScalingGroups>", c.group, c.targetGroup)
	case "DescribeLifecycleHooks":
		fmt.Fprintf(&result, "<LifecycleHooks><member><LifecycleHookName>drain</LifecycleHookName><AutoScalingGroupName>%s</AutoScalingGroupName>"+
			"<LifecycleTransition>autoscaling:EC2_INSTANCE_TERMINATING</LifecycleTransition><HeartbeatTimeout>300</HeartbeatTimeout><DefaultResult>CONTINUE</DefaultResult></member></LifecycleHooks>", c.group)
	case "RecordLifecycleActionHeartbeat":
		c.heartbeats++
	case "CompleteLifecycleAction":
		id := r.Form.Get("InstanceId")
		if id == "" {
			id = strings.TrimPrefix(r.Form.Get("LifecycleActionToken"), "token-")
		}
		if c.instances[id] != "Terminating:Wait" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>No active Lifecycle Action found with instance ID %s</Message></Error></ErrorResponse>", id)
			return
		}
		c.instances[id] = "Terminated"
		c.completed[id] = time.Now()
	default:
		http.Error(w, action, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<%sResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><%sResult>%s</%sResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%sResponse>",
		action, action, result.String(), action, action)
}

// set gives an instance a lifecycle state.
func (c *cloud) set(instance, state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[instance] = state
}

// released tells when an instance's action was completed.
func (c *cloud) released(instance string) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.completed[instance]
	return at, ok
}

// hookMessage is what a hook sends to its queue.
func (c *cloud) hookMessage(instance string) string {
	text, _ := json.Marshal(map[string]string{
		"Service": "AWS Auto Scaling", "Time": time.Now().UTC().Format(time.RFC3339Nano), "RequestId": "r-" + instance, "AccountId": "123456789012",
		"LifecycleActionToken": "token-" + instance, "LifecycleHookName": "drain", "AutoScalingGroupName": c.group, "EC2InstanceId": instance,
		"LifecycleTransition":  "autoscaling:EC2_INSTANCE_TERMINATING",
		"NotificationMetadata": `{"heartbeat":"5m0s","maximum":"15m0s","on_timeout":"continue"}`,
		"Origin":               "AutoScalingGroup", "Destination": "EC2",
	})
	return string(text)
}
