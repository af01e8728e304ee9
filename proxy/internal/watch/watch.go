// Package watch says when files have other content than before: edited in place, replaced
// by a rename, or swapped by a symbolic link as Kubernetes does with ConfigMaps and Secrets.
package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long nothing must happen before a change is reported, so that a file half
	// written, or one of two that belong together, is not read.
	quiet = 200 * time.Millisecond
	// longest bounds how long a directory that never comes to rest delays a report.
	longest = 2 * time.Second
	// maxRead bounds how much of a file counts: 16 MiB.
	maxRead = 16 << 20
)

// Watcher watches the content of a set of files.
type Watcher struct {
	changes chan struct{}
	notify  *fsnotify.Watcher

	// mu guards files, directories and seen.
	mu          sync.Mutex
	files       []string
	directories map[string]bool
	seen        [sha256.Size]byte
}

// New returns a watcher of files. Its Run must be called.
func New(files ...string) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{changes: make(chan struct{}, 1), notify: notify, directories: map[string]bool{}}
	if err := w.Set(files...); err != nil {
		return nil, errors.Join(err, notify.Close())
	}
	return w, nil
}

// Changes receives after the content of a file has changed, appeared or gone. Changes that
// were not yet received are one.
func (w *Watcher) Changes() <-chan struct{} { return w.changes }

// Set makes files what is watched from now on; their present content is no change.
func (w *Watcher) Set(files ...string) error {
	absolute := make([]string, len(files))
	for i, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return fmt.Errorf("watch %s: %w", f, err)
		}
		absolute[i] = path
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = absolute
	err := w.follow()
	w.seen = digest(w.files)
	return err
}

// Run reports changes until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.notify.Close()
	settled := make(chan struct{})
	stirred := make(chan struct{}, 1)
	go settle(ctx, stirred, settled)
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-w.notify.Events:
			if !open {
				return
			}
			stir(stirred)
		case _, open := <-w.notify.Errors:
			if !open {
				return
			}
			// Events were lost; the digests tell whether they mattered.
			stir(stirred)
		case <-settled:
			if w.changed() {
				stir(w.changes)
			}
		}
	}
}

// stir sends unless there is something unread.
func stir(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// settle turns bursts on in into single sends on out: one after each burst, or every
// longest in one that does not end.
func settle(ctx context.Context, in <-chan struct{}, out chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-in:
		}
		rest, limit := time.NewTimer(quiet), time.NewTimer(longest)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-in:
				rest.Reset(quiet)
			case <-rest.C:
				waiting = false
			case <-limit.C:
				waiting = false
			}
		}
		select {
		case <-ctx.Done():
			return
		case out <- struct{}{}:
		}
	}
}

// changed reports whether the content is another than when it was last asked.
func (w *Watcher) changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	// A directory that is gone for now is found again at the next event above it.
	_ = w.follow()
	now := digest(w.files)
	if now == w.seen {
		return false
	}
	w.seen = now
	return true
}

// follow watches the directories that the files' content depends on, and no others; mu is
// held. Directories and not files, because a rename puts another file under the same name.
func (w *Watcher) follow() error {
	wanted := map[string]bool{}
	for _, f := range w.files {
		for _, d := range directories(f) {
			wanted[d] = true
		}
	}
	for d := range w.directories {
		if !wanted[d] {
			_ = w.notify.Remove(d) // it may be gone, and its watch with it
			delete(w.directories, d)
		}
	}
	var errs []error
	for d := range wanted {
		// Adding again renews the watch of a directory that was replaced by another.
		if err := w.notify.Add(d); err != nil {
			errs = append(errs, fmt.Errorf("watch %s: %w", d, err))
			continue
		}
		w.directories[d] = true
	}
	return errors.Join(errs...)
}

// digest of what the files hold; a file that cannot be read is part of it too.
func digest(files []string) [sha256.Size]byte {
	all := sha256.New()
	for _, f := range files {
		one := sha256.New()
		if err := read(one, f); err != nil {
			fmt.Fprintf(all, "%q cannot be read\n", f)
			continue
		}
		fmt.Fprintf(all, "%q %x\n", f, one.Sum(nil))
	}
	return [sha256.Size]byte(all.Sum(nil))
}

func read(to hash.Hash, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(to, io.LimitReader(in, maxRead))
	return err
}

// directories lists where an entry must change for the content under path to change: the
// directory of path, and those of every symbolic link on the way. Where the way ends early,
// the last directory there is, in which the next one would appear.
func directories(path string) []string {
	const maxLinks = 40 // as the kernel allows
	var list []string
	for range maxLinks {
		dir, target := firstLink(path)
		if !slices.Contains(list, dir) {
			list = append(list, dir)
		}
		if target == "" {
			break
		}
		path = target
	}
	return list
}

// firstLink returns the directory of the first symbolic link in path and the path with the
// link replaced by its target, or the directory of path and "" when there is no link.
func firstLink(path string) (dir, target string) {
	dir = filepath.VolumeName(path) + string(filepath.Separator)
	rest := path[len(dir):]
	for rest != "" {
		name, after, _ := strings.Cut(rest, string(filepath.Separator))
		entry := filepath.Join(dir, name)
		info, err := os.Lstat(entry)
		switch {
		case err != nil || after == "" && info.Mode()&os.ModeSymlink == 0:
			return dir, ""
		case info.Mode()&os.ModeSymlink != 0:
			link, err := os.Readlink(entry)
			if err != nil {
				return dir, ""
			}
			if !filepath.IsAbs(link) {
				link = filepath.Join(dir, link)
			}
			return dir, filepath.Join(link, after)
		}
		dir, rest = entry, after
	}
	return dir, ""
}
