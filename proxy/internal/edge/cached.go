package edge

import (
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/spec"
)

// caches compiles edge.cache.
func (c *compiler) caches(list []spec.CacheBehavior) []*Behavior {
	var behaviors []*Behavior
	for i := range list {
		h := cache.NewHandler(c.kept, cache.NewBehavior(&list[i]))
		if b := c.behavior("edge.cache["+strconv.Itoa(i)+"].path", list[i].Path, h); b != nil {
			behaviors = append(behaviors, b)
		}
	}
	return behaviors
}
