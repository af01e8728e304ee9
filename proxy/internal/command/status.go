package command

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

type statusCommand struct {
	adminFlag
	JSON bool `help:"Print JSON."`
}

// Run prints what the process says of itself.
func (c statusCommand) Run(s *streams) error {
	client, ctx, stop := c.client()
	defer stop()
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(s.out)
		out.SetIndent("", "  ")
		return out.Encode(status)
	}
	return admin.FormatStatus(s.out, status)
}
