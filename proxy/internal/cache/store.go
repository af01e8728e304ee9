package cache

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shard is the part of a cache for some keys. Readers share its lock and write nothing but a
// mark, so that a popular answer costs no more than others.
type shard struct {
	mu      sync.RWMutex
	slots   map[string]*slot
	flights map[string]*flight
	// places are the first of the slots of each place.
	places map[string]*slot
	stops  invalidations
	// The slots in the order in which they came, for eviction by SIEVE: the hand moves from the
	// oldest to the newest, takes away the mark of what was used since it last came by, and
	// evicts what was not.
	//
	// https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo
	oldest, newest, hand *slot

	requests [statusCount]atomic.Uint64
	served   atomic.Uint64
	objects  atomic.Int64
	_        [128]byte // keeps the next shard off these cache lines
}

// slot holds the answers to one key.
type slot struct {
	key string
	// place is where the requests went, and path its end, for invalidations and purges.
	place, path string
	// entries differ by what Vary names, the newest first.
	entries []*entry
	// alone is until when requests do not wait for each other.
	alone  time.Time
	marked atomic.Bool
	// older and newer are the neighbours in the shard, before and after those of the place.
	older, newer  *slot
	before, after *slot
	cost          int64
	cache         *Cache
}

func (s *shard) init() {
	s.slots, s.flights, s.places = map[string]*slot{}, map[string]*flight{}, map[string]*slot{}
}

// find returns the entry for a request, held for the caller, and whether requests for its key
// go to the target without waiting for each other. Of two that match the newer is right.
func (s *shard) find(q *request, now time.Time) (e *entry, alone bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sl := s.slots[string(q.key)]
	if sl == nil {
		return nil, false
	}
	if !sl.marked.Load() {
		sl.marked.Store(true)
	}
	alone = now.Before(sl.alone)
	for _, e := range sl.entries {
		if e.matches(q.fields) {
			e.hold()
			return e, alone
		}
	}
	return nil, alone
}

// store keeps an entry in place of those that match the same requests, unless there was a
// purge or an invalidation since it was asked for.
func (c *Cache) store(q *request, e *entry, since moment) {
	s := c.shard(q.place)
	e.used = &c.used
	s.mu.Lock()
	if c.purges.Load() != since.purges || s.stops.had(c.hash(q.place), since.invalidations) {
		s.mu.Unlock()
		return
	}
	e.hold()
	sl := s.slot(c, q)
	kept := make([]*entry, 1, len(sl.entries)+1)
	kept[0] = e
	size := e.cost
	for _, old := range sl.entries {
		if size += old.cost; old.matches(q.fields) || len(kept) == maxVariants || size > c.limit.Load()/slotShare {
			size -= old.cost
			old.release()
			continue
		}
		kept = append(kept, old)
	}
	s.objects.Add(int64(len(kept) - len(sl.entries)))
	sl.entries = kept
	sl.alone = time.Time{}
	s.mu.Unlock()
	c.makeRoom()
}

// letPass has requests for a key not wait for each other for a while. What is kept for it
// stays.
func (c *Cache) letPass(q *request, until time.Time) {
	s := c.shard(q.place)
	s.mu.Lock()
	s.slot(c, q).alone = until
	s.mu.Unlock()
	c.makeRoom()
}

// forget drops an entry, when it is still the one that is kept.
func (c *Cache) forget(q *request, e *entry) {
	s := c.shard(q.place)
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.slots[string(q.key)]
	if sl == nil {
		return
	}
	if at := slices.Index(sl.entries, e); at >= 0 {
		sl.entries = slices.Delete(slices.Clone(sl.entries), at, at+1)
		s.objects.Add(-1)
		e.release()
	}
}

// slot returns the slot of a key, new if need be. s.mu is held.
func (s *shard) slot(c *Cache, q *request) *slot {
	if sl := s.slots[string(q.key)]; sl != nil {
		return sl
	}
	sl := &slot{key: string(q.key), place: string(q.place), cost: int64(slotOverhead + len(q.key) + 2*len(q.place)), cache: c}
	sl.path = sl.place[q.pathAt:]
	sl.older = s.newest
	if s.newest != nil {
		s.newest.newer = sl
	} else {
		s.oldest = sl
	}
	s.newest = sl
	s.slots[sl.key] = sl
	if sl.after = s.places[sl.place]; sl.after != nil {
		sl.after.before = sl
	}
	s.places[sl.place] = sl
	c.used.Add(sl.cost)
	return sl
}

// evict removes the slot that is least worth keeping. It returns false when there is none, or
// when all were used lately and it is not forced: another shard may have one that was not.
func (s *shard) evict(force bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.hand
	for range len(s.slots) {
		if sl == nil {
			sl = s.oldest
		}
		if force || !sl.marked.Swap(false) {
			s.hand = sl.newer
			s.remove(sl)
			return true
		}
		sl = sl.newer
	}
	s.hand = sl
	return false
}

// remove takes a slot out. s.mu is held.
func (s *shard) remove(sl *slot) {
	if s.hand == sl {
		s.hand = sl.newer
	}
	if sl.older != nil {
		sl.older.newer = sl.newer
	} else {
		s.oldest = sl.newer
	}
	if sl.newer != nil {
		sl.newer.older = sl.older
	} else {
		s.newest = sl.older
	}
	switch {
	case sl.before != nil:
		sl.before.after = sl.after
	case sl.after != nil:
		s.places[sl.place] = sl.after
	default:
		delete(s.places, sl.place)
	}
	if sl.after != nil {
		sl.after.before = sl.before
	}
	delete(s.slots, sl.key)
	for _, e := range sl.entries {
		e.release()
	}
	s.objects.Add(-int64(len(sl.entries)))
	sl.cache.used.Add(-sl.cost)
}
