package command

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/evenkeel/evenkeel/proxy/internal/top"
)

type topCommand struct {
	userFlag
	Once bool `help:"Print one screen and end, as is done where the output is no terminal."`
}

// Help is what `evenkeel top --help` adds.
func (topCommand) Help() string {
	return `Shows states, requests under way, rates, share of errors and percentiles, as the operator's page does.
Keys: q quits, arrows scroll and choose by which column the targets of each group are sorted, r turns the
order round, w goes from 10 seconds to 1 and 5 minutes, p pauses, ? lists all. In a narrow terminal the
less important columns are left out. NO_COLOR in the environment does without colours.`
}

// Run shows the process until a key ends it.
func (c topCommand) Run(s *streams) error {
	client, ctx, stop, err := c.client()
	if err != nil {
		return err
	}
	defer stop()
	screen := terminal(s.out)
	if c.Once || screen == nil || !term.IsTerminal(int(os.Stdin.Fd())) {
		stats, err := client.Stats(ctx)
		if err != nil {
			return err
		}
		return top.Once(s.out, stats, widthOf(screen))
	}
	return top.Run(ctx, top.Options{Ask: client.Stats, In: os.Stdin, Out: screen, Color: os.Getenv("NO_COLOR") == ""})
}

// terminal is w if that is one, or nil.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// widthOf is how many columns a terminal has; 0 where there is none, or it does not say.
func widthOf(screen *os.File) int {
	if screen == nil {
		return 0
	}
	width, _, err := term.GetSize(int(screen.Fd()))
	if err != nil {
		return 0
	}
	return width
}
