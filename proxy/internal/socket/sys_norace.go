//go:build !race

package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func read(fd int, p []byte) (int, syscall.Errno) {
	return raw6(unix.SYS_RECVFROM, fd, unsafe.Pointer(&p[0]), len(p), 0)
}

func write(fd int, p []byte) (int, syscall.Errno) {
	return raw6(unix.SYS_SENDTO, fd, unsafe.Pointer(&p[0]), len(p), unix.MSG_NOSIGNAL)
}

func raw6(call uintptr, fd int, p unsafe.Pointer, n, flags int) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(p), uintptr(n), uintptr(flags), 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
