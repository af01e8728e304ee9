package command

import "fmt"

type purgeCommand struct {
	userFlag
	Paths []string `arg:"" name:"path" help:"Path whose answers are dropped, of every host and query; with * at the end all paths that begin so. Quote it for the shell."`
}

// Run drops what a process keeps for some paths; those before one that is refused are dropped.
func (c purgeCommand) Run(s *streams) error {
	client, ctx, stop, err := c.client()
	if err != nil {
		return err
	}
	defer stop()
	for _, path := range c.Paths {
		purged, err := client.Purge(ctx, path)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.out, "%s: %d answers dropped\n", path, purged.Answers); err != nil {
			return err
		}
	}
	return nil
}
