// Command estimate prints what an environment costs in a month, from what `cdk synth` wrote.
//
//	estimate -assembly cdk.out
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/evenkeel/evenkeel/infra/cost"
	"github.com/evenkeel/evenkeel/infra/template"
)

func main() {
	assembly := flag.String("assembly", "cdk.out", "the `directory` that cdk synth wrote")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "estimate: got the argument %q, want none but -assembly\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := estimate(os.Stdout, *assembly); err != nil {
		fmt.Fprintln(os.Stderr, "estimate:", err)
		os.Exit(1)
	}
}

func estimate(w io.Writer, dir string) error {
	assembly, err := template.Load(dir)
	if err != nil {
		return err
	}
	prices, err := cost.ListPrices()
	if err != nil {
		return err
	}
	return cost.Write(w, cost.Estimate(assembly, prices), prices)
}
