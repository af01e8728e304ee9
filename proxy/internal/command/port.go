package command

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/evenkeel/evenkeel/proxy/internal/demo"
	"github.com/evenkeel/evenkeel/spec"
)

// startError adds to an error of starting what the reader can do about it: for a port that
// is in use or not allowed, which key of which file asks for it.
func startError(file string, env *spec.Environment, err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Addr == nil {
		return err
	}
	var why string
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "is in use by another program, perhaps another evenkeel"
	case errors.Is(err, syscall.EACCES):
		why = "is not this user's to open"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "is no address of this machine"
	default:
		return err
	}
	key := keyOf(env, op.Addr.String())
	if port, ok := errors.AsType[*demo.PortError](err); ok {
		key = port.Target.Key
	}
	return fmt.Errorf("%s %s; change %s in %s (%w)", op.Addr, why, key, file, err)
}

// keyOf names the key that asks for an address.
func keyOf(env *spec.Environment, address string) string {
	_, port, _ := net.SplitHostPort(address)
	if env.Proxy.Admin.Listen == address {
		return "proxy.admin.listen"
	}
	if env.Proxy.ELBv2API.Listen == address {
		return "proxy.elbv2_api.listen"
	}
	for i, l := range env.LoadBalancer.Listeners {
		if bind, ok := env.Proxy.Bind[l.Name]; ok && bind == address {
			return "proxy.bind." + l.Name
		}
		if fmt.Sprint(l.Port) == port {
			return fmt.Sprintf("load_balancer.listeners[%d].port, or set proxy.bind.%s,", i, l.Name)
		}
	}
	return cmp.Or(port, "the address")
}
