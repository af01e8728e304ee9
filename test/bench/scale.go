package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// scaled is what one pick of a target or one match of rules costs, as their number grows.
type scaled struct {
	what  string
	count int
	nanos float64
}

func (s scaled) String() string {
	return fmt.Sprintf("%s  %-35s of %4d: %7.1f ns", scaleCase, s.what, s.count, s.nanos)
}

var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark(Pick|Match)/([a-z_]+)/(\d+)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// measureScale runs the benchmarks that picking and routing have beside their code.
func measureScale(ctx context.Context) ([]scaled, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Pick|Match)$", "-benchtime", "200ms",
		"./proxy/internal/balance", "./proxy/internal/routing").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w: %s", err, out)
	}
	var all []scaled
	for _, m := range benchmarkLine.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			return nil, err
		}
		nanos, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			return nil, err
		}
		what := "rules by " + strings.ReplaceAll(m[2], "_", " ") + " that no request meets"
		if m[1] == "Pick" {
			what = "targets by " + m[2]
		}
		all = append(all, scaled{what, n, nanos})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no benchmark ran: %s", out)
	}
	return all, nil
}
