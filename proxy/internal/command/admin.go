package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/spec"
)

// defaultAdmin is the default of proxy.admin.listen.
const defaultAdmin = spec.DefaultAdminListen

// adminFlag is how commands find the process that they ask.
type adminFlag struct {
	Admin string `env:"EVENKEEL_ADMIN" default:"${admin}" placeholder:"HOST:PORT" help:"Admin listener of the process, its proxy.admin.listen. Default: ${default}."`
}

// userFlag is how commands sign in to a process that has proxy.admin.users. A password on a
// command line would be seen by everybody on the machine.
type userFlag struct {
	adminFlag
	signInFlag
}

// signInFlag is the user and the password.
type signInFlag struct {
	User         string `env:"EVENKEEL_USER" placeholder:"NAME" help:"One of proxy.admin.users. Its password is in EVENKEEL_PASSWORD or in --password-file."`
	PasswordFile string `env:"EVENKEEL_PASSWORD_FILE" type:"path" placeholder:"FILE" help:"File whose first line is the password."`
}

// client is adminFlag's with the user.
func (f userFlag) client() (admin.Client, context.Context, context.CancelFunc, error) {
	password, err := f.password()
	if err != nil {
		return admin.Client{}, nil, nil, err
	}
	client, ctx, stop := f.adminFlag.client()
	client.User, client.Password = f.User, password
	return client, ctx, stop, nil
}

// password is the one given; empty only without a user.
func (f signInFlag) password() (string, error) {
	if f.PasswordFile == "" {
		password := os.Getenv("EVENKEEL_PASSWORD")
		if f.User != "" && password == "" {
			return "", fmt.Errorf("password of %s is missing (want it in EVENKEEL_PASSWORD or --password-file)", f.User)
		}
		return password, nil
	}
	text, err := os.ReadFile(f.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	password, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(password, "\r"), nil
}

// client returns a client of the admin listener and a context that ends at Ctrl-C.
func (f adminFlag) client() (admin.Client, context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	return admin.Client{Addr: f.Admin}, ctx, stop
}
