package command

import (
	"context"
	"os"
	"os/signal"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/spec"
)

// defaultAdmin is the default of proxy.admin.listen.
const defaultAdmin = spec.DefaultAdminListen

// adminFlag is how commands find the process that they ask.
type adminFlag struct {
	Admin string `env:"EVENKEEL_ADMIN" default:"${admin}" placeholder:"HOST:PORT" help:"Admin listener of the process, its proxy.admin.listen. Default: ${default}."`
}

// client returns a client of the admin listener and a context that ends at Ctrl-C.
func (f adminFlag) client() (admin.Client, context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	return admin.Client{Addr: f.Admin}, ctx, stop
}
