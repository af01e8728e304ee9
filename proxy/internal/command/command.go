// Package command is the command line of evenkeel: one file for each subcommand, which
// parses what was asked, has others do it, and turns the outcome into words and an exit
// status.
package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/evenkeel/evenkeel/spec"
)

// Exit statuses of the program.
const (
	exitOK = 0
	// exitNo is the answer no: a file with errors, files that differ, a process that is not
	// healthy, has findings or refused to reload, a server that could not start or run on.
	exitNo = 1
	// exitTrouble is no answer: a wrong command line, for diff a file that cannot be read, for
	// doctor a process that cannot be asked.
	exitTrouble = 2
)

const description = `An Application Load Balancer to run anywhere.

Exit status: 0 when all is well; 1 when the answer is no (a file with errors, files that
differ, a process that is not healthy or has findings, a server that cannot start); 2 when
there is no answer (a wrong command line, a file to compare that cannot be read, a process
to examine that cannot be asked).`

// commandLine is everything that can be asked. The order is that of the help text.
type commandLine struct {
	Serve     serveCommand     `cmd:"" help:"Run the load balancer that an environment file describes."`
	Check     checkCommand     `cmd:"" help:"Say everything that is wrong with environment files."`
	Print     printCommand     `cmd:"" help:"Print an effective environment: defaults, base and file as one, secrets masked."`
	Diff      diffCommand      `cmd:"" help:"Print in what two environments differ in effect."`
	Import    importCommand    `cmd:"" help:"Make an environment file of a configuration of nginx or HAProxy."`
	Schema    schemaCommand    `cmd:"" help:"Print the JSON Schema of environment files, for editors."`
	Rules     rulesCommand     `cmd:"" help:"Print the rules by which Prometheus alerts on what an environment file describes."`
	Dashboard dashboardCommand `cmd:"" help:"Print a Grafana dashboard of what an environment file describes."`
	Status    statusCommand    `cmd:"" help:"Show listeners, target groups and targets of a running process."`
	Top       topCommand       `cmd:"" help:"Watch target groups and targets of a running process, once a second."`
	Target    targetCommand    `cmd:"" help:"Drain a target of a running process, take it out, bring it back, or weigh it."`
	Doctor    doctorCommand    `cmd:"" help:"Look for what is wrong with a running process: spread, health checks, sessions, timeouts."`
	Hash      hashCommand      `cmd:"" name:"hash-password" help:"Print the bcrypt hash of a password, for proxy.admin.users."`
	Reload    reloadCommand    `cmd:"" help:"Make a running process read its environment file again."`
	Purge     purgeCommand     `cmd:"" help:"Drop what the cache of a running process keeps for some paths."`
	Health    healthCommand    `cmd:"" help:"Ask a running process whether it lives, for a container's HEALTHCHECK."`
	Agent     agentCommand     `cmd:"" help:"End the application of an EC2 instance before Auto Scaling ends the instance."`
	Demo      demoCommand      `cmd:"" help:"Run three demo targets and the load balancer in front of them."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// streams are where a command writes: what was asked for, and everything else.
type streams struct {
	out, err io.Writer
}

// exitError ends the program with a status; with a nil error, without a word.
type exitError struct {
	status int
	err    error
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

// Unwrap returns the reason.
func (e *exitError) Unwrap() error { return e.err }

// Main runs the command line args and returns the exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	var line commandLine
	helped := -1
	parser, err := kong.New(&line,
		kong.Name("evenkeel"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		// Kong goes on after help and would complain of what is missing beside it.
		kong.Exit(func(status int) { helped = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"admin": defaultAdmin, "hook": spec.DrainHook},
	)
	if err != nil {
		return complain(stderr, &exitError{exitTrouble, err})
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped >= 0:
		return helped
	case err != nil:
		return complain(stderr, &exitError{exitTrouble, fmt.Errorf("%w (evenkeel --help lists the commands)", err)})
	}
	return complain(stderr, parsed.Run(&streams{stdout, stderr}))
}

// complain says what is wrong, if anything, and returns the status to exit with.
func complain(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	status := exitNo
	if exit, ok := errors.AsType[*exitError](err); ok {
		status = exit.status
		if exit.err == nil {
			return status
		}
	}
	// Problems begin with their file, for editors to find.
	if problems, ok := errors.AsType[spec.Problems](err); ok {
		fmt.Fprintln(stderr, problems)
		return status
	}
	fmt.Fprintf(stderr, "evenkeel: %v\n", err)
	return status
}
