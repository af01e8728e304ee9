package command

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
	"github.com/evenkeel/evenkeel/spec"
)

type checkCommand struct {
	Files []string `arg:"" name:"file" help:"Environment files."`
}

// Help is what `evenkeel check --help` adds.
func (checkCommand) Help() string {
	return `Each problem is a line, file:line:column: path: what is wrong. A line with "warning:" is of
what is legal and likely meant otherwise, of what this program does less than an ALB, or of
files that the edge would need here; it fails nothing. A file without problems is ok.`
}

// Run prints all that is wrong with all files at once.
func (c checkCommand) Run(s *streams) error {
	var verdict error
	said := map[string]bool{} // a base may be that of several files
	say := func(line string) {
		if !said[line] {
			said[line] = true
			fmt.Fprintln(s.out, line)
		}
	}
	for _, file := range c.Files {
		_, problems, warnings := checkEnvironment(file, edge.Warn(filepath.Dir(file)))
		for _, p := range problems {
			say(p.Error())
		}
		for _, w := range warnings {
			say(warning(w))
		}
		if len(problems) > 0 {
			verdict = &exitError{status: exitNo}
			continue
		}
		say(file + ": ok")
	}
	return verdict
}

// checkEnvironment holds a file to what an environment can say and this program can do, and to
// the files that it names.
func checkEnvironment(file string, files spec.Inspection) (env *spec.Environment, problems, warnings spec.Problems) {
	return spec.Check(file, inspectSSLPolicies, spec.WarnOfNotServed, files)
}

// warning is a problem as a line that says that it is none, where compilers say it.
func warning(p spec.Problem) string {
	if p.Path == "" {
		p.What = "warning: " + p.What
	} else {
		p.Path = "warning: " + p.Path
	}
	return p.Error()
}

// inspectSSLPolicies refuses security policies of which crypto/tls can offer nothing and
// warns of those that it offers otherwise than an ALB.
func inspectSSLPolicies(env *spec.Environment, report spec.Report) {
	for i, l := range env.LoadBalancer.Listeners {
		if l.Protocol != spec.ProtocolHTTPS || !tlspolicy.Known(l.SSLPolicy) {
			continue
		}
		path, got := fmt.Sprintf("load_balancer.listeners[%d].ssl_policy", i), fmt.Sprintf("%q", l.SSLPolicy)
		policy, ok := tlspolicy.Lookup(l.SSLPolicy)
		if !ok {
			report.Refuse(path, "has nothing that this program can offer", got, tlspolicy.Nearest(l.SSLPolicy)+", which is nearest")
			continue
		}
		if len(policy.Missing) > 0 {
			report.Warn(path, fmt.Sprintf("is offered without %s: clients that have nothing else cannot connect", strings.Join(policy.Missing, ", ")), got, "")
		}
		if len(policy.Extra) > 0 {
			report.Warn(path, fmt.Sprintf("is offered with %s as well, which the policy does not have", strings.Join(policy.Extra, ", ")), got, "")
		}
	}
}
