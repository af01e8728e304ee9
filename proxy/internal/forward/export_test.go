package forward

// What tests look at from outside.
var (
	TraceID         = traceID
	CountForwarded  = forwardedFor
	ConnectionNames = connectionNames
	NamedIn         = namedIn
	Date            = date
	Await           = await
)
