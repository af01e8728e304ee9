package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Lambda is a function of ours as Lambda runs it: its program, which asks a runtime API for
// events. An invocation is one event and its answer; one program takes one at a time.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type Lambda struct {
	*Process
	// Started is when the program was started, FirstPoll when it first asked for an event.
	Started, FirstPoll time.Time

	events chan invocation
	mu     sync.Mutex
	// open are invocations that the program has and has not answered, by their ids.
	open map[string]chan<- answer
}

type invocation struct {
	event []byte
	id    string
	done  chan answer
}

type answer struct {
	body []byte
	err  error
}

// BuildLambda builds the function in a folder of the repository as it is built for AWS, but
// for this machine.
func BuildLambda(root, folder, dir string) (string, error) {
	program := filepath.Join(dir, path.Base(folder))
	c := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", program, "./"+folder)
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return program, nil
}

// StartLambda runs a function with these variables, each NAME=value, beside what Lambda sets.
func StartLambda(tb testing.TB, program string, variables ...string) *Lambda {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l := &Lambda{events: make(chan invocation), open: map[string]chan<- answer{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", l.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", l.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", l.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", l.failure)
	s := &http.Server{Handler: mux}
	go s.Serve(ln)
	tb.Cleanup(func() { _ = s.Close() })
	env, err := exec.LookPath("env")
	if err != nil {
		tb.Fatal(err)
	}
	l.Started = time.Now()
	args := append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + ln.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=" + filepath.Base(program),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_VERSION=1",
	}, variables...)
	l.Process = Start(tb, env, append(args, program)...)
	return l
}

// Invoke hands the program an event and waits for its answer. The error is the function's, or
// says that the context has ended.
func (l *Lambda) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	i := invocation{event: event, id: strconv.FormatInt(time.Now().UnixNano(), 36), done: make(chan answer, 1)}
	select {
	case l.events <- i:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-i.done:
		return a.body, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Lambda) next(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	if l.FirstPoll.IsZero() {
		l.FirstPoll = time.Now()
	}
	l.mu.Unlock()
	select {
	case i := <-l.events:
		l.mu.Lock()
		l.open[i.id] = i.done
		l.mu.Unlock()
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", i.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(30*time.Second).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:test")
		_, _ = w.Write(i.event)
	case <-r.Context().Done():
	}
}

func (l *Lambda) response(w http.ResponseWriter, r *http.Request) { l.finish(w, r, false) }

func (l *Lambda) failure(w http.ResponseWriter, r *http.Request) { l.finish(w, r, true) }

func (l *Lambda) finish(w http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(r.Body)
	if err == nil && failed {
		err = errors.New(strings.TrimSpace(string(body)))
	}
	l.mu.Lock()
	done := l.open[r.PathValue("id")]
	delete(l.open, r.PathValue("id"))
	l.mu.Unlock()
	if done != nil {
		done <- answer{body, err}
	}
	w.WriteHeader(http.StatusAccepted)
}
