// Package cache keeps answers of targets for the paths of edge.cache: a shared cache by
// RFC 9111 with CloudFront's words for lifetimes and keys, and nginx's for what became of a
// request (X-Cache-Status).
//
// What a target gets to see of a request that a kept answer may come of follows from the
// key: other cookies, parameters of the query and header fields are left out, so that
// nothing a client puts there can show in what others get.
//
// All of it is bounded by one number of bytes, which counts answers, their heads and keys,
// answers on their way in, and answers that were evicted while a slow client reads them.
package cache

import (
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"
)

// Limits of a cache.
const (
	// objectShare is the part of the memory that one answer may take: an eighth.
	objectShare = 8
	// fillShare is the part that answers on their way in may take together: a half. What would
	// take more is passed on and not kept.
	fillShare = 2
	// slotShare is the part that all variants of one key may take.
	slotShare = 4
	// maxVariants bounds the answers to one key that differ by what Vary names.
	maxVariants = 16
	// maxWaiters bounds the requests that wait for the answer to another; more go to the target.
	maxWaiters = 4096
	// maxWait bounds how long they wait: nginx's proxy_cache_lock_timeout.
	maxWait = 5 * time.Second
	// missMemory is how long requests for a key are not made to wait for each other after an
	// answer that could not be kept: else they would go to the target one by one.
	missMemory = 10 * time.Second
	// maxRefreshes bounds the refreshes in the background.
	maxRefreshes = 64
	// shardCount is how many parts have locks of their own.
	shardCount = 64
)

// Cache holds answers for all listeners of a process, over reloads.
type Cache struct {
	seed   maphash.Seed
	shards [shardCount]shard
	// limit is the memory in bytes; used and filling are what answers that are kept, and
	// answers on their way in, take of it.
	limit         atomic.Int64
	used, filling atomic.Int64
	// next is the shard to evict from.
	next      atomic.Uint32
	evictions atomic.Uint64
	// purges counts purges: an answer that was on its way in meanwhile is not kept.
	purges    atomic.Uint64
	refreshes atomic.Int32
	logger    *slog.Logger
}

// New returns an empty cache of so many bytes; 0 keeps nothing. logger is told of what should
// not happen.
func New(memory int64, logger *slog.Logger) *Cache {
	c := &Cache{seed: maphash.MakeSeed(), logger: logger}
	c.limit.Store(memory)
	for i := range c.shards {
		c.shards[i].init()
	}
	return c
}

// SetMemory bounds the cache anew, in bytes.
func (c *Cache) SetMemory(memory int64) {
	c.limit.Store(memory)
	c.makeRoom()
}

// maxObject is the size of the largest answer that is kept.
func (c *Cache) maxObject() int64 { return c.limit.Load() / objectShare }

// reserve takes n bytes for an answer on its way in.
func (c *Cache) reserve(n int64) bool {
	if c.filling.Add(n) > c.limit.Load()/fillShare {
		c.filling.Add(-n)
		return false
	}
	c.makeRoom()
	return true
}

// makeRoom evicts until all fits, or nothing is left to evict. A shard may have little in it, all
// of it used lately: the others are asked first, and once more, as the first round has taken
// their marks away.
func (c *Cache) makeRoom() {
	const patience = 2 * shardCount
	for vain := 0; vain < patience+shardCount && c.used.Load()+c.filling.Load() > c.limit.Load(); {
		if c.shards[c.next.Add(1)%shardCount].evict(vain >= patience) {
			c.evictions.Add(1)
			vain = 0
		} else {
			vain++
		}
	}
}

// shard returns the one that has all that is kept for a place.
func (c *Cache) shard(place []byte) *shard { return &c.shards[c.hash(place)%shardCount] }

func (c *Cache) hash(place []byte) uint64 { return maphash.Bytes(c.seed, place) }

// Status is what became of a request, in nginx's words.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_cache_status
type Status uint8

// The statuses. None is that of a request that the cache has nothing to do with.
const (
	None Status = iota
	// Hit: answered from the cache.
	Hit
	// Miss: nothing was kept; the target answered.
	Miss
	// Bypass: the client wanted the target to answer.
	Bypass
	// Expired: what was kept was too old, and the target sent another.
	Expired
	// Stale: what was kept is too old, and was used as the target could not be asked, or is
	// being asked on account of this request.
	Stale
	// Updating: the same, while the target was being asked on account of another request.
	Updating
	// Revalidated: what was kept was too old, and the target said that it still holds.
	Revalidated
	statusCount
)

var statusNames = [statusCount]string{"", "HIT", "MISS", "BYPASS", "EXPIRED", "STALE", "UPDATING", "REVALIDATED"}

// String is the value of X-Cache-Status.
func (s Status) String() string { return statusNames[s] }

// Stats are the counters and sizes of a cache.
type Stats struct {
	// Requests by Status.
	Requests [statusCount]uint64
	// ServedBytes are the bytes of bodies that came out of the cache.
	ServedBytes uint64
	Evictions   uint64
	// Objects are the answers that are kept, Bytes what they and those on their way in take, and
	// Limit what they may.
	Objects, Bytes, Limit int64
}

// Stats adds up what the cache did.
func (c *Cache) Stats() Stats {
	s := Stats{Evictions: c.evictions.Load(), Bytes: c.used.Load() + c.filling.Load(), Limit: c.limit.Load()}
	for i := range c.shards {
		sh := &c.shards[i]
		for j := range s.Requests {
			s.Requests[j] += sh.requests[j].Load()
		}
		s.ServedBytes += sh.served.Load()
		s.Objects += sh.objects.Load()
	}
	return s
}

// Statuses lists all but None.
func Statuses() []Status {
	return []Status{Hit, Miss, Bypass, Expired, Stale, Updating, Revalidated}
}
