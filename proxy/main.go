// Command evenkeel is an Application Load Balancer to run anywhere: it reads an environment
// file and serves what the file describes.
package main

import (
	"os"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr))
}
