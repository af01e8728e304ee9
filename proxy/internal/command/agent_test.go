package command_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

func TestAgentWantsOneApplication(t *testing.T) {
	const end = " (evenkeel --help lists the commands)\n"
	for args, want := range map[string]string{
		"agent":                                         "missing flags: --service=UNIT or --pidfile=FILE or --pid=NUMBER",
		"agent --service web --pid 7":                   "--service and --pid can't be used together",
		"agent --pid 7 --signal KILL":                   `agent: --signal: got "KILL", want the name of a signal that lets a process finish, such as TERM or QUIT`,
		"agent --pid 7 --signal hello":                  `agent: --signal: got "hello", want the name of a signal that lets a process finish, such as TERM or QUIT`,
		"agent --pid=-7":                                "agent: --pid: got -7, want the number of a process",
		"agent --pid 7 --maximum 0s":                    "agent: --heartbeat, --maximum and --poll: want times above 0",
		"agent --service web --on-timeout abandon":      `--on-timeout must be one of "continue","retain" but got "abandon"`,
		"agent --service web --heartbeat 300 --poll 5s": `--heartbeat: expected duration but got "300": time: missing unit in duration "300"`,
	} {
		status, stdout, stderr := run(t, t.TempDir(), strings.Fields(args)...)
		if status != 2 || stdout != "" || stderr != "evenkeel: "+want+end {
			t.Errorf("evenkeel %s: status %d, %s%s, want 2, evenkeel: %s", args, status, stdout, stderr, want)
		}
	}
}

// TestAgentReadsWhatInstancesFind holds the names of variables to those that are written to
// the instances.
func TestAgentReadsWhatInstancesFind(t *testing.T) {
	status, help, _ := run(t, t.TempDir(), "agent", "--help")
	text := strings.Join(strings.Fields(help), " ")
	for _, want := range []string{
		"drain ($" + spec.VariableHook + ")", "$AUTO_SCALING_GROUP", "$DRAIN_HEARTBEAT", "$DRAIN_MAXIMUM", "$DRAIN_ON_TIMEOUT",
		spec.DrainContinue + "," + spec.DrainRetain,
	} {
		if status != 0 || !strings.Contains(text, want) {
			t.Errorf("status %d; the help does not say %q", status, want)
		}
	}
	t.Setenv("DRAIN_ON_TIMEOUT", "abandon")
	if status, _, stderr := run(t, t.TempDir(), "agent", "--pid", "7"); status != 2 {
		t.Errorf("status %d, %s", status, stderr)
	}
}
