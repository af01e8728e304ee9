package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// report is the page that the tables stand on.
func report(all results, rounds int, length time.Duration) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n<!-- Written by `make bench`. -->\n\n")
	fmt.Fprintf(&b, "CPU microseconds (user and system) per proxied request, median of %d interleaved rounds of %s, each with processes of its own. "+
		"Every proxy has one core and one worker or GOMAXPROCS=1; load (wrk, h2load) and target (nginx) share the other core. "+
		"The ratio compares evenkeel with the better of nginx and HAProxy in the same round: below 1 it costs less than both. "+
		"The floor is a loop over epoll that copies bytes and looks at none.\n\n", rounds, length)
	fmt.Fprintf(&b, "Machine: %s. Versions: %s; %s; Caddy %s. Shipped binary, shipped defaults.\n\n", cpuModel(), firstLine("nginx", "-v"), firstLine("haproxy", "-v"), caddyVersion)
	b.WriteString("| case | nginx | HAProxy | evenkeel | ratio | aim | Caddy | floor |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range all.cases {
		fmt.Fprintf(&b, "| %s: %s | %s | %s | %s | %.2f | %.2f | %s | %s |\n", r.c.name, r.c.title,
			cell(r.micros, "nginx"), cell(r.micros, "haproxy"), cell(r.micros, "evenkeel"), r.against, r.c.bar, cell(r.micros, "caddy"), cell(r.micros, "floor"))
	}
	b.WriteString("\nRequests per second, and the time that 99 % of them take at most, in the same rounds (a proxy that takes all that load and target can give is not busy all the time; in j, evenkeel ends a connection after 10,000 requests, as an ALB does, and h2load makes no new one):\n\n" +
		"| case | nginx | HAProxy | evenkeel |\n|---|---:|---:|---:|\n")
	for _, r := range all.cases {
		fmt.Fprintf(&b, "| %s |", r.c.name)
		for _, name := range []string{"nginx", "haproxy", "evenkeel"} {
			fmt.Fprintf(&b, " %.0f", r.rate[name])
			if r.p99[name] > 0 {
				fmt.Fprintf(&b, ", %v", r.p99[name])
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n## %s: memory of an idle connection\n\nOf %d keep-alive connections that have had one answer each, the proxy's memory without the kernel's:\n\n| nginx | HAProxy | evenkeel |\n|---:|---:|---:|\n", idleCase, idleConnections)
	fmt.Fprintf(&b, "| %.1f KiB | %.1f KiB | %.1f KiB |\n", float64(all.idle["nginx"])/1024, float64(all.idle["haproxy"])/1024, float64(all.idle["evenkeel"])/1024)
	fmt.Fprintf(&b, "\n## %s: added latency at half load\n\nAt %d requests/s, sent on time whether or not earlier ones are answered (h2load --rps); what the target alone takes (%v, %v, %v) is subtracted. The ratio of the 99th percentiles is %.2f; the aim is 1.1.\n\n| | p50 | p99 | p99.9 |\n|---|---:|---:|---:|\n",
		latencyCase, all.latency.rate, all.latency.direct.p50, all.latency.direct.p99, all.latency.direct.p999, all.latency.ratio())
	for _, p := range inCase(benchCase{}) {
		q := all.latency.by[p.name]
		fmt.Fprintf(&b, "| %s | %v | %v | %v |\n", p.name, q.p50, q.p99, q.p999)
	}
	fmt.Fprintf(&b, "\n## %s: one slow target\n\nOf %d targets the last takes %v in place of %v; %d connections.\n\n| proxy | algorithm | p99 | requests/s |\n|---|---|---:|---:|\n", tailCase, tailTargets, tailSlow, tailFast, connections)
	for _, t := range all.tails {
		fmt.Fprintf(&b, "| %s | %s | %v | %.0f |\n", t.proxy, t.algorithm, t.p99, t.rate)
	}
	fmt.Fprintf(&b, "\n## %s: changes\n\nWith 1,000 targets in 100 groups, a reload of the file takes %v. Under the load of case %s, a target is registered and deregistered by the control API every %v, "+
		"with a state file: a change takes %v, the 99th percentile of %d changes is %v. The 99th percentile of requests is %v meanwhile, and %v without changes.\n",
		changeCase, all.change.reload, cases[0].name, registerEvery, all.change.median, all.change.changes, all.change.p99, all.change.disturbed, all.change.calm)
	fmt.Fprintf(&b, "\n## %s: picking and routing as they grow\n\n| what | number | ns |\n|---|---:|---:|\n", scaleCase)
	for _, s := range all.scale {
		fmt.Fprintf(&b, "| %s | %d | %.1f |\n", s.what, s.count, s.nanos)
	}
	fmt.Fprintf(&b, "\n## %s: the functions on AWS\n\nFrom the start of the process to its first question for an event:\n\n| function | median | most | memory | zipped, arm64 |\n|---|---:|---:|---:|---:|\n", functionCase)
	for _, s := range all.functions {
		fmt.Fprintf(&b, "| %s | %v | %v | %d MiB | %.1f MB |\n", s.name, s.median, s.most, s.memory>>20, float64(s.zipped)/1e6)
	}
	return b.String()
}

// cell is empty for a proxy that the case does not measure.
func cell(micros map[string]float64, name string) string {
	v, ok := micros[name]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.1f", v)
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown"
}

func firstLine(command ...string) string {
	out, _ := exec.Command(command[0], command[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
