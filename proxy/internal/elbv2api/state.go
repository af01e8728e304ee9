package elbv2api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// stateVersion is the form of state files. Another form has another number.
	stateVersion = 1
	// maxState bounds a state file, which no change makes larger and no start reads if it is:
	// 1,000 targets and 100 rules take less than 1 MiB.
	maxState = 16 << 20
)

// state is a state file.
type state struct {
	Version int    `json:"version"`
	Model   *Model `json:"model"`
	Signed  taken  `json:"signed,omitzero"`
}

// UnmarshalJSON has what a file of an older version does not say at its default.
func (l *Listener) UnmarshalJSON(data []byte) error {
	type plain Listener
	p := plain{Listener: spec.Default[spec.Listener]()}
	if err := strictly(data, &p); err != nil {
		return err
	}
	*l = Listener(p)
	return nil
}

// UnmarshalJSON has what a file of an older version does not say at its default.
func (g *TargetGroup) UnmarshalJSON(data []byte) error {
	type plain TargetGroup
	p := plain{TargetGroup: spec.Default[spec.TargetGroup]()}
	if err := strictly(data, &p); err != nil {
		return err
	}
	*g = TargetGroup(p)
	return nil
}

// strictly reads one JSON value and nothing after it. A name that is not known is an error:
// it is of a later version, and would be lost with the next change.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	return nil
}

// decodeState reads a state file's text.
func decodeState(data []byte) (*state, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, err
	}
	if version.Version != stateVersion {
		return nil, fmt.Errorf("has version %d, want %d", version.Version, stateVersion)
	}
	var s state
	if err := strictly(data, &s); err != nil {
		return nil, err
	}
	if s.Model == nil {
		return nil, errors.New("has no model")
	}
	return &s, nil
}

// encodeState writes a state file's text.
func encodeState(s *state) ([]byte, error) {
	s.Version = stateVersion
	return json.Marshal(s)
}

// stateFile keeps the model over restarts. The file is replaced whole, so that there is
// always one that is complete; only one process at a time has it.
type stateFile struct {
	path string
	lock *os.File
	// fault is told of every step of a write before it is made, and can have it fail. It is
	// for tests; nil otherwise.
	fault func(step string) error
}

// acquire makes this process the only one that writes the file. The kernel lets go when
// the process ends, however it ends.
func (f *stateFile) acquire() error {
	if f.path == "" || f.lock != nil {
		return nil
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("state file %s is in use by another process", f.path)
		}
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	f.lock = lock
	return nil
}

// release lets another process have the file.
func (f *stateFile) release() {
	if f.lock != nil {
		_ = f.lock.Close() // and with it the lock
		f.lock = nil
	}
}

// read returns what is in the file, an empty model if there is no file yet.
func (f *stateFile) read() (*state, error) {
	if f.path == "" {
		return &state{Model: &Model{}}, nil
	}
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return &state{Model: &Model{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if len(data) > maxState {
		return nil, fmt.Errorf("state file %s is larger than %d bytes", f.path, maxState)
	}
	s, err := decodeState(data)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", f.path, err)
	}
	return s, nil
}

// prepare writes the state beside the file, down to the disk: almost all that can fail.
// What commits it is a rename. A state that no start would read is refused.
func (f *stateFile) prepare(s *state) error {
	if f.path == "" {
		return nil
	}
	data, err := encodeState(s)
	if err != nil {
		return err
	}
	if len(data) > maxState {
		return fail(codeValidationError, "All that was made may take %d bytes of the state file, and would take %d: delete something, or have fewer and shorter tags", maxState, len(data))
	}
	if err := f.step("create"); err != nil {
		return err
	}
	file, err := os.OpenFile(f.temporary(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.step("write")
	if err == nil {
		_, err = file.Write(data)
	}
	if err == nil {
		err = file.Truncate(int64(len(data)))
	}
	if err == nil {
		err = f.step("sync")
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// commit puts what was prepared in the file's place.
func (f *stateFile) commit() error {
	if f.path == "" {
		return nil
	}
	if err := f.step("rename"); err != nil {
		return err
	}
	if err := f.exchange(); err != nil {
		return err
	}
	if err := f.step("sync folder"); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// exchange has the two files change places, so that the next state is written over the one
// before this: a file system is much faster at that than at freeing one file and making
// another. Where it cannot, or where there is no file yet, a rename does it.
func (f *stateFile) exchange() error {
	if err := unix.Renameat2(unix.AT_FDCWD, f.temporary(), unix.AT_FDCWD, f.path, unix.RENAME_EXCHANGE); err == nil {
		return nil
	}
	return os.Rename(f.temporary(), f.path)
}

// write is both.
func (f *stateFile) write(s *state) error {
	if err := f.prepare(s); err != nil {
		return err
	}
	return f.commit()
}

func (f *stateFile) temporary() string { return f.path + ".new" }

func (f *stateFile) step(name string) error {
	if f.fault == nil {
		return nil
	}
	return f.fault(name)
}
