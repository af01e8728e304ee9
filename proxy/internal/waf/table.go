package waf

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tableShards is how many locks a table has: requests with different keys seldom meet.
	tableShards = 64
	// tableSets and tableWays bound what a table remembers: 131072 keys in 3 MB, more than the
	// 10000 that AWS WAF limits at once.
	tableSets = 256
	tableWays = 8
)

// table counts by key, in a fixed amount of memory. A key has its place in one set of a few
// entries; a new key takes that of the one with the fewest requests, so that a flood of keys
// that come once drives out its like, and not those that are near a limit.
//
// The window is estimated from two counts of fixed windows, the current one and, for the part
// of it that is still in view, the one before. As AWS says of its own, that is not exact: the
// past counts as if it had come evenly.
type table struct {
	window time.Duration
	seed   maphash.Seed
	shards [tableShards]tableShard
}

type tableShard struct {
	mu   sync.Mutex
	sets [tableSets][tableWays]entry
	_    [64]byte
}

// entry is one key's requests.
type entry struct {
	id    uint64 // a hash of the key; 0 for an empty entry
	epoch uint32 // which window now is the count of
	now   uint32
	past  uint32 // of the window before
}

func newTable(window time.Duration) *table {
	return &table{window: window, seed: maphash.MakeSeed()}
}

// hash is keyed by chance, so that nobody finds two keys with the same.
func (t *table) hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

func (t *table) add(key []byte, now time.Time) uint64 {
	epoch, share := place(now, t.window)
	shard, e := t.entry(key, epoch, share)
	defer shard.mu.Unlock()
	e.roll(epoch)
	e.now = increase(e.now, 1)
	return e.estimate(epoch, share)
}

// set replaces a key's counts.
func (t *table) set(key []byte, epoch, now, past uint32) {
	shard, e := t.entry(key, epoch, 0)
	defer shard.mu.Unlock()
	e.epoch, e.now, e.past = epoch, now, past
}

// peek returns the estimate of a key without counting.
func (t *table) peek(key []byte, now time.Time) uint64 {
	id := t.hash(key) | 1
	epoch, share := place(now, t.window)
	shard := &t.shards[id>>58]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for _, e := range shard.sets[id>>32%tableSets] {
		if e.id == id {
			return e.estimate(epoch, share)
		}
	}
	return 0
}

// entry is the key's, a new one if it has none, with its shard locked.
func (t *table) entry(key []byte, epoch uint32, share uint64) (*tableShard, *entry) {
	id := t.hash(key) | 1
	shard := &t.shards[id>>58]
	set := &shard.sets[id>>32%tableSets]
	shard.mu.Lock()
	var e *entry
	fewest := uint64(math.MaxUint64)
	for i := range set {
		if set[i].id == id {
			e = &set[i]
			break
		}
		if n := set[i].estimate(epoch, share); n < fewest {
			e, fewest = &set[i], n
		}
	}
	if e.id != id {
		*e = entry{id: id, epoch: epoch}
	}
	return shard, e
}

// place is the number of the window that now is in, and which part of the one before is
// still in view, in 1/65536.
func place(now time.Time, window time.Duration) (epoch uint32, share uint64) {
	ms := now.UnixMilli()
	length := window.Milliseconds()
	return uint32(ms / length), uint64(length-ms%length) << 16 / uint64(length)
}

// roll makes now the count of epoch. A clock that was set back goes on in the latest window.
func (e *entry) roll(epoch uint32) {
	switch ahead := int32(epoch - e.epoch); {
	case ahead <= 0:
		return
	case ahead == 1:
		e.past = e.now
	default:
		e.past = 0
	}
	e.epoch, e.now = epoch, 0
}

// estimate is of the window that ends in epoch, when share of the one before is in view.
func (e *entry) estimate(epoch uint32, share uint64) uint64 {
	switch ahead := int32(epoch - e.epoch); {
	case ahead <= 0:
		return uint64(e.now) + uint64(e.past)*share>>16
	case ahead == 1:
		return uint64(e.now) * share >> 16
	}
	return 0
}

// increase adds and stops at the largest number.
func increase(n, by uint32) uint32 {
	if n > math.MaxUint32-by {
		return math.MaxUint32
	}
	return n + by
}

// total counts all requests as one, without a lock.
type total struct {
	window time.Duration
	// windows are the latest ones, by the last bits of their number.
	windows [4]struct {
		epoch atomic.Uint32
		n     atomic.Uint64
	}
}

func newTotal(window time.Duration) *total { return &total{window: window} }

func (t *total) add(_ []byte, now time.Time) uint64 {
	epoch, share := place(now, t.window)
	w := &t.windows[epoch%uint32(len(t.windows))]
	if was := w.epoch.Load(); was != epoch && w.epoch.CompareAndSwap(was, epoch) {
		w.n.Store(0) // what others count between the two is lost: a handful at most
	}
	n := w.n.Add(1)
	before := &t.windows[(epoch-1)%uint32(len(t.windows))]
	if before.epoch.Load() == epoch-1 {
		n += before.n.Load() * share >> 16
	}
	return n
}
