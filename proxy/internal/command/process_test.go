package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// small is an environment file that is good with any app.
const small = `app: %APP%
domain: app.example.com
load_balancer:
  listeners:
    - {name: http, port: 8080, protocol: HTTP, default_action: {fixed_response: {status_code: 200}}}
`

// fake is a balancer that tells what it was told.
type fake struct {
	start    error
	reload   error
	told     chan string
	shutdown func(ctx context.Context) error
}

func (f *fake) Start(env *spec.Environment) error { f.told <- "start " + env.App; return f.start }
func (f *fake) DrainTime() time.Duration          { return time.Minute }

func (f *fake) Reload(env *spec.Environment) error {
	f.told <- "reload " + env.App
	return f.reload
}

func (f *fake) ReopenLogs() error { f.told <- "reopen"; return nil }

func (f *fake) Reloaded(err error) {
	if err != nil {
		f.told <- "refused"
	}
}

func (f *fake) Shutdown(ctx context.Context) error {
	f.told <- "shutdown"
	if f.shutdown != nil {
		return f.shutdown(ctx)
	}
	return nil
}

// launch runs a process over a file and returns what drives and what ends it.
func launch(t *testing.T, b *fake, watched bool) (file string, signals chan<- os.Signal, ended <-chan error) {
	t.Helper()
	b.told = make(chan string, 10)
	file = filepath.Join(t.TempDir(), "site.yaml")
	write(t, file, "one")
	s, e := make(chan os.Signal, 4), make(chan error, 1)
	p := &process{
		file: file, logger: slog.New(slog.DiscardHandler), signals: s, watch: watched,
		build:   func(*spec.Environment, func() (*spec.Environment, error)) (balancer, error) { return b, nil },
		started: func(*spec.Environment) { b.told <- "started" },
	}
	go func() { e <- p.run(t.Context()) }()
	return file, s, e
}

// write puts a good file of the app in place, or one with an error when app is empty.
func write(t *testing.T, file, app string) {
	t.Helper()
	text := strings.ReplaceAll(small, "%APP%", app)
	if app == "" {
		text = "no_such_key: 1\n"
	}
	// As editors do it: the file is never half there.
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, b *fake, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := <-b.told; got != w {
			t.Fatalf("the balancer was told %q, want %q", got, w)
		}
	}
}

func TestSignalsReloadAndEnd(t *testing.T) {
	for _, end := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		b := &fake{}
		file, signals, ended := launch(t, b, false)
		expect(t, b, "start one", "started")
		write(t, file, "two")
		signals <- syscall.SIGHUP
		expect(t, b, "reload two")
		write(t, file, "")
		signals <- syscall.SIGHUP
		expect(t, b, "refused")
		signals <- syscall.SIGUSR1
		expect(t, b, "reopen")
		signals <- end
		expect(t, b, "shutdown")
		if err := <-ended; err != nil {
			t.Errorf("%v: %v", end, err)
		}
	}
}

func TestChangedFilesReload(t *testing.T) {
	b := &fake{}
	file, signals, ended := launch(t, b, true)
	expect(t, b, "start one", "started")
	write(t, file, "two")
	expect(t, b, "reload two")
	write(t, file, "")
	expect(t, b, "refused")
	write(t, file, "three")
	expect(t, b, "reload three")
	signals <- syscall.SIGTERM
	expect(t, b, "shutdown")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	b := &fake{shutdown: func(context.Context) error { <-never; return nil }}
	_, signals, ended := launch(t, b, false)
	expect(t, b, "start one", "started")
	signals <- syscall.SIGTERM
	expect(t, b, "shutdown")
	signals <- syscall.SIGHUP // means nothing any more
	signals <- syscall.SIGTERM
	if err := <-ended; !errors.Is(err, errSecondSignal) {
		t.Errorf("ended with %v, want %v", err, errSecondSignal)
	}
}

func TestDrainIsBounded(t *testing.T) {
	b := &fake{shutdown: func(ctx context.Context) error {
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left > time.Minute {
			t.Errorf("shutdown has %v, want at most the deregistration delay", left)
		}
		return context.DeadlineExceeded
	}}
	_, signals, ended := launch(t, b, false)
	expect(t, b, "start one", "started")
	signals <- syscall.SIGTERM
	expect(t, b, "shutdown")
	if err := <-ended; err != nil {
		t.Errorf("a drain that took its whole time: %v", err)
	}
}

func TestStartThatFailsIsUndone(t *testing.T) {
	broken := errors.New("no such port")
	b := &fake{start: broken}
	_, _, ended := launch(t, b, false)
	expect(t, b, "start one", "shutdown")
	if err := <-ended; !errors.Is(err, broken) {
		t.Errorf("ended with %v, want %v", err, broken)
	}
}
