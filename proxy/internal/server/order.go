package server

import (
	"errors"
	"fmt"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/signin"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// Order carries out what an operator asks for.
func (s *Server) Order(o admin.Order) (admin.Change, error) {
	for _, g := range s.registry.Groups() {
		if g.Name != o.TargetGroup || g.Left() {
			continue
		}
		before, after, err := g.Order(o.Target, target.Order{Action: o.Action, Weight: o.Weight, By: o.By})
		if errors.Is(err, target.ErrNoTarget) {
			err = fmt.Errorf("%w: %w", admin.ErrNotFound, err)
		}
		if err != nil {
			return admin.Change{}, err
		}
		s.metrics.Ordered(o.Action)
		return admin.Change{Before: before.String(), After: after.String()}, nil
	}
	return admin.Change{}, fmt.Errorf("%w: target group %q", admin.ErrNotFound, o.TargetGroup)
}

// SignedIn counts sign-ins.
func (s *Server) SignedIn(ok bool) { s.metrics.SignedIn(ok) }

// usersOf reads the users of the admin page, by name with their hashes.
func (s *Server) usersOf(env *spec.Environment) (map[string][]byte, error) {
	users := map[string][]byte{}
	for name, secret := range env.Proxy.Admin.Users {
		hash, err := resolve(string(secret), s.options.Dir)
		if err == nil {
			err = signin.CheckHash(hash)
		}
		if err != nil {
			return nil, fmt.Errorf("proxy.admin.users.%s: %w", name, err)
		}
		users[name] = hash
	}
	return users, nil
}
