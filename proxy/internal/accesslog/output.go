package accesslog

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
)

// output is where a stream's lines end up. Only the flusher calls write and close.
type output interface {
	name() string
	// write writes whole lines and returns how many bytes went out.
	write(lines []byte) (int, error)
	reopen() error
	close() error
}

// filePerm keeps the addresses and URLs of clients from other users.
const filePerm = 0o640

func openOutput(path string) (output, error) {
	switch path {
	case "/dev/stdout":
		return standard{os.Stdout, path}, nil
	case "/dev/stderr":
		return standard{os.Stderr, path}, nil
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &file{path: path, f: f}, nil
}

// openFile opens a log file for appending. A named pipe without a reader is an error, not
// a wait (O_NONBLOCK, which regular files ignore).
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, filePerm)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// standard is the process's standard output or error. It is used as it was handed down,
// because opening /dev/stdout anew fails when it is a socket. It is never closed.
type standard struct {
	w    io.Writer
	path string
}

func (s standard) name() string                    { return s.path }
func (s standard) write(lines []byte) (int, error) { return s.w.Write(lines) }
func (s standard) reopen() error                   { return nil }
func (s standard) close() error                    { return nil }

// file is a log file that rotation may move away.
type file struct {
	path string
	// next is the file that reopen opened and write has not taken up yet.
	next atomic.Pointer[os.File]

	// Of the flusher alone.
	f *os.File
	// torn says that the last write ended within a line.
	torn bool
}

func (o *file) name() string { return o.path }

func (o *file) reopen() error {
	f, err := openFile(o.path)
	if err != nil {
		return err
	}
	if unused := o.next.Swap(f); unused != nil {
		return unused.Close()
	}
	return nil
}

func (o *file) write(lines []byte) (int, error) {
	if next := o.next.Swap(nil); next != nil {
		_ = o.f.Close() // its lines are written; nothing more could be done for them
		o.f, o.torn = next, false
	}
	if o.torn {
		if _, err := o.f.Write(newline); err != nil {
			return 0, err
		}
		o.torn = false
	}
	n, err := o.f.Write(lines)
	if n > 0 && lines[n-1] != '\n' {
		o.torn = true
	}
	return n, err
}

func (o *file) close() error {
	if next := o.next.Swap(nil); next != nil {
		_ = next.Close() // nothing was written to it
	}
	return o.f.Close()
}
