package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when the binary is linked: -X github.com/evenkeel/evenkeel/proxy/internal/command.version=…
var version string

type versionCommand struct{}

// Run prints the version, the toolchain and the platform.
func (versionCommand) Run(s *streams) error {
	_, err := fmt.Fprintf(s.out, "evenkeel %s %s %s/%s\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// programVersion is what the linker was told, or else the commit that Go recorded.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "-dirty"
			}
		}
	}
	if revision == "" {
		return "development"
	}
	return revision + modified
}
