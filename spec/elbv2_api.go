package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
)

// ELBv2API is the control API: Elastic Load Balancing v2 as the AWS CLI and SDKs speak it.
type ELBv2API struct {
	// Listen is host:port, such as 127.0.0.1:9297. Default: off.
	Listen string `yaml:"listen"`
	// Credentials are the secret access keys that sign requests, by access key id.
	Credentials map[string]Secret `yaml:"credentials"`
	// Instances are the addresses of instances, by instance id, for target groups of type
	// instance. Default: none.
	Instances map[string]string `yaml:"instances"`
	// StateFile keeps over a restart what was registered and deregistered. Default: none.
	StateFile string `yaml:"state_file"`
}

var (
	accessKeyShape = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	instanceShape  = regexp.MustCompile(`^i-([0-9a-f]{8,17})$`)
)

// MinSecretAccessKey is how many bytes a secret access key has at least.
const MinSecretAccessKey = 16

func (a *ELBv2API) absent() bool {
	return a.Listen == "" && len(a.Credentials) == 0 && len(a.Instances) == 0 && a.StateFile == ""
}

func (a *ELBv2API) limits() limits {
	return limits{
		"listen": required(that("an address and a port such as 127.0.0.1:9297", isListenAddress)),
		"credentials": required(each(that(fmt.Sprintf("file:PATH, env:NAME or at least %d bytes", MinSecretAccessKey), func(s string) bool {
			return isReference(s) || len(s) >= MinSecretAccessKey
		}))),
		"instances": each(that("an IPv4 or IPv6 address", func(s string) bool {
			_, err := netip.ParseAddr(s)
			return err == nil
		})),
	}
}

func (a *ELBv2API) check(c *checker, path string) {
	for _, id := range slices.Sorted(maps.Keys(a.Credentials)) {
		if !accessKeyShape.MatchString(id) {
			c.refuse(field(path, "credentials."+id), "is no access key id", quote(id), "16 to 128 capital letters and digits")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Instances)) {
		if !instanceShape.MatchString(id) {
			c.refuse(field(path, "instances."+id), "is no instance id", quote(id), "i- and 8 to 17 hex digits")
		}
	}
}
