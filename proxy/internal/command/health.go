package command

type healthCommand struct {
	adminFlag
	Ready bool `help:"Ask whether at least one target group can serve, not just whether the process lives. Not for a HEALTHCHECK that restarts: restarting a load balancer heals no target."`
}

// Run succeeds without a word when the process is well.
func (c healthCommand) Run() error {
	client, ctx, stop := c.client()
	defer stop()
	if c.Ready {
		return client.Ready(ctx)
	}
	return client.Health(ctx)
}
