package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// report is the page that the table stands on.
func report(results []result, registered registration, starts []functionStart, rounds int, length time.Duration) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n<!-- Written by `make bench`. -->\n\n")
	fmt.Fprintf(&b, "CPU microseconds (user and system) per proxied request, median of %d interleaved rounds of %s. "+
		"Every proxy has one core and one worker or GOMAXPROCS=1; load (wrk) and target (nginx) share the other core. "+
		"The ratio compares evenkeel with the better of nginx and HAProxy in the same run: below 1 it costs less than both.\n\n", rounds, length)
	fmt.Fprintf(&b, "Machine: %s. Versions: %s; %s.\n\n", cpuModel(), firstLine("nginx", "-v"), firstLine("haproxy", "-v"))
	b.WriteString("| case | nginx | HAProxy | evenkeel | ratio |\n|---|---:|---:|---:|---:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s: %s | %.1f | %.1f | %.1f | %.2f |\n", r.c.name, r.c.title,
			r.micros["nginx"], r.micros["haproxy"], r.micros["evenkeel"], r.ratio())
	}
	b.WriteString("\nRequests per second in the same rounds:\n\n| case | nginx | HAProxy | evenkeel |\n|---|---:|---:|---:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f |\n", r.c.name, r.rate["nginx"], r.rate["haproxy"], r.rate["evenkeel"])
	}
	fmt.Fprintf(&b, "\nUnder the load of case %s, a target is registered and deregistered by the control API every %v, beside 1,000 targets in 100 groups, "+
		"with a state file: a change takes %v, the 99th percentile of %d changes is %v. The 99th percentile of requests is %v meanwhile, and %v without changes.\n",
		cases[0].name, registerEvery, registered.median, registered.changes, registered.p99, registered.disturbed, registered.calm)
	b.WriteString("\nThe functions, from the start of the process to its first question for an event:\n\n| function | median | most | memory | zipped, arm64 |\n|---|---:|---:|---:|---:|\n")
	for _, s := range starts {
		fmt.Fprintf(&b, "| %s | %v | %v | %d MiB | %.1f MB |\n", s.name, s.median, s.most, s.memory>>20, float64(s.zipped)/1e6)
	}
	return b.String()
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
