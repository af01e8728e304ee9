package command

import "fmt"

type reloadCommand struct{ adminFlag }

// Run makes the process read its file again; a file that is refused has changed nothing.
func (c reloadCommand) Run(s *streams) error {
	client, ctx, stop := c.client()
	defer stop()
	if err := client.Reload(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, "reloaded")
	return err
}
