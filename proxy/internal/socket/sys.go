package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func writev(fd int, p []unix.Iovec) (int, syscall.Errno) {
	return raw(unix.SYS_WRITEV, fd, unsafe.Pointer(&p[0]), len(p))
}

// raw makes a call that does not block, so that the scheduler need not hear of it.
func raw(call uintptr, fd int, p unsafe.Pointer, n int) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(p), uintptr(n))
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// closeNow is close(2), which waits for nothing: no socket of ours lingers. When the scheduler
// hears of it, it takes the call for one that blocks now and then, and looks for another thread.
func closeNow(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func epollCtl(epfd, op, fd int, e *unix.EpollEvent) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(e)), 0, 0)
	return errno
}

// epollWait returns the events that there are, and does not wait for one. x/sys/unix tells
// the scheduler of every call.
func epollWait(fd int, list []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
