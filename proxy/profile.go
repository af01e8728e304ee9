//go:build profile

package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// `make pgo` builds with this file in, so that the benchmark leaves profiles behind: one is
// written on SIGUSR1. What is shipped is without: who can have a process profiled can slow it down.
func init() {
	path := os.Getenv("EVENKEEL_CPU_PROFILE")
	if path == "" {
		return
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		panic(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGUSR1)
	go func() {
		<-ended
		pprof.StopCPUProfile()
		_ = f.Close()
	}()
}
