package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ELBv2API is the control API: Elastic Load Balancing v2 as the AWS CLI and SDKs speak it.
type ELBv2API struct {
	// Listen is host:port, such as 127.0.0.1:9297. Default: off.
	Listen string `yaml:"listen"`
	// Credentials are the secret access keys that sign requests, by access key id. Only a
	// loopback address may do without. Default: none, which takes requests of everybody who
	// reaches the address.
	Credentials map[string]Secret `yaml:"credentials"`
	// Certificate makes the API speak TLS. Default: none, plain HTTP.
	Certificate CertificateFiles `yaml:"certificate"`
	// Instances are the addresses of instances, by instance id, for target groups of type
	// instance. Default: none.
	Instances map[string]string `yaml:"instances"`
	// InstanceResolver is a command, and its arguments, that gets the id of an instance which
	// is not in Instances as its last argument and prints the address within 5s. Default: none.
	InstanceResolver []string `yaml:"instance_resolver"`
	// StateFile keeps over a restart what the API made, registered and deregistered. Default:
	// none, which forgets it.
	StateFile string `yaml:"state_file"`
}

var (
	accessKeyShape = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	instanceShape  = regexp.MustCompile(`^i-([0-9a-f]{8,17})$`)
	// apiListenerShape is the name of a listener that the API made.
	apiListenerShape = regexp.MustCompile(`^https?-[1-9][0-9]{0,4}$`)
)

// MinSecretAccessKey is how many bytes a secret access key has at least.
const MinSecretAccessKey = 16

// maxResolverArguments bounds InstanceResolver.
const maxResolverArguments = 16

// Served reports whether there is a control API.
func (a *ELBv2API) Served() bool { return a.Listen != "" }

// APIListenerName is the name that a listener which the control API makes has in proxy.bind
// and logs: https-443.
func APIListenerName(protocol string, port int) string {
	return strings.ToLower(protocol) + "-" + strconv.Itoa(port)
}

// IsInstanceID tells whether s looks like the id of an instance.
func IsInstanceID(s string) bool { return instanceShape.MatchString(s) }

func (a *ELBv2API) absent() bool {
	return a.Listen == "" && len(a.Credentials) == 0 && a.Certificate.absent() && len(a.Instances) == 0 &&
		len(a.InstanceResolver) == 0 && a.StateFile == ""
}

func (a *ELBv2API) limits() limits {
	return limits{
		"listen": required(that("an address and a port such as 127.0.0.1:9297", isListenAddress)),
		"credentials": each(that(fmt.Sprintf("file:PATH, env:NAME or at least %d bytes", MinSecretAccessKey), func(s string) bool {
			return isReference(s) || len(s) >= MinSecretAccessKey
		})),
		"instances":         each(that("an IPv4 or IPv6 address that one target has", isTargetAddress)),
		"instance_resolver": atMost(maxResolverArguments),
	}
}

func (a *ELBv2API) check(c *checker, path string) {
	if at, err := netip.ParseAddrPort(a.Listen); err == nil && !at.Addr().IsLoopback() && len(a.Credentials) == 0 {
		c.refuse(field(path, "credentials"), "is missing", "", "at least one, as others than this machine reach "+quote(a.Listen))
	}
	for _, id := range slices.Sorted(maps.Keys(a.Credentials)) {
		at := field(path, "credentials."+id)
		if !accessKeyShape.MatchString(id) {
			c.refuse(at, "is no access key id", quote(id), "16 to 128 capital letters and digits")
		}
		if !isReference(string(a.Credentials[id])) {
			c.warn(at, "is a secret in the open", "", "file:PATH or env:NAME")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Instances)) {
		if !instanceShape.MatchString(id) {
			c.refuse(field(path, "instances."+id), "is no instance id", quote(id), "i- and 8 to 17 hex digits")
		}
	}
	if len(a.InstanceResolver) > 0 && a.InstanceResolver[0] == "" {
		c.refuse(element(field(path, "instance_resolver"), 0), "is empty", "", "a program")
	}
}
