package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/watch"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func watching(t *testing.T, files ...string) *watch.Watcher {
	t.Helper()
	w, err := watch.New(files...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

// TestChangesAreSeen waits for each change without a limit of its own: go test has one.
func TestChangesAreSeen(t *testing.T) {
	for _, c := range []struct {
		name  string
		setUp func(t *testing.T, dir string) (file string)
		steps []func(t *testing.T, dir string)
	}{
		{
			name: "written in place",
			setUp: func(t *testing.T, dir string) string {
				write(t, dir+"/a.yaml", "1")
				return dir + "/a.yaml"
			},
			steps: []func(*testing.T, string){
				func(t *testing.T, dir string) { write(t, dir+"/a.yaml", "2") },
				func(t *testing.T, dir string) { write(t, dir+"/a.yaml", "3") },
			},
		},
		{
			name: "replaced by a rename, as editors do",
			setUp: func(t *testing.T, dir string) string {
				write(t, dir+"/a.yaml", "1")
				return dir + "/a.yaml"
			},
			steps: []func(*testing.T, string){
				func(t *testing.T, dir string) {
					write(t, dir+"/a.yaml~", "2")
					rename(t, dir+"/a.yaml~", dir+"/a.yaml")
				},
				func(t *testing.T, dir string) { write(t, dir+"/a.yaml", "3") },
			},
		},
		{
			name: "swapped by a link, as ConfigMaps are",
			setUp: func(t *testing.T, dir string) string {
				write(t, dir+"/..1/a.yaml", "1")
				link(t, "..1", dir+"/..data")
				link(t, "..data/a.yaml", dir+"/a.yaml")
				return dir + "/a.yaml"
			},
			steps: []func(*testing.T, string){
				func(t *testing.T, dir string) {
					write(t, dir+"/..2/a.yaml", "2")
					link(t, "..2", dir+"/..data_tmp")
					rename(t, dir+"/..data_tmp", dir+"/..data")
					if err := os.RemoveAll(dir + "/..1"); err != nil {
						t.Fatal(err)
					}
				},
				func(t *testing.T, dir string) { write(t, dir+"/..2/a.yaml", "3") },
			},
		},
		{
			name: "a directory on the way swapped by a link, as releases are",
			setUp: func(t *testing.T, dir string) string {
				write(t, dir+"/releases/1/conf/a.yaml", "1")
				link(t, "releases/1", dir+"/current")
				return dir + "/current/conf/a.yaml"
			},
			steps: []func(*testing.T, string){
				func(t *testing.T, dir string) {
					write(t, dir+"/releases/2/conf/a.yaml", "2")
					link(t, "releases/2", dir+"/next")
					rename(t, dir+"/next", dir+"/current")
				},
			},
		},
		{
			name: "removed and made again with its directory",
			setUp: func(t *testing.T, dir string) string {
				write(t, dir+"/conf/a.yaml", "1")
				return dir + "/conf/a.yaml"
			},
			steps: []func(*testing.T, string){
				func(t *testing.T, dir string) {
					if err := os.RemoveAll(dir + "/conf"); err != nil {
						t.Fatal(err)
					}
				},
				func(t *testing.T, dir string) {
					// Made aside, so that the file is there with its directory.
					write(t, dir+"/new/a.yaml", "2")
					rename(t, dir+"/new", dir+"/conf")
				},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			w := watching(t, c.setUp(t, dir))
			for _, step := range c.steps {
				step(t, dir)
				<-w.Changes()
			}
		})
	}
}

// TestOnlyContentCounts makes a stir that is no change, then a change: one report.
func TestOnlyContentCounts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.yaml", "1")
	w := watching(t, dir+"/a.yaml")
	write(t, dir+"/access.log", "a neighbour grows")
	write(t, dir+"/a.yaml", "1")
	write(t, dir+"/b.yaml", "1")
	if err := w.Set(dir+"/a.yaml", dir+"/b.yaml"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/b.yaml", "2")
	<-w.Changes()
	select {
	case <-w.Changes():
		t.Error("one change was reported twice")
	default:
	}
}

func TestMissingFileMayAppear(t *testing.T) {
	dir := t.TempDir()
	w := watching(t, dir+"/tls/site.crt")
	write(t, dir+"/new/site.crt", "1")
	rename(t, dir+"/new", dir+"/tls")
	<-w.Changes()
}
