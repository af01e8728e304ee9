package exchange

// Decorator is a client in front of another, which changes or watches what passes.
type Decorator interface {
	Client
	// Unwrap returns the client behind it.
	Unwrap() Client
}

// Innermost returns the client behind all decorators: the connection or stream itself.
func Innermost(c Client) Client {
	for {
		d, ok := c.(Decorator)
		if !ok {
			return c
		}
		c = d.Unwrap()
	}
}
