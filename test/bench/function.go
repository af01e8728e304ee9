package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// functionStarts is how often each is started.
	functionStarts = 15
	// functionPatience bounds a start.
	functionPatience = 10 * time.Second
)

// functions are the folders of what runs on Lambda, with the variables that they need.
var functions = []struct {
	folder    string
	variables []string
}{
	{"lambdas/drain", []string{"APP=bench", "ENVIRONMENT=bench", "QUEUE_URL=http://127.0.0.1/q", "AUTO_SCALING_GROUPS=g", "LIFECYCLE_HOOK=drain"}},
	{"lambdas/health", []string{"APP=bench", "ENVIRONMENT=bench", "LOAD_BALANCER=bench"}},
}

// functionStart is what a function's start costs.
type functionStart struct {
	name string
	// median and most are from the start of the process to its first question for an event.
	median, most time.Duration
	// memory is the most that the process held until then, in bytes; zipped is the size of
	// what is deployed, for arm64.
	memory, zipped int64
}

func (f functionStart) String() string {
	return fmt.Sprintf("%s  %s starts in %v, at most %v; %d MiB of memory, %.1f MB zipped", functionCase, f.name, f.median, f.most, f.memory>>20, float64(f.zipped)/1e6)
}

// measureFunctions starts each function again and again as Lambda does.
func measureFunctions(ctx context.Context, dir string) ([]functionStart, error) {
	var all []functionStart
	for _, f := range functions {
		one, err := measureFunction(ctx, dir, f.folder, f.variables)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.folder, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func measureFunction(ctx context.Context, dir, folder string, variables []string) (functionStart, error) {
	f := functionStart{name: folder}
	program := filepath.Join(dir, filepath.Base(folder))
	if err := buildFunction(ctx, folder, program, "GOARCH=arm64"); err != nil {
		return f, err
	}
	var err error
	if f.zipped, err = zippedSize(program); err != nil {
		return f, err
	}
	if err := buildFunction(ctx, folder, program); err != nil {
		return f, err
	}
	var took []time.Duration
	for range functionStarts {
		d, memory, err := startFunction(ctx, program, variables)
		if err != nil {
			return f, err
		}
		took = append(took, d)
		f.most, f.memory = max(f.most, d), max(f.memory, memory)
	}
	f.median, f.most = median(took).Round(time.Millisecond), f.most.Round(time.Millisecond)
	return f, nil
}

// buildFunction builds as the CDK app does.
func buildFunction(ctx context.Context, folder, program string, variables ...string) error {
	c := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", program, "./"+folder)
	c.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), variables...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// zippedSize is the size of a deployment package with the program in it.
func zippedSize(program string) (int64, error) {
	in, err := os.Open(program)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	var size counter
	z := zip.NewWriter(&size)
	w, err := z.Create("bootstrap")
	if err == nil {
		_, err = io.Copy(w, in)
	}
	return int64(size), errors.Join(err, z.Close())
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// startFunction is the time until the program asks for its first event, and the memory that
// it has taken by then.
func startFunction(ctx context.Context, program string, variables []string) (time.Duration, int64, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	asked := make(chan time.Time, 1)
	s := &http.Server{ReadHeaderTimeout: functionPatience, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- time.Now():
		default:
		}
		<-r.Context().Done() // there is no event
	})}
	go func() { _ = s.Serve(ln) }()
	defer s.Close()
	c := exec.CommandContext(ctx, program)
	c.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + ln.Addr().String(), "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench"}, variables...)
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	select {
	case at := <-asked:
		memory, err := peak(c.Process.Pid)
		return at.Sub(began), memory, err
	case <-time.After(functionPatience):
		return 0, 0, fmt.Errorf("asks for no event within %v", functionPatience)
	}
}

// peak is the most memory that a process has had, in bytes.
func peak(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the process has no VmHWM")
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}
