package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// States of an agent.
const (
	// StateInService: there is no reason to end the instance.
	StateInService = "in_service"
	// StateAwaitingHook: the instance is to end, and may still get requests.
	StateAwaitingHook = "awaiting_hook"
	// StateDraining: the application is told to end and has not.
	StateDraining = "draining"
	// StateDrained: the application has ended, the lifecycle action has not.
	StateDrained = "drained"
	// StateCompleted: the lifecycle action has ended.
	StateCompleted = "completed"
	// StateAbandoned: the application had not ended in time, and the group keeps the instance.
	StateAbandoned = "abandoned"
)

// Status is what the agent says of itself, to people and to the agent that follows it.
type Status struct {
	State string `json:"state"`
	// Since is when the instance began to drain, or the agent to watch.
	Since time.Time `json:"since"`
	Cause string    `json:"cause,omitempty"`
	// Deadline is when the application is not waited for any longer.
	Deadline time.Time `json:"deadline,omitzero"`
	// Work is nil, and its fields are not there, while it is not known.
	*Work
	Instance string `json:"instance,omitempty"`
	Group    string `json:"group,omitempty"`
	// Told names the run of the application that was told to end.
	Told string `json:"told,omitempty"`
}

// Work is what the application works on.
type Work struct {
	// Active is what it does, Reserved what it has taken from its queues and not begun.
	Active   int `json:"active"`
	Reserved int `json:"reserved"`
	// Counted is when.
	Counted time.Time `json:"counted"`
}

// begun tells whether the application may have been told to end.
func (s *Status) begun() bool { return s.State == StateDraining || s.State == StateDrained }

// of tells whether it is of this instance, as far as either is known.
func (s *Status) of(instance string) bool {
	return s.Instance == instance || s.Instance == "" || instance == ""
}

func (s *Status) finished() bool { return s.State == StateCompleted || s.State == StateAbandoned }

// statusMode lets all people of the instance read.
const statusMode = 0o644

func now() time.Time { return time.Now().UTC() }

// resume reads what the agent before this one has written: nothing when there was none.
func (a *Agent) resume() Status {
	var last Status
	if a.config.StatusFile == "" {
		return last
	}
	text, err := os.ReadFile(a.config.StatusFile)
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Warn("status file is of no use", "error", err)
		return Status{}
	}
	return last
}

// update changes the status and writes it down.
func (a *Agent) update(change func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
	if a.config.StatusFile != "" {
		a.unwritten.hear(a.status.write(a.config.StatusFile))
	}
}

// write replaces the file at once, so that nobody reads half of it.
func (s *Status) write(file string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(text, '\n'), statusMode); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// ServeHTTP answers every request with the status.
func (a *Agent) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	text, err := json.Marshal(&a.status)
	a.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(text, '\n')) // the client is gone
}

// serveTimeout bounds how long a client may take for a request of a line.
const serveTimeout = 5 * time.Second

// serve answers at the address of the configuration, if there is one, until it is stopped.
func (a *Agent) serve(ctx context.Context) (stop func(), err error) {
	if a.config.Listen == "" {
		return func() {}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve the status: %w", err)
	}
	server := &http.Server{Handler: a, ReadTimeout: serveTimeout, WriteTimeout: serveTimeout}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.logger.Warn("status is not served any more", "error", err)
		}
	}()
	return func() {
		_ = server.Close() // nobody waits for more
		<-served
	}, nil
}
