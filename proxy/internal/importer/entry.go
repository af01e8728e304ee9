package importer

// Entry is what a directive becomes, for the reference and for those that nothing has to
// read.
type Entry struct {
	// Usually is the outcome that a directive has, unless its arguments or its place give
	// another.
	Usually Outcome
	// Key of the environment file that says the same.
	Key string
	// Note is what differs, or why there is no key and what to do.
	Note string
}

// Table is what is known of the directives of a program, by name.
type Table map[string]Entry

// Settle gives those directives an outcome that have none, so that none is dropped in
// silence: what the table says of those that need no reading, that the others have no
// effect where they stand, or that they are unknown.
// What is said of whole families of names, lookUp says; it can be nil.
func (t Table) Settle(list []*Directive, lookUp func(name string) (Entry, bool)) {
	lost := map[*Directive]bool{} // what stands in a block that is not mapped
	Walk(list, func(d *Directive) {
		defer func() {
			for _, inside := range d.Block {
				lost[inside] = lost[inside] || d.outcome == NotMapped
			}
		}()
		if d.outcome != Unseen {
			return
		}
		e, known := t[d.Name]
		if !known && lookUp != nil {
			e, known = lookUp(d.Name)
		}
		switch {
		case !known:
			d.NotMapped("is not known to this program; see whether what it does is needed")
		case e.Usually == NotNeeded:
			d.NotNeeded(e.Note)
		case e.Usually == NotMapped:
			d.NotMapped(e.Note)
		case lost[d]:
			d.NotMapped("stands in a block that is not mapped")
		default:
			d.NotNeeded("has no effect where it stands: nothing that it applies to is there")
		}
	})
}
