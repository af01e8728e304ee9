package socket

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// pipeSize is asked for; a process without privileges may get less (pipe(7)).
	pipeSize = 256 << 10
	// idlePipes is how many pipes are kept for the next body.
	idlePipes = 64
)

// pipe is what splice(2) moves bytes through.
type pipe struct{ r, w int }

var pipes struct {
	sync.Mutex
	idle []pipe
}

func takePipe() (pipe, error) {
	pipes.Lock()
	if n := len(pipes.idle); n > 0 {
		p := pipes.idle[n-1]
		pipes.idle = pipes.idle[:n-1]
		pipes.Unlock()
		return p, nil
	}
	pipes.Unlock()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, os.NewSyscallError("pipe2", err)
	}
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
	return pipe{fds[0], fds[1]}, nil
}

// keep gives an empty pipe back.
func (p pipe) keep() {
	pipes.Lock()
	if len(pipes.idle) < idlePipes {
		pipes.idle = append(pipes.idle, p)
		pipes.Unlock()
		return
	}
	pipes.Unlock()
	p.close()
}

func (p pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// SpliceFrom moves up to n bytes from src to c inside the kernel. It ends early without an
// error when src does. What is on its way when c breaks or its deadline passes is lost.
func (c *Conn) SpliceFrom(src *Conn, n int64) (moved int64, err error) {
	p, err := takePipe()
	if err != nil {
		return c.copyFrom(src, n) // out of descriptors: what is open goes on
	}
	src.in.busy.Lock()
	defer src.in.busy.Unlock()
	c.out.busy.Lock()
	defer c.out.busy.Unlock()
	for moved < n {
		in, err := src.spliceTo(p, n-moved)
		if err != nil || in == 0 {
			p.keep()
			return moved, err
		}
		out, err := c.drain(p, in)
		if moved += out; err != nil {
			p.close()
			return moved, err
		}
	}
	p.keep()
	return moved, nil
}

// copyFrom is SpliceFrom outside the kernel.
func (c *Conn) copyFrom(src *Conn, n int64) (moved int64, err error) {
	if moved, err = io.CopyN(c, src, n); errors.Is(err, io.EOF) {
		err = nil
	}
	return moved, err
}

// spliceTo moves what there is to read, up to n bytes, to an empty pipe; none at the end.
func (c *Conn) spliceTo(p pipe, n int64) (int64, error) {
	for {
		moved, again, err := c.trySplice(p, int(min(n, pipeSize)))
		if !again {
			return moved, err
		}
		if err := c.AwaitRead(); err != nil {
			return 0, err
		}
	}
}

func (c *Conn) trySplice(p pipe, n int) (moved int64, again bool, err error) {
	if ok, err := c.beginTaking(); !ok {
		return 0, err == nil, err
	}
	defer c.leave()
	for {
		moved, err = unix.Splice(c.fd, nil, p.w, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch err {
		case nil:
			c.in.again() // a pipe takes what it likes
			return moved, false, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, true, nil
		default:
			c.in.again()
			return 0, false, os.NewSyscallError("splice", err)
		}
	}
}

// drain moves n bytes from the pipe to c.
func (c *Conn) drain(p pipe, n int64) (moved int64, err error) {
	a := attempt{c: c}
	for moved < n {
		if err := a.enter(); err != nil {
			return moved, err
		}
		m, err := unix.Splice(p.r, nil, c.fd, nil, int(n-moved), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if m > 0 {
			moved += m
		}
		if err := a.leave("splice", errnoOf(err)); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// SendFile sends up to n bytes of a file inside the kernel, from where it stands. It ends early
// without an error when the file does.
func (c *Conn) SendFile(f *os.File, n int64) (sent int64, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { sent, failed = c.sendFile(int(fd), n) })
	if failed != nil {
		err = failed
	}
	return sent, err
}

func (c *Conn) sendFile(fd int, n int64) (sent int64, err error) {
	c.out.busy.Lock()
	defer c.out.busy.Unlock()
	a := attempt{c: c}
	for sent < n {
		if err := a.enter(); err != nil {
			return sent, err
		}
		m, err := unix.Sendfile(c.fd, fd, nil, int(min(n-sent, pipeSize)))
		if m > 0 {
			sent += int64(m)
		}
		ended := err == nil && m == 0
		if err := a.leave("sendfile", errnoOf(err)); err != nil || ended {
			return sent, err
		}
	}
	return sent, nil
}
