package spec

import (
	"net/netip"
	"reflect"
	"regexp"
	"strings"
)

// What names and addresses look like. The words that go with them are in the limits.
var (
	appShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
	// Names of load balancers and target groups, and what we name likewise.
	nameShape   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)
	hostShape   = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	headerShape = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	// valueShape is a header's value: visible ASCII, and spaces inside.
	valueShape = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)
	idShape    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)
)

const nameWords = "1 to 32 letters, digits and hyphens, no hyphen first or last"

// MaxNameLength bounds the names of load balancers and target groups.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
const MaxNameLength = 32

// isCIDR tells whether s is a block of addresses with nothing set beyond its prefix.
func isCIDR(s string) bool {
	p, err := netip.ParsePrefix(s)
	return err == nil && p.Masked() == p && !strings.Contains(s, "%")
}

// isListenAddress tells whether s is an address and a port to listen on.
func isListenAddress(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Addr().Zone() == ""
}

// isVisible tells whether s has nothing but visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Values of response headers.
var (
	maxAgeShape = regexp.MustCompile(`^(-1|[0-9]{1,7})$`)
	frameShape  = regexp.MustCompile(`^(DENY|SAMEORIGIN|ALLOW-FROM https?://[!-~]{1,1000})$`)
)

// typeOf is the type that a pointer points to.
func typeOf[T any](*T) reflect.Type { return reflect.TypeFor[T]() }

var (
	slashFirst = regexp.MustCompile(`^/`)
	zoneShape  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	// cookieShape is a token (RFC 6265 §4.1.1).
	cookieShape    = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")
	reservedCookie = regexp.MustCompile(`^AWSALB`)
	hashKeyShape   = regexp.MustCompile("^(source_ip|host|path|uri|(header|cookie|query):[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})$")
	// optionalValueShape is a header's value, or none.
	optionalValueShape = regexp.MustCompile(`^([!-~]([ -~]*[!-~])?)?$`)
	// setValueShape is a header's value that is not empty.
	setValueShape = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)
	serviceShape  = regexp.MustCompile(`(?i)^_[a-z0-9]([a-z0-9-]*[a-z0-9])?\._tcp\.`)
	dnsNameShape  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$`)
)
