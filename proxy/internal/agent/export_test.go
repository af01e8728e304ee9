package agent

import "context"

// NewFakeService is NewService with another systemctl.
func NewFakeService(unit string, systemctl func(ctx context.Context, args ...string) (string, error)) *Service {
	return &Service{unit: unit, systemctl: systemctl}
}
