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
