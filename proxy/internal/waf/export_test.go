package waf

import "context"

// Share exchanges counts now.
func (s *Store) Share(ctx context.Context) { s.share(ctx) }

// Limits of what waits to be shared.
const MaxPending = pendingShards * maxPending

// AppendNormalPath is for its fuzz test.
var AppendNormalPath = appendNormalPath
