package elbv2api_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
)

var update = flag.Bool("update", false, "write the files that are generated from the source")

// introduction is what the tables do not say.
const introduction = `# The control API

<!-- Made from the table of actions in proxy/internal/elbv2api by ` + "`go test ./proxy/internal/elbv2api -update`" + `. -->

With ` + "`proxy.elbv2_api.listen`" + ` the container speaks the API of Elastic Load Balancing v2, version 2015-12-01, in the
AWS Query protocol. Clients take it as their endpoint:

` + "```sh" + `
aws elbv2 describe-target-health --endpoint-url http://127.0.0.1:9297 --target-group-arn "$arn"
` + "```" + `

**What is changed** takes effect in the load balancer at once, or not at all, and is in ` + "`state_file`" + ` before the
answer is sent. It is laid over what the environment file declares, which is shown, tagged ` + "`evenkeel:declared`" + `, and
refused for change and deletion with ` + "`OperationNotPermitted`" + `; registering and deregistering targets is what the API is
for, and the file's targets are no exception. A new file that does not go with what the API made is refused like
any other file with errors.

**One container is one load balancer.** If the file declares listeners, it is the file's, and the API may add listeners,
rules and target groups. If it declares none, ` + "`CreateLoadBalancer`" + ` makes it and gives it its name.

**Names.** Listeners that the API makes are called by protocol and port, ` + "`http-80`, `https-443`" + `, and
` + "`proxy.bind`" + ` says by that name where they really listen.

**Signatures** (version 4, in the Authorization header) are checked against ` + "`credentials`" + `: for the service
` + "`elasticloadbalancing`" + `, any region, at most 15 minutes old or ahead. Session tokens and signatures in the query string are
not taken. A change is taken once for each signature: a second one, and one that was signed before the last second that
` + "`state_file`" + ` knows of changes (without such a file, before the process began), is answered with ` + "`Throttling`" + `,
upon which SDKs sign anew. Without credentials the API listens on loopback addresses only, takes requests of everyone
there, and refuses those of web pages.

**Keys.** Each container has keys of its own, made up for it, never those of an AWS account: a container takes what
is signed for whatever host, so that a change of one that was overheard is good for another with the same key, and
whoever reads an account's key in a container can use it on AWS.

**Connections** are as many as 128, from one address at most 64, and speak HTTP/1.1. One more from that address has an
idle one closed. One that has not brought a good signature is closed with the answer.

**Two processes.** One has the state file at a time. One that hands its sockets over (` + "`proxy.handover_socket`" + `)
answers everything with ` + "`ServiceUnavailable`" + ` from there on; if after 5 seconds no other process has the state file, it
goes on. One that drains answers changes so.

**Bounds.** The state file takes 16 MiB at most: what would make it larger is refused with ` + "`ValidationError`" + `.

**Targets.** An instance has the address that ` + "`instances`" + ` or ` + "`instance_resolver`" + ` says when it is registered; a
target of the file can be named by its id or its address. Deregistered, it drains for the whole deregistration delay,
as AWS shows it, and is ` + "`unused`, `Target.NotRegistered`" + ` after it.

**Refusals** have AWS's codes and statuses. Parameters that are not known here are refused, not left out.
Markers of pages name the last element, so that what is deleted in between makes none be missed.
`

func TestReferenceIsFresh(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(introduction)
	operations := elbv2api.Operations()
	slices.SortFunc(operations, func(a, b elbv2api.Operation) int { return cmp.Compare(a.Name, b.Name) })
	for _, kind := range []struct{ kind, title string }{
		{elbv2api.Supported, "Supported"},
		{elbv2api.Shown, "Accepted and shown"},
		{elbv2api.NotThere, "Not there"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n", kind.title)
		switch kind.kind {
		case elbv2api.Shown:
			b.WriteString("These change what is shown, and nothing else.\n\n")
		case elbv2api.NotThere:
			b.WriteString("AWS has these. They are answered as an action that nobody has: `InvalidAction`.\n\n")
		}
		b.WriteString("| action | |\n|---|---|\n")
		for _, o := range operations {
			if o.Kind == kind.kind {
				fmt.Fprintf(&b, "| [%s](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_%s.html) | %s |\n", o.Name, o.Name, o.Note)
			}
		}
	}
	b.WriteString("\n## Attributes\n")
	attributes := elbv2api.Attributes()
	for _, noun := range []string{"load balancer", "listener", "target group"} {
		fmt.Fprintf(&b, "\nOf a %s:\n\n", noun)
		for _, key := range attributes[noun] {
			fmt.Fprintf(&b, "- `%s`\n", key)
		}
	}
	name := filepath.Join("..", "..", "..", "docs", "reference", "elbv2-api.md")
	if *update {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the source makes of it: run go test ./proxy/internal/elbv2api -update (%v)", name, err)
	}
}
