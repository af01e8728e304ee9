package agent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
)

// TestMetadata asks a metadata service that wants tokens, takes them back, and does not
// answer without.
func TestMetadata(t *testing.T) {
	var token atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, token.Add(1))
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != fmt.Sprint(token.Load()):
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/latest/meta-data/autoscaling/target-lifecycle-state":
			fmt.Fprint(w, "Terminated")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	m := agent.NewMetadata()
	for _, test := range []struct{ path, want string }{
		{"autoscaling/target-lifecycle-state", "Terminated"}, {"spot/instance-action", ""},
	} {
		token.Add(1) // the one before is of no use any more
		if got, err := m.Get(t.Context(), test.path); got != test.want || err != nil {
			t.Errorf("%s is %q, %v; want %q", test.path, got, err, test.want)
		}
	}
	server.Close()
	if got, err := m.Get(t.Context(), "instance-id"); err == nil {
		t.Errorf("a service that is away says %q", got)
	}
}

// TestMetadataWantsTokens does not fall back to version 1, which anything that can be made to
// send a request can read.
func TestMetadataWantsTokens(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, "Terminated")
	}))
	defer server.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	if got, err := agent.NewMetadata().Get(t.Context(), "autoscaling/target-lifecycle-state"); err == nil {
		t.Errorf("without a token the metadata say %q", got)
	}
}

// TestAutoScaling makes a call of the real SDK: address and region are those of the
// environment.
func TestAutoScaling(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if want := "Action=CompleteLifecycleAction&AutoScalingGroupName=g&InstanceId=i&LifecycleActionResult=CONTINUE&LifecycleHookName=drain&Version=2011-01-01"; string(text) != want {
			t.Errorf("got %s, want %s", text, want)
		}
		fmt.Fprint(w, `<CompleteLifecycleActionResponse><CompleteLifecycleActionResult/></CompleteLifecycleActionResponse>`)
	}))
	defer server.Close()
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL_AUTO_SCALING": server.URL, "AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(key, value)
	}
	api, err := agent.NewAutoScaling(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String("g"), InstanceId: aws.String("i"), LifecycleHookName: aws.String("drain"), LifecycleActionResult: aws.String("CONTINUE"),
	}); err != nil {
		t.Error(err)
	}
}
