// Package top shows in a terminal what the operator's page shows in a browser: target groups
// and targets, with their states, rates, errors and response times, once a second.
package top

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// refresh is how often the process is asked: as often as it looks at its counters.
const refresh = time.Second

// maxKeys bounds what is read of the keyboard at once: a paste is no command.
const maxKeys = 64

// Options of Run.
type Options struct {
	// Ask asks the process.
	Ask func(ctx context.Context) (admin.Stats, error)
	// In is the terminal's keyboard, Out its screen.
	In, Out *os.File
	// Color says that states have colours.
	Color bool
}

// Once writes one screen without its end, for a program or a file: as wide as it needs to be if
// width is 0.
func Once(w io.Writer, stats admin.Stats, width int) error {
	v := newView(false)
	v.stats, v.width = stats, width
	for _, line := range v.page() {
		if _, err := fmt.Fprintln(w, line.text); err != nil {
			return err
		}
	}
	return nil
}

// answer is what the process said.
type answer struct {
	stats admin.Stats
	err   error
}

// Run shows the process until a key, a signal or ctx ends it, and leaves the terminal as it was.
// An error is of the first question, or of the terminal: a process that is away for a while comes
// back.
func Run(ctx context.Context, o Options) error {
	v := newView(o.Color)
	var err error
	if v.stats, err = o.Ask(ctx); err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
	defer signal.Stop(signals)
	s := &screen{in: o.In, out: o.Out}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	keys, answers := make(chan []byte), make(chan answer, 1)
	go read(ctx, o.In, keys)
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	asking := false
	for {
		if err := s.draw(v); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case sig := <-signals:
			if sig != unix.SIGWINCH {
				return nil
			}
		case <-tick.C:
			if !asking && !v.paused {
				asking = true
				go func() {
					stats, err := o.Ask(ctx)
					answers <- answer{stats, err}
				}()
			}
		case a := <-answers:
			asking = false
			v.take(a)
		case typed, more := <-keys:
			if !more {
				return nil // the terminal has gone
			}
			for _, k := range parseKeys(typed) {
				switch k {
				case keyQuit:
					return nil
				case keyStop:
					if err := s.suspend(); err != nil {
						return err
					}
				default:
					v.press(k)
				}
			}
		}
	}
}

// read passes on what is typed until the terminal ends. It outlives Run, in a Read that nothing
// ends but a key.
func read(ctx context.Context, in io.Reader, keys chan<- []byte) {
	defer close(keys)
	for {
		b := make([]byte, maxKeys)
		n, err := in.Read(b)
		if n > 0 {
			select {
			case keys <- b[:n]:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
