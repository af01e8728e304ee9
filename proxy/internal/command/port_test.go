package command

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

func TestPortInUseNamesKeyAndFile(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, inUse := net.Listen("tcp", ln.Addr().String())
	address := ln.Addr().String()
	port := ln.Addr().(*net.TCPAddr).Port
	for _, c := range []struct {
		name string
		env  *spec.Environment
		want string
	}{
		{"bind", &spec.Environment{
			LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{{Name: "web", Port: 80}}},
			Proxy:        spec.Proxy{Bind: map[string]string{"web": address}},
		}, "change proxy.bind.web in site.yaml"},
		{"port", &spec.Environment{
			LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{{Name: "other", Port: 1}, {Name: "web", Port: port}}},
		}, "change load_balancer.listeners[1].port, or set proxy.bind.web, in site.yaml"},
		{"admin", &spec.Environment{Proxy: spec.Proxy{Admin: spec.Admin{Listen: address}}}, "change proxy.admin.listen in site.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := startError("site.yaml", c.env, fmt.Errorf("listener web: %w", inUse))
			if !errors.Is(err, inUse) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address+" is in use") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	other := errors.New("another error")
	if err := startError("site.yaml", &spec.Environment{}, other); !errors.Is(err, other) {
		t.Errorf("got %v, want it unchanged", err)
	}
}
