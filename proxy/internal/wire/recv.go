package wire

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvPeek is recv(2) with MSG_PEEK|MSG_DONTWAIT. The function of the same name in
// x/sys/unix allocates room for an address that a TCP socket does not have.
func recvPeek(fd uintptr, p []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// hungUp reports whether the peer has closed its side, whatever waits to be read before.
func hungUp(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
