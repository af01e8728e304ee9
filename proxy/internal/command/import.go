package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/proxy/internal/importer/haproxy"
	"github.com/evenkeel/evenkeel/proxy/internal/importer/nginx"
)

type importCommand struct {
	File   string `arg:"" help:"A configuration of nginx or HAProxy."`
	From   string `enum:"nginx,haproxy,," default:"" help:"Whose it is: nginx or haproxy. Default: told by its first line."`
	Output string `short:"o" placeholder:"FILE" help:"Where the environment file goes; one that is there is not overwritten. Default: standard output."`
	Report string `placeholder:"FILE" help:"Where the report goes. Default: standard error."`
}

// Help is what `evenkeel import --help` adds.
func (importCommand) Help() string {
	return `The environment file says in comments which line a value came from, and at its top what is lost
or different. The report has a line for every directive, file:line: outcome: directive -> keys
(note), where the outcome is mapped, differs, not needed or not mapped. Files that the
configuration includes are read in and below its folder. No password is copied.

Exit status: 0 when every directive is mapped or not needed, with or without a difference; 1
when one is not mapped, or what was made has errors; 2 when the file cannot be read, or has
errors of syntax, and nothing was written.`
}

// Run writes the environment file and the report.
func (c importCommand) Run(s *streams) error {
	draft, err := c.draft()
	if err != nil {
		return &exitError{exitTrouble, err}
	}
	draft.Dir = filepath.Dir(c.File)
	var text, report bytes.Buffer
	if err := errors.Join(draft.Write(&text, filepath.Base(c.File)), draft.Report(&report)); err != nil {
		return &exitError{exitTrouble, err}
	}
	problems := draft.Check()
	for _, p := range problems {
		fmt.Fprintf(&report, "error: %s\n", p.Error())
	}
	if err := errors.Join(put(c.Output, s.out, text.Bytes(), os.O_EXCL), put(c.Report, s.err, report.Bytes(), os.O_TRUNC)); err != nil {
		return &exitError{exitTrouble, err}
	}
	if len(problems) > 0 || draft.Counts()[importer.NotMapped] > 0 {
		return &exitError{status: exitNo}
	}
	return nil
}

// draft reads the configuration.
func (c importCommand) draft() (*importer.Draft, error) {
	from := c.From
	if from == "" {
		var err error
		if from, err = kindOf(c.File); err != nil {
			return nil, err
		}
	}
	if from == "haproxy" {
		list, err := haproxy.Parse(c.File)
		if err != nil {
			return nil, err
		}
		return haproxy.Convert(list), nil
	}
	list, err := nginx.Parse(c.File)
	if err != nil {
		return nil, err
	}
	return nginx.Convert(list), nil
}

// maxFirst bounds what is read to tell whose a configuration is.
const maxFirst = 64 << 10

// kindOf tells nginx from HAProxy by the first line that says something: HAProxy's begins a
// section and has no punctuation.
func kindOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("import: %s is no file", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFirst))
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		if haproxy.BeginsSection(word) && !strings.ContainsAny(line, "{;") {
			return "haproxy", nil
		}
		return "nginx", nil
	}
	return "", fmt.Errorf("import: %s says nothing: want a configuration of nginx or HAProxy", file)
}

// put writes text to a file, or to w if none is named.
func put(file string, w io.Writer, text []byte, flag int) error {
	if file == "" {
		_, err := w.Write(text)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|flag, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: name another file, or remove it", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
