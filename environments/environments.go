// Package environments carries the environment files of the repository, so that the program
// can demonstrate itself without a clone.
package environments

import "embed"

// Files are the environment files, by their names.
//
//go:embed *.yaml
var Files embed.FS
