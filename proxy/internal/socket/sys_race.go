//go:build race

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The race detector sees what these do to memory.

func read(fd int, p []byte) (int, syscall.Errno) {
	n, err := unix.Read(fd, p)
	for errnoOf(err) == unix.EINTR {
		n, err = unix.Read(fd, p)
	}
	return max(n, 0), errnoOf(err)
}

func write(fd int, p []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, p)
	for errnoOf(err) == unix.EINTR {
		n, err = unix.Write(fd, p)
	}
	return max(n, 0), errnoOf(err)
}
