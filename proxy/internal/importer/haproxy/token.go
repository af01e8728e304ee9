package haproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

// Limits of what is read. HAProxy itself takes lines of 2048 bytes and 64 words.
const (
	maxFile  = 1 << 20
	maxLine  = 16 << 10
	maxWords = 256
	maxLines = 10_000
)

type directive = importer.Directive

// sections are the keywords that begin one, and whether it has a name.
var sections = map[string]bool{
	"global": false, "defaults": true, "frontend": true, "backend": true, "listen": true,
	"peers": true, "mailers": true, "resolvers": true, "userlist": true, "cache": true, "program": true,
	"http-errors": true, "ring": true, "log-forward": true, "fcgi-app": true, "crt-store": true, "traces": false, "log-profile": true, "acme": true,
}

// BeginsSection tells whether a word is the keyword of a section.
func BeginsSection(word string) bool {
	_, ok := sections[word]
	return ok
}

// Parse reads a configuration of HAProxy: sections with the lines in them. An error is an
// importer.SyntaxError or one of reading.
func Parse(file string) ([]*directive, error) {
	path, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, fmt.Errorf("read HAProxy configuration: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read HAProxy configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read HAProxy configuration: %s is no file", file)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read HAProxy configuration: %w", err)
	}
	defer f.Close()
	return Read(io.LimitReader(f, maxFile+1), filepath.Base(file))
}

// Read is Parse of a text that was opened already.
func Read(r io.Reader, file string) ([]*directive, error) {
	var list []*directive
	var section *directive
	var faults []error
	fault := func(line int, what string) {
		faults = append(faults, &importer.SyntaxError{File: file, Line: line, What: what})
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	read, n := 0, 0
	for lines.Scan() {
		n++
		if read += len(lines.Bytes()) + 1; read > maxFile || n > maxLines {
			return nil, &importer.SyntaxError{File: file, Line: n, What: fmt.Sprintf("larger than %d bytes or %d lines", maxFile, maxLines)}
		}
		words, err := split(lines.Text())
		if err != nil {
			fault(n, err.Error())
			continue
		}
		if len(words) == 0 {
			continue
		}
		d := &directive{File: file, Line: n, Name: words[0], Args: words[1:]}
		named, begins := sections[d.Name]
		switch {
		case begins:
			d.Block = []*directive{}
			section = d
			list = append(list, d)
			if named && d.Name != "defaults" && d.Arg(0) == "" {
				fault(n, d.Name+" has no name")
			}
			if d.Name == "frontend" || d.Name == "backend" || d.Name == "listen" {
				if slices.ContainsFunc(list[:len(list)-1], func(o *directive) bool { return o.Name == d.Name && o.Arg(0) == d.Arg(0) }) {
					fault(n, fmt.Sprintf("a %s %q is there already", d.Name, d.Arg(0)))
				}
			}
		case strings.HasPrefix(d.Name, "."):
			list = append(list, d) // .if, .else, .notice: conditional blocks
			if d.Name == ".if" || d.Name == ".elif" || d.Name == ".else" {
				fault(n, "has lines under a condition, which is known only where HAProxy runs: leave those that hold")
			}
		case section == nil:
			fault(n, fmt.Sprintf("unknown keyword %q outside of a section", clip(d.Name)))
		default:
			join(d)
			section.Block = append(section.Block, d)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			fault(n+1, fmt.Sprintf("longer than %d bytes", maxLine))
		} else {
			return nil, fmt.Errorf("read HAProxy configuration: %w", err)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(list) == 0 {
		return nil, &importer.SyntaxError{File: file, What: "has no section"}
	}
	return list, nil
}

// join makes one name of keywords that have several words: option httpchk, timeout client.
func join(d *directive) {
	if d.Name == "no" && len(d.Args) > 0 {
		d.Name, d.Args = d.Args[0], append(slices.Clone(d.Args[1:]), "\x00no")
		if len(d.Args) == 0 {
			return
		}
	}
	switch d.Name {
	case "option", "timeout", "stats", "http-request", "http-response", "http-after-response", "tcp-request", "tcp-response", "compression", "http-check", "tcp-check", "stick", "filter", "email-alert", "redirect":
		if len(d.Args) > 0 && d.Args[0] != "\x00no" && d.Name != "redirect" {
			d.Name, d.Args = d.Name+" "+d.Args[0], d.Args[1:]
		}
	}
	if before, _, ok := strings.Cut(d.Name, "("); ok { // set-var(txn.x)
		d.Shown = strings.Join(append([]string{d.Name}, d.Args...), " ")
		d.Name = before
	}
	if n := len(d.Args); n > 0 && d.Args[n-1] == "\x00no" {
		d.Args = d.Args[:n-1]
		d.Shown = strings.TrimSpace("no " + strings.Join(append([]string{d.Name}, d.Args...), " "))
		d.Name = "no " + d.Name
	}
}

// split cuts a line into words as HAProxy does: \ takes the next character as it is, "" keep
// spaces, ” keep everything, # begins a comment. $NAME and ${NAME} inside "" are of the
// environment, which is not known here: they stay as they are.
//
// https://docs.haproxy.org/3.0/configuration.html#2.2
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, byte(0)
	end := func() {
		if open {
			words = append(words, word.String())
			word.Reset()
			open = false
		}
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'':
			if c == '\'' {
				quote = 0
				continue
			}
			word.WriteByte(c)
		case c == '\\':
			if i+1 == len(line) {
				return nil, errors.New(`ends in \, with nothing to take as it is`)
			}
			i++
			open = true
			word.WriteString(escaped(line, &i))
		case quote == '"':
			if c == '"' {
				quote = 0
				continue
			}
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\r':
			end()
		case c == '#':
			end()
			return words, nil
		default:
			open = true
			word.WriteByte(c)
		}
		if len(words) > maxWords {
			return nil, fmt.Errorf("has more than %d words", maxWords)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("has a %c without its end", quote)
	}
	end()
	return words, nil
}

// escaped is what the character after a backslash stands for.
func escaped(line string, i *int) string {
	switch c := line[*i]; c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'x':
		if *i+2 < len(line) {
			var b byte
			if _, err := fmt.Sscanf(line[*i+1:*i+3], "%02x", &b); err == nil {
				*i += 2
				return string([]byte{b})
			}
		}
		return `\x`
	case ' ', '#', '\\', '"', '\'', '$':
		return string(c)
	default:
		return `\` + string(c)
	}
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
