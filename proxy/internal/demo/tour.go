package demo

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// Step is one thing to try.
type Step struct {
	// Title says what it shows.
	Title string
	// Commands are for a shell; what they print is the show.
	Commands []string
	// rule is the name of the listener rule that it needs, or protocol that of a listener;
	// empty for none.
	rule, protocol string
}

// Tour says where things are and what to try.
type Tour struct {
	// Places are names and addresses.
	Places [][2]string
	Steps  []Step
}

// NewTour makes the tour of an environment as far as env has what it shows. program is how
// the reader calls evenkeel, file the environment file it runs.
func NewTour(env *spec.Environment, fleet *Fleet, program, file string) Tour {
	var t Tour
	plain, secure := "", ""
	for _, l := range env.LoadBalancer.Listeners {
		url := strings.ToLower(l.Protocol) + "://" + reach(env, l)
		t.Places = append(t.Places, [2]string{"listener " + l.Name, url + "/"})
		if l.Protocol == spec.ProtocolHTTPS {
			secure = url
		} else if plain == "" {
			plain = url
		}
	}
	t.Places = append(t.Places, [2]string{"admin listener", "http://" + env.Proxy.Admin.Listen + "/"})
	for _, target := range fleet.Targets {
		t.Places = append(t.Places, [2]string{"target " + target.Name, "http://" + target.Addr.String() + "/"})
	}
	if plain == "" {
		plain = secure
	}
	first := "http://" + fleet.Targets[0].Addr.String()
	last := "http://" + fleet.Targets[len(fleet.Targets)-1].Addr.String()
	for _, s := range steps(plain, secure, first, last, env.Proxy.Admin.Listen, program, file) {
		if (s.rule == "" || hasRule(env, s.rule)) && (s.protocol == "" || hasProtocol(env, s.protocol)) {
			t.Steps = append(t.Steps, s)
		}
	}
	return t
}

func steps(plain, secure, first, last, admin, program, file string) []Step {
	status := program + " status"
	if admin != spec.DefaultAdminListen {
		status += " --admin " + admin
	}
	return []Step{
		{Title: "Requests go round", Commands: []string{"for i in 1 2 3 4 5 6; do curl -s " + plain + "/; done"}},
		{Title: "A cookie binds a client to one target", Commands: []string{"for i in 1 2 3 4; do curl -s -c cookies -b cookies " + plain + "/sticky; done"}, rule: "sticky"},
		{Title: "A redirect", Commands: []string{"curl -si '" + plain + "/old/page?q=1'"}, rule: "old"},
		{Title: "A fixed response", Commands: []string{"curl -si " + plain + "/teapot"}, rule: "teapot"},
		{Title: "The target hangs up: 502", Commands: []string{"curl -si " + plain + "/hangup"}},
		{Title: "A target group without targets: 503", Commands: []string{"curl -si " + plain + "/empty"}, rule: "empty"},
		{Title: "A target that takes longer than the idle timeout: 504", Commands: []string{"curl -si '" + plain + "/slow?s=15'"}},
		{Title: "TLS and HTTP/2, with a certificate that nobody trusts", Commands: []string{"curl -sik --http2 " + secure + "/"}, protocol: spec.ProtocolHTTPS},
		{Title: "Events as they come", Commands: []string{"curl -sN '" + plain + "/sse?n=5'"}},
		{Title: "A target fails its health checks, leaves, and comes back with a slow start", Commands: []string{
			"curl -s -X POST " + first + "/break", status, "curl -s -X POST " + first + "/mend",
		}},
		{Title: "A target is gone for half a minute", Commands: []string{"curl -s -X POST '" + last + "/stop?s=30'", status}},
		{Title: "Metrics, by CloudWatch's names", Commands: []string{"curl -s http://" + admin + "/metrics | grep alb_request_count"}},
		{Title: "What is in effect", Commands: []string{program + " print " + file}},
	}
}

// reach is host:port where a client here reaches a listener.
func reach(env *spec.Environment, l spec.Listener) string {
	bind, ok := env.Proxy.Bind[l.Name]
	if !ok {
		return net.JoinHostPort("localhost", fmt.Sprint(l.Port))
	}
	_, port, err := net.SplitHostPort(bind)
	if err != nil {
		return bind
	}
	return net.JoinHostPort("localhost", port)
}

func hasRule(env *spec.Environment, name string) bool {
	for _, l := range env.LoadBalancer.Listeners {
		if slices.ContainsFunc(l.Rules, func(r spec.Rule) bool { return r.Name == name }) {
			return true
		}
	}
	return false
}

func hasProtocol(env *spec.Environment, protocol string) bool {
	return slices.ContainsFunc(env.LoadBalancer.Listeners, func(l spec.Listener) bool { return l.Protocol == protocol })
}

// Write prints the tour for a terminal.
func (t Tour) Write(w io.Writer) error {
	var b strings.Builder
	for _, p := range t.Places {
		fmt.Fprintf(&b, "  %-16s %s\n", p[0], p[1])
	}
	b.WriteString("\nA page, and a WebSocket at /ws.html, are there for browsers. Try in another terminal:\n")
	for _, s := range t.Steps {
		fmt.Fprintf(&b, "\n  # %s\n", s.Title)
		for _, c := range s.Commands {
			fmt.Fprintf(&b, "  %s\n", c)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
