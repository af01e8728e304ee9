package spec

// Inspection is a check beyond this package's own: of what a runtime, not the file format,
// cannot do. The environment may have problems already, so any value may be wrong.
type Inspection func(env *Environment, report Report)

// Report takes what an Inspection finds. It knows where in which file a value stands, by a
// path as Problem has it, or else what the value would stand in.
type Report struct{ c *checker }

// Refuse reports a problem with the value at path. One that is refused already stays as it is.
func (r Report) Refuse(path, what, got, want string) { r.c.refuse(path, what, got, want) }

// Warn reports what is legal and yet likely meant otherwise.
func (r Report) Warn(path, what, got, want string) { r.c.warn(path, what, got, want) }

// At makes a Problem of the value at path without reporting it, for what a running process
// shows of a file that nothing is wrong with.
func (r Report) At(path, what string) Problem { return r.c.position(path).problem(path, what, "", "") }
