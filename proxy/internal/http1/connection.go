package http1

import "github.com/evenkeel/evenkeel/proxy/internal/exchange"

// Options that Connection can name.
const (
	optionClose uint8 = 1 << iota
	optionKeepAlive
	optionUpgrade
)

// connectionOptions returns the options that a value of Connection names (RFC 9110, 7.6.1).
func connectionOptions(value []byte) (options uint8) {
	for more := true; more; {
		var option []byte
		option, value, more = nextElement(value)
		switch {
		case exchange.EqualFold(option, "keep-alive"):
			options |= optionKeepAlive
		case exchange.EqualFold(option, "close"):
			options |= optionClose
		case exchange.EqualFold(option, "upgrade"):
			options |= optionUpgrade
		}
	}
	return options
}

// requestOptions is what a request's fields say about its connection.
type requestOptions struct {
	connection     uint8
	upgrade        bool // there is an Upgrade that may be forwarded
	noUpgrade      bool // there is one that may not
	expectContinue bool
}

func (o *requestOptions) note(f *exchange.Field) {
	switch f.ID {
	case exchange.FieldConnection:
		o.connection |= connectionOptions(f.Value)
	case exchange.FieldUpgrade:
		if forwardsUpgrade(f.Value) {
			o.upgrade = true
		} else {
			o.noUpgrade = true
		}
	case exchange.FieldHTTP2Settings:
		o.noUpgrade = true
	case exchange.FieldExpect:
		// Any other expectation is not one this side can meet, and is not forwarded.
		if exchange.EqualFold(f.Value, "100-continue") {
			o.expectContinue = true
		}
	}
}

func (o *requestOptions) upgrades() bool {
	return o.connection&optionUpgrade != 0 && o.upgrade && !o.noUpgrade
}

// forwardsUpgrade reports whether a value of Upgrade is protocol names, none of them h2c: a
// tunnel of HTTP/2 to the target would carry requests past every rule.
func forwardsUpgrade(value []byte) bool {
	for more := true; more; {
		var protocol []byte
		protocol, value, more = nextElement(value)
		name := protocol
		for i, c := range protocol {
			if c == '/' {
				name = protocol[:i]
				break
			}
		}
		if len(name) == 0 || !all(name, octetToken) || exchange.EqualFold(name, "h2c") || exchange.EqualFold(name, "h2") ||
			!all(protocol, octetVisible) {
			return false
		}
	}
	return true
}
