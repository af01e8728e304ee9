package command

import "github.com/evenkeel/evenkeel/spec"

type printCommand struct {
	File string `arg:"" help:"The environment file."`
}

// Help is what `evenkeel print --help` adds.
func (printCommand) Help() string {
	return `What is printed loads to the same environment, except that secrets in the open are masked.`
}

// Run prints the effective environment.
func (c printCommand) Run(s *streams) error {
	env, err := spec.Load(c.File)
	if err != nil {
		return err
	}
	return spec.Print(s.out, env)
}
