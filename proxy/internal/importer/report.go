package importer

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Report writes a line for every directive, in the order of the file: where it stands, what
// became of it, the directive, the keys that say the same, and a note. The last line counts.
func (d *Draft) Report(w io.Writer) error {
	var b strings.Builder
	counts := d.Counts()
	Walk(d.Directives, func(dir *Directive) {
		fmt.Fprintf(&b, "%s: %s: %s", filepath.Join(d.Dir, dir.At()), dir.outcome, dir)
		if len(dir.keys) > 0 {
			fmt.Fprintf(&b, " -> %s", strings.Join(dir.keys, ", "))
		}
		if note := dir.Note(); note != "" {
			fmt.Fprintf(&b, " (%s)", note)
		}
		b.WriteByte('\n')
	})
	fmt.Fprintf(&b, "%d directives: %d mapped, %d mapped with a difference, %d not needed, %d not mapped\n",
		counts[Mapped]+counts[Differs]+counts[NotNeeded]+counts[NotMapped], counts[Mapped], counts[Differs], counts[NotNeeded], counts[NotMapped])
	_, err := io.WriteString(w, b.String())
	return err
}

// Counts is how many directives have which outcome.
func (d *Draft) Counts() map[Outcome]int {
	counts := map[Outcome]int{}
	Walk(d.Directives, func(dir *Directive) { counts[dir.outcome]++ })
	return counts
}
