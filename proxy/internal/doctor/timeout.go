package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
)

// cut is a timeout that cuts.
type cut struct {
	count func(telemetry.Cuts) uint64
	what  string
	// path, value and change are of the setting.
	path, value, change string
}

// cutShare is the share of requests that timeouts may cut.
const cutShare = 0.001

// timeouts looks for requests that a timeout cut.
func timeouts(g *group, r *Report) {
	p := recent(g.Telemetry)
	for _, c := range g.cuts() {
		n := c.count(p.cuts)
		if n < leastExpected || atLeast(n, p.requests) < cutShare {
			continue
		}
		f := Finding{
			Case:   Timeouts,
			What:   fmt.Sprintf("%d of %d requests (%s) %s", n, p.requests, percent(float64(n), float64(p.requests)), c.what),
			Path:   c.path,
			Change: c.change,
		}
		f.Evidence = append(f.Evidence, "counted "+p.text)
		if c.value != "" {
			f.Evidence = append(f.Evidence, c.value)
		}
		var hit []*admin.TargetStats
		for i := range g.Targets {
			if c.count(g.Targets[i].Telemetry.Totals.Cuts) > 0 {
				hit = append(hit, &g.Targets[i])
			}
		}
		f.Evidence = append(f.Evidence, "since they were registered: "+list(hit, func(t *admin.TargetStats) string {
			return fmt.Sprintf("%s %d of %d", t.ID, c.count(t.Telemetry.Totals.Cuts), t.Telemetry.Totals.Requests)
		}))
		if w := longest(g.Telemetry); w.P99 > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("time to the first byte of an answer in the last %s: half within %.0f ms, 95 %% within %.0f ms, 99 %% within %.0f ms", duration(w.Seconds), w.P50, w.P95, w.P99))
		}
		if len(hit) == 1 && len(g.Targets) > 1 {
			f.Change = fmt.Sprintf("only %s is concerned: look there first. Else %s", hit[0].ID, f.Change)
		}
		g.add(r, f)
	}
	g.queue(r)
}

// queue looks for requests that waited too long for room at a target.
func (g *group) queue(r *Report) {
	q := g.in.Process.Queues[g.Name]
	all := g.Telemetry.Totals.Requests + q.TimedOut
	if q.TimedOut < leastExpected || atLeast(q.TimedOut, all) < cutShare || g.spec == nil {
		return
	}
	g.add(r, Finding{
		Case: Timeouts,
		What: fmt.Sprintf("%d of %d requests (%s) were answered with 503 because they waited too long for room at a target", q.TimedOut, all, percent(float64(q.TimedOut), float64(all))),
		Evidence: []string{
			"counted since " + g.Telemetry.Since.UTC().Format("2006-01-02 15:04:05 MST"),
			fmt.Sprintf("the queue's timeout is %s", span(g.spec.ProxyOnly.Queue.Timeout)),
			"under way: " + list(g.serving(), func(t *admin.TargetStats) string { return fmt.Sprintf("%s %d", t.ID, t.Outstanding) }),
		},
		Path:   g.at("proxy_only.queue.timeout"),
		Change: "add targets, or raise max_connections if they can take more; a longer queue.timeout lets clients wait instead",
	})
}

// cuts lists the timeouts that a request to the group can run into, in its order.
func (g *group) cuts() []cut {
	const idleKey = "load_balancer.attributes.idle_timeout"
	idle := g.in.Environment.LoadBalancer.Attributes.IdleTimeout
	var own spec.ProxyOnly
	if g.spec != nil {
		own = g.spec.ProxyOnly
	}
	// setting is the group's own timeout, or the load balancer's in its place.
	setting := func(key string, value time.Duration) (path, text string) {
		if value > 0 {
			return g.at("proxy_only." + key), fmt.Sprintf("%s is %s", key, span(value))
		}
		return idleKey, fmt.Sprintf("idle_timeout is %s, and the group has no %s of its own", span(idle), key)
	}
	send, sendText := setting("send_timeout", own.SendTimeout)
	read, readText := setting("read_timeout", own.ReadTimeout)
	tunnel, tunnelText := setting("tunnel_timeout", own.TunnelTimeout)
	idleText := fmt.Sprintf("idle_timeout is %s", span(idle))
	longer := "raise " + read[strings.LastIndexByte(read, '.')+1:]
	return []cut{
		{
			func(c telemetry.Cuts) uint64 { return c.Connect }, "found no connection to a target in time",
			g.at("proxy_only.connect_timeout"), fmt.Sprintf("connect_timeout is %s", span(own.ConnectTimeout)),
			"targets do not accept connections: look for a firewall that drops packets, a wrong address, or a queue of connections that is full; a longer connect_timeout only makes clients wait",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.TLS }, "found no TLS session with a target in time",
			g.at("protocol"), "",
			"see whether the targets' port speaks TLS at all, and whether they have processor time for handshakes; the time for one is fixed, as on an ALB",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Send }, "were given up because the target took no more of the request",
			send, sendText,
			"the target reads too slowly: let it read bodies while it works, or raise " + send[strings.LastIndexByte(send, '.')+1:],
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Answer }, "were answered with 504 because the target did not begin to answer",
			read, readText,
			longer + " above what the slowest good answer takes, or let long work be done behind a queue",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Body }, "were cut in the middle of an answer because the target fell silent",
			read, readText,
			longer + ", or let streams send something (a comment line in server-sent events) more often than that",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Client }, "were given up because the client fell silent in its request's body, or sent it too slowly",
			idleKey, idleText,
			"raise idle_timeout if these clients upload over bad lines",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Tunnel }, "were WebSockets or other tunnels that ended because both sides fell silent",
			tunnel, tunnelText,
			"let the application or the client ping more often than that, or raise proxy_only.tunnel_timeout",
		},
		{
			func(c telemetry.Cuts) uint64 { return c.Kept }, "failed with 502 because the target had closed the idle connection that they were sent on",
			idleKey, idleText + ": so long are connections to targets kept",
			"make the target's own keep-alive timeout longer (gunicorn --keep-alive, nginx keepalive_timeout), or idle_timeout shorter than it; proxy_only.retries repeats what may be repeated",
		},
	}
}
