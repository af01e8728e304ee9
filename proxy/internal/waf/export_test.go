package waf

import (
	"context"
	"time"
)

// Share exchanges counts now.
func (s *Store) Share(ctx context.Context) { s.share(ctx) }

// Limits of what waits to be shared.
const MaxPending = pendingShards * maxPending

// AppendNormalPath is for its fuzz test.
var AppendNormalPath = appendNormalPath

// SetTimeout is for inspections on a machine that is slow, or that are to take too long.
func (f *Firewall) SetTimeout(d time.Duration) { f.engine.timeout = d }
