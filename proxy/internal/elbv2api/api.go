// Package elbv2api is the control API: Elastic Load Balancing v2 as the AWS CLI and every SDK
// speak it, in front of the load balancer that this process is.
//
// What the API makes is a [Model], laid over what the environment file declares. A change
// goes this way, one at a time: the model is copied and changed; the environment that
// results is held to all the rules that files are held to; the model is written beside the
// state file, down to the disk; the load balancer takes the environment up, at once or not
// at all; a rename makes the new state the one that a restart finds; then the request is
// answered. Whatever fails on the way leaves all as it was. Reads see one immutable view.
package elbv2api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// DataPlane is the load balancer that the API controls.
type DataPlane interface {
	// Apply makes env the description in force, or changes nothing and says why.
	Apply(env *spec.Environment) error
	// ApplyChange is Apply for an environment that an action made of the one in force: what
	// stands in other files, such as certificates, is not read again.
	ApplyChange(env *spec.Environment) error
	// TargetHealth tells how the targets of a group stand, draining ones too.
	TargetHealth(group string) []TargetHealth
}

// TargetHealth is how one target stands.
type TargetHealth struct {
	ID string
	// Address is host:port.
	Address     string
	Zone        string
	State       targethealth.State
	Reason      targethealth.Reason
	Description string
	// Anomalous targets answer with more errors than their peers; Mitigated ones get fewer
	// requests for it.
	Anomalous, Mitigated bool
}

// Options of New.
type Options struct {
	// Declared is the environment file.
	Declared  *spec.Environment
	DataPlane DataPlane
	// Dir is where relative paths of commands start.
	Dir string
	// StateFile is where the model is kept; empty for nowhere.
	StateFile string
	// Credentials are the secret access keys by access key id. Without any, requests are not
	// held to a signature.
	Credentials map[string][]byte
	// Replaced tells whether another process has taken over, where no state file can. The
	// default is that it has.
	Replaced func() bool
	// Logger is told of changes. The default discards.
	Logger *slog.Logger
}

// API is the control API of one load balancer.
type API struct {
	options     Options
	logger      *slog.Logger
	started     time.Time
	replay      *replay
	credentials atomic.Pointer[map[string][]byte]

	// current is what reads see.
	current atomic.Pointer[view]

	// mu is held while something is changed. What follows is written with it held.
	mu    sync.Mutex
	state stateFile
	// signed is what the state file says of signatures.
	signed taken
	// frozen says that there are no more changes, as the process ends.
	frozen atomic.Bool
	// handedOver is when it is looked whether another process has really taken over; nil while
	// none was asked to.
	handedOver atomic.Pointer[time.Time]
}

// New reads the state file. Nothing is applied before Start.
func New(options Options) (*API, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{options: options, logger: options.Logger, started: time.Now(), state: stateFile{path: options.StateFile}, replay: newReplay()}
	a.SetCredentials(options.Credentials)
	_, err := a.load(options.Declared)
	return a, err
}

// SetCredentials replaces the secret access keys.
func (a *API) SetCredentials(secrets map[string][]byte) { a.credentials.Store(&secrets) }

// Environment is the environment in effect.
func (a *API) Environment() *spec.Environment { return a.current.Load().env }

// load makes the model of the state file the one in force, without applying it.
func (a *API) load(declared *spec.Environment) (*view, error) {
	s, err := a.state.read()
	if err != nil {
		return nil, err
	}
	m := s.Model.clone()
	m.prune(declared)
	v, err := newView(declared, m, nil)
	if err != nil {
		return nil, fmt.Errorf("state file %s does not go with the environment file: %w", a.options.StateFile, err)
	}
	a.current.Store(v)
	a.signed = s.Signed
	if a.state.path == "" {
		// Nothing is known of what was taken before now.
		a.signed = taken{Date: time.Now().Truncate(time.Second)}
	}
	a.replay.restore(a.signed)
	return v, nil
}

// Start takes the state file into possession, reads it again, and applies the environment
// in effect.
func (a *API) Start(declared *spec.Environment) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.state.acquire(); err != nil {
		return err
	}
	// Until here another process may have taken changes.
	v, err := a.load(declared)
	if err != nil {
		return err
	}
	if a.options.StateFile == "" {
		a.logger.Warn("changes by the control API are forgotten at the end: no proxy.elbv2_api.state_file")
	}
	return a.options.DataPlane.Apply(v.env)
}

