package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evenkeel/evenkeel/environments"
)

// local is the environment that the demo runs, under the folder of environments.
const local = "local.yaml"

// Find returns the environment file to demonstrate with: environments/local.yaml below
// the working directory, as in a clone of the repository, or else the one that the binary
// carries, which is put into the user's cache.
func Find() (string, error) {
	cloned := filepath.Join("environments", local)
	_, err := os.Stat(cloned)
	if err == nil {
		return cloned, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for %s: %w", cloned, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the demo's environment: %w", err)
	}
	return Unpack(filepath.Join(cache, "evenkeel", "demo"))
}

// Unpack writes the environment files that the binary carries to dir, over what an earlier
// version left there, and returns the path of the one to run.
func Unpack(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("unpack the demo's environment: %w", err)
	}
	err := fs.WalkDir(environments.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := environments.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o600)
	})
	if err != nil {
		return "", fmt.Errorf("unpack the demo's environment: %w", err)
	}
	return filepath.Join(dir, local), nil
}
