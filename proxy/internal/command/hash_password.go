package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/evenkeel/evenkeel/proxy/internal/signin"
)

// maxTyped bounds what is read of a password, well above what can be one.
const maxTyped = 4096

type hashCommand struct {
	Cost int `default:"12" help:"10 to 15; one more takes twice as long, for guessers too. Default: ${default}."`
}

// Help is the rest of the help text.
func (hashCommand) Help() string {
	return "The password is asked for twice on a terminal. Otherwise it is the one line on the standard input.\n" +
		"It is never an argument: those are seen by everybody on the machine, and kept by shells."
}

// Run reads a password and prints its hash.
func (c hashCommand) Run(s *streams) error {
	read := readPassword
	if term.IsTerminal(int(os.Stdin.Fd())) {
		read = askPassword
	}
	password, err := read(s.err)
	if err != nil {
		return err
	}
	hash, err := signin.Hash(password, c.Cost)
	if err != nil {
		return &exitError{exitTrouble, err}
	}
	_, err = fmt.Fprintf(s.out, "%s\n", hash)
	return err
}

// askPassword asks twice: nobody sees what is typed. Ctrl-C is a byte meanwhile, so that the
// terminal is as before whatever happens.
func askPassword(prompt io.Writer) (password []byte, err error) {
	fd := int(os.Stdin.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{os.Stdin, prompt}, "")
	var typed [2]string
	for i, question := range []string{"Password: ", "Again: "} {
		typed[i], err = terminal.ReadPassword(question)
		if errors.Is(err, io.EOF) {
			_, _ = io.WriteString(prompt, "\r\n")
			return nil, errors.New("no password was given")
		}
		if err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
	}
	if typed[0] != typed[1] {
		return nil, errors.New("the two are not the same")
	}
	return []byte(typed[0]), nil
}

// readPassword reads one line.
func readPassword(io.Writer) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxTyped))
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(text, "\r\n") {
		return nil, errors.New("a password is one line")
	}
	return text, nil
}