// Reload lays the model over a new environment file. An error changes nothing.
func (a *API) Reload(declared *spec.Environment) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.current.Load()
	m := before.model.clone()
	pruned := m.prune(declared)
	v, err := newView(declared, m, nil)
	if err != nil {
		return fmt.Errorf("the environment file does not go with what the control API made: %w", err)
	}
	if err := a.options.DataPlane.Apply(v.env); err != nil {
		return err
	}
	a.current.Store(v)
	if pruned && a.changeable() {
		// Should this fail, it is done again with the next change or start.
		if err := a.state.write(&state{Model: m, Signed: a.signed}); err != nil {
			a.logger.Warn("state file is not written", slog.Any("error", err))
		}
	}
	return nil
}

// Freeze refuses changes from here on, and lets another process have the state file.
func (a *API) Freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen.Store(true)
	a.state.release()
}

// HandOver refuses everything from here on, and lets another process have the state file. If
// none has it after the grace, the other process did not come about, and this one goes on.
func (a *API) HandOver(grace time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	look := time.Now().Add(grace)
	a.handedOver.Store(&look)
	a.state.release()
}

// takeBack takes the state file into possession again, and puts what it says in force. It
// reports false if another process has it. a.mu is held.
func (a *API) takeBack() bool {
	if a.state.acquire() != nil {
		return false
	}
	before := a.current.Load()
	v, err := a.load(before.declared)
	if err == nil && !v.model.equal(before.model) {
		err = a.options.DataPlane.Apply(v.env)
	}
	if err != nil {
		a.current.Store(before)
		a.state.release()
		a.logger.Error("control API cannot go on after a handover that failed", slog.Any("error", err))
		return false
	}
	return true
}

// changeable tells whether this process may change what there is.
func (a *API) changeable() bool { return !a.frozen.Load() && a.handedOver.Load() == nil }

// available refuses what is not for this process any more: everything once it has handed
// over, changes once it ends.
func (a *API) available(changes bool) *Error {
	if look := a.handedOver.Load(); look != nil && (time.Now().Before(*look) || !a.reclaim()) {
		return fail(codeServiceUnavailable, "Another process has taken over")
	}
	if changes && a.frozen.Load() {
		return fail(codeServiceUnavailable, "This process ends")
	}
	return nil
}

// reclaim ends a handover of which nothing came: nobody has the state file. What the other
// process may have changed while it lived is put in force first.
func (a *API) reclaim() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.handedOver.Load() == nil:
		return true // another request was first
	case a.frozen.Load():
		return false
	case a.state.path == "":
		if a.options.Replaced == nil || a.options.Replaced() {
			return false
		}
	case !a.takeBack():
		return false
	}
	a.handedOver.Store(nil)
	a.logger.Warn("no other process has taken over: the control API takes requests again")
	return true
}

// change is what an action makes of the model.
type change struct {
	*view // as it was
	model *Model
}

// change has f change a copy of the model and puts that in force. It returns the view that
// results. Nothing has changed if there is an error.
func (a *API) change(asked *call, f func(c *change) error) (*view, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.changeable() {
		return nil, fail(codeServiceUnavailable, "Another process has taken over, or this one ends")
	}
	before := a.current.Load()
	c := &change{view: before, model: before.model.clone()}
	switch err := f(c); {
	case errors.Is(err, errUnchanged):
		return before, nil
	case err != nil:
		return nil, err
	}
	after, err := newView(before.declared, c.model, before.env)
	if err != nil {
		return nil, err
	}
	signed := a.signed.and(asked.signature, asked.signed)
	if err := a.state.prepare(&state{Model: c.model, Signed: signed}); err != nil {
		return nil, a.broken(asked.action, err)
	}
	if err := a.options.DataPlane.ApplyChange(after.env); err != nil {
		return nil, fail(codeInvalidConfigurationRequest, "The load balancer cannot do that: %s", err)
	}
	if err := a.state.commit(); err != nil {
		return nil, a.broken(asked.action, errors.Join(err, a.undo(before)))
	}
	a.current.Store(after)
	a.signed = signed
	a.logger.Info("control API changed the load balancer", slog.String("action", asked.action), slog.String("access_key_id", asked.accessKeyID))
	return after, nil
}

// undo takes a change back of which it is not known whether a restart would find it.
func (a *API) undo(before *view) error {
	// The rename may have been made. What it replaced is written again; if the disk is broken
	// for good, there is no more that one can do than say so.
	return errors.Join(a.options.DataPlane.ApplyChange(before.env), a.state.write(&state{Model: before.model, Signed: a.signed}))
}

// broken is what becomes of a change that cannot be kept, or may not.
func (a *API) broken(action string, err error) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	a.logger.Error("control API cannot keep a change", slog.String("action", action), slog.Any("error", err))
	return fail(codeInternalFailure, "The change could not be written to the state file, and was not made")
}

// newID returns 16 hexadecimal digits.
func newID() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return hex.EncodeToString(raw[:])
}
