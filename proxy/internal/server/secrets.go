package server

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// secretsOf reads the stickiness keys: literal, from a file, or from the process's environment.
func secretsOf(env *spec.Environment, dir string) ([][]byte, error) {
	var keys [][]byte
	for i, s := range env.Proxy.StickinessKeys {
		key, err := resolve(string(s), dir)
		if err != nil {
			return nil, fmt.Errorf("proxy.stickiness_keys[%d]: %w", i, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func resolve(secret, dir string) ([]byte, error) {
	if path, ok := strings.CutPrefix(secret, "file:"); ok {
		text, err := os.ReadFile(in(dir, path))
		return bytes.TrimSpace(text), err
	}
	if name, ok := strings.CutPrefix(secret, "env:"); ok {
		value, found := os.LookupEnv(name)
		if !found {
			return nil, fmt.Errorf("environment variable %s is not set", name)
		}
		return []byte(value), nil
	}
	return []byte(secret), nil
}
