package exchange

// Origin is what stands behind the edge for one request whose rule forwards it.
type Origin struct {
	// Forward sends x's request to a target of the rule and the answer to x.Client. It returns
	// the status of the answer that the load balancer has to make itself, or 0 when the client
	// has one. Another exchange than the one that asked is for a request of the edge's own.
	Forward func(x *Exchange) int
	// Server and Date are the values of these fields in an answer that no target makes. Server
	// may be empty for no such field.
	Server string
	Date   []byte
	// Route names what the rule does with requests: its transforms and target groups.
	Route string
	// Proto and Port are what X-Forwarded-Proto and -Port will say to a target; Trusted says that
	// they are what a trusted proxy said.
	Proto, Port []byte
	Trusted     bool
	// Cookies are the names of those by which the target groups keep clients with targets, beside
	// the ones that every load balancer has.
	Cookies []string
	// Managed are the fields that the listener sets on every answer. A target's answer has them.
	Managed []Field
}
