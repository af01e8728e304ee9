package top_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/top"
	"github.com/evenkeel/evenkeel/test/harness"
)

// session is a Run in a terminal.
type session struct {
	t        *testing.T
	keyboard *os.File // the other end of the terminal
	terminal *os.File
	before   unix.Termios
	ended    chan error
	drawn    chan struct{} // has a value when something was

	mu     sync.Mutex
	output strings.Builder
	stats  admin.Stats
	err    error
}

// begin runs top in a terminal of that size.
func begin(t *testing.T, width, height uint16) *session {
	t.Helper()
	s := &session{t: t, ended: make(chan error, 1), drawn: make(chan struct{}, 1), stats: shop()}
	var err error
	if s.keyboard, s.terminal, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	// The other end stays: somebody reads it until this one is closed.
	t.Cleanup(func() { _ = s.keyboard.Close() })
	s.size(width, height)
	s.before = s.settings()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := s.keyboard.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.output.Write(b[:n])
			s.mu.Unlock()
			select {
			case s.drawn <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		s.ended <- top.Run(t.Context(), top.Options{Ask: s.ask, In: s.terminal, Out: s.terminal, Color: true})
	}()
	return s
}

func (s *session) ask(context.Context) (admin.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats, s.err
}

// say makes the process say something else.
func (s *session) say(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *session) size(width, height uint16) {
	s.t.Helper()
	if err := pty.Setsize(s.terminal, &pty.Winsize{Cols: width, Rows: height}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) settings() unix.Termios {
	s.t.Helper()
	settings, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *settings
}

func (s *session) press(keys string) {
	s.t.Helper()
	if _, err := s.keyboard.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// forget forgets what was drawn so far.
func (s *session) forget() { s.say(s.output.Reset) }

// until waits until something is drawn.
func (s *session) until(what string) {
	s.t.Helper()
	for timeout := time.After(harness.Patience); ; {
		s.mu.Lock()
		drawn := s.output.String()
		s.mu.Unlock()
		if strings.Contains(drawn, what) {
			return
		}
		select {
		case <-s.drawn:
		case <-timeout:
			s.t.Fatalf("no %q at the end of %q", what, drawn[max(0, len(drawn)-2000):])
		}
	}
}

// end waits for the end, which leaves the terminal as it was.
func (s *session) end() {
	s.t.Helper()
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Error(err)
		}
	case <-time.After(harness.Patience):
		s.t.Fatal("goes on")
	}
	s.until(top.Leave)
	if after := s.settings(); after != s.before {
		s.t.Errorf("the terminal was %+v and is %+v", s.before, after)
	}
}

func TestRun(t *testing.T) {
	s := begin(t, 100, 14)
	s.until(top.Enter)
	s.until("\x1b[32m  web-1")
	s.until("q quit")
	if s.settings() == s.before {
		t.Error("the terminal passes on whole lines, not keys")
	}
	s.press("s")
	s.until("STATE*")
	s.press("\x1b[C\x1b[C")
	s.until("REQ/S*")
	s.press("?")
	s.until("back to the shell")
	s.press("?w")
	s.until("last 60 s")
	s.press("p")
	s.until("paused")
	s.press("pr")
	s.forget()
	s.say(func() { s.stats.Environment = "other" })
	s.until("1.2.3  other")
	s.press("q")
	s.end()
}

// TestScroll goes through more targets than there are lines.
func TestScroll(t *testing.T) {
	s := begin(t, 80, 6)
	s.until("web-1")
	s.forget()
	s.press("G")
	s.until("spare")
	s.forget()
	s.press("\x1b[H")
	s.until("web-1")
	s.press("\x03")
	s.end()
}

// TestResize draws for the new size at once.
func TestResize(t *testing.T) {
	s := begin(t, 160, 20)
	s.until("REASON")
	s.forget()
	s.size(30, 20)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	s.until("evenkeel 1.2.3  shop  3h00m o…")
	s.press("q")
	s.end()
}

func TestSignalsLeaveTheTerminalAsItWas(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT} {
		s := begin(t, 80, 24)
		s.until("web-1")
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		s.end()
	}
}

// TestAwayForAWhile: the screen stays while the process cannot be asked, and says so.
func TestAwayForAWhile(t *testing.T) {
	s := begin(t, 80, 24)
	s.until("web-1")
	s.say(func() { s.err = errors.New("connection refused\x1b[2J") })
	s.until("cannot ask: connection refused\ufffd[2J")
	s.forget()
	s.say(func() { s.err = nil })
	s.until("evenkeel 1.2.3")
	s.press("q")
	s.end()
}

// TestNobodyToAsk leaves the terminal alone.
func TestNobodyToAsk(t *testing.T) {
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	refused := errors.New("refused")
	err = top.Run(t.Context(), top.Options{In: terminal, Out: terminal, Ask: func(context.Context) (admin.Stats, error) { return admin.Stats{}, refused }})
	if !errors.Is(err, refused) {
		t.Errorf("Run() error = %v", err)
	}
}

// TestTheTerminalGoes: whoever closes the window ends the program.
func TestTheTerminalGoes(t *testing.T) {
	s := begin(t, 80, 24)
	s.until("web-1")
	_ = s.keyboard.Close()
	select {
	case <-s.ended:
	case <-time.After(harness.Patience):
		t.Fatal("goes on without a terminal")
	}
}

// TestNoTerminal is an error, not a mess.
func TestNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = top.Run(t.Context(), top.Options{In: file, Out: file, Ask: func(context.Context) (admin.Stats, error) { return shop(), nil }})
	if err == nil || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("Run() error = %v", err)
	}
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("%d bytes were written, %v", info.Size(), err)
	}
}
