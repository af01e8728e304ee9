package doctor

import (
	"bytes"
	"fmt"
	"io"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// Write writes the report for people: each finding begins with its place in the file, for
// editors to find.
func (r *Report) Write(w io.Writer) error {
	var out bytes.Buffer
	for i := range r.Findings {
		f := &r.Findings[i]
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
		}
		subject := string(f.Case)
		if f.TargetGroup != "" {
			subject += ": " + f.TargetGroup
		}
		line(&out, "%s: %s: %s: %s", place, f.Path, subject, f.What)
		for _, e := range f.Evidence {
			line(&out, "    %s", e)
		}
		line(&out, "    change: %s", f.Change)
		out.WriteByte('\n')
	}
	for _, note := range r.Notes {
		line(&out, "note: %s", note)
	}
	found := "no finding"
	if n := len(r.Findings); n == 1 {
		found = "1 finding"
	} else if n > 1 {
		found = fmt.Sprintf("%d findings", n)
	}
	line(&out, "%s: environment %s, target groups in use: %d, targets: %d, requests in the last minutes: %d", found, r.Environment, r.Groups, r.Targets, r.Requests)
	_, err := w.Write(out.Bytes())
	return err
}

// line writes one line, in which nothing acts on a terminal.
func line(out *bytes.Buffer, format string, a ...any) {
	out.WriteString(admin.Printable(fmt.Sprintf(format, a...)))
	out.WriteByte('\n')
}
