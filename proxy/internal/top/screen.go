package top

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What is told to the terminal.
//
// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
const (
	// enterScreen is the other screen, without a cursor and without breaking lines.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	endOfLine   = "\x1b[K"
	endOfScreen = "\x1b[J"
)

// The size of a terminal that does not say.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// stopTime is how long a process waits to be stopped.
const stopTime = 200 * time.Millisecond

// screen is a terminal that passes on each key and is drawn on.
type screen struct {
	in, out *os.File
	before  *term.State // nil while the terminal is as it was
}

func (s *screen) enter() error {
	before, err := term.MakeRaw(int(s.in.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	s.before = before
	if _, err := s.out.WriteString(enterScreen); err != nil {
		s.leave()
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// leave makes the terminal what it was. There is nobody to tell if that fails.
func (s *screen) leave() {
	if s.before == nil {
		return
	}
	_, _ = s.out.WriteString(leaveScreen)
	_ = term.Restore(int(s.in.Fd()), s.before)
	s.before = nil
}

// suspend gives the terminal back to the shell until that continues the process.
func (s *screen) suspend() error {
	s.leave()
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	select {
	case <-continued:
	case <-time.After(stopTime): // nothing stops a process that no shell looks after
	}
	return s.enter()
}

// draw writes a view, in one piece so that nothing flickers.
func (s *screen) draw(v *view) error {
	v.width, v.height = defaultWidth, defaultHeight
	if width, height, err := term.GetSize(int(s.out.Fd())); err == nil && width > 0 && height > 0 {
		v.width, v.height = width, height
	}
	var out bytes.Buffer
	out.WriteString(home)
	for i, line := range v.frame() {
		if i > 0 {
			out.WriteString("\r\n")
		}
		// Before the text: behind it, a cursor that stands on the last character would erase that.
		out.WriteString(endOfLine)
		out.WriteString(v.paint(line))
	}
	out.WriteString(endOfScreen)
	_, err := s.out.Write(out.Bytes())
	return err
}
