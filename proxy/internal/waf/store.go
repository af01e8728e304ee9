package waf

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// shareInterval is how often counts go to Redis, and those of others come back.
	shareInterval = 500 * time.Millisecond
	// shareTimeout bounds one exchange with Redis, and sharePipeline the keys in it.
	shareTimeout  = time.Second
	sharePipeline = 1000
	// pendingShards and maxPending bound the keys that wait to be shared: 65536 for each rule.
	// Requests of others are counted here only.
	pendingShards = 16
	maxPending    = 4096
)

// Store shares the counts of rates with other proxies, through Redis. Requests never wait for
// it: they are counted here, and a goroutine tells Redis and brings what others have counted.
type Store struct {
	client *redis.Client
	logger *slog.Logger
	// prefix is how its keys begin, and proxy tells this process from the others.
	prefix, proxy string
	firewall      atomic.Pointer[Firewall]
	unshared      atomic.Uint64
	away          bool // of Run alone
	stop          context.CancelFunc
	done          chan struct{}
}

// NewStore begins to share by the Redis at a URL: redis:// or rediss://. Keys begin with prefix.
func NewStore(url, prefix string, logger *slog.Logger) (*Store, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	logging.Disable() // it would write to standard error; what goes wrong is told here
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = shareTimeout, shareTimeout, shareTimeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries, options.DialerRetries = -1, 1
	options.PoolSize = 1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{client: redis.NewClient(options), logger: logger, prefix: prefix, proxy: rand.Text(), stop: stop, done: make(chan struct{})}
	go s.run(ctx)
	return s, nil
}

// Close ends sharing; what has not been shared is lost. A nil Store has nothing to end.
func (s *Store) Close() error {
	if s == nil {
		return nil
	}
	s.stop()
	<-s.done
	return s.client.Close()
}

// Serve makes f the firewall whose counts are shared.
func (s *Store) Serve(f *Firewall) {
	if s != nil {
		s.firewall.Store(f)
	}
}

// Unshared returns how many requests other proxies have not been told of, because Redis was
// away or the senders were too many.
func (s *Store) Unshared() uint64 { return s.unshared.Load() }

func (s *Store) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(shareInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.share(ctx)
		}
	}
}

// share exchanges counts for every rule. What cannot be told now is not told later: it would
// be of the past.
func (s *Store) share(ctx context.Context) {
	f := s.firewall.Load()
	if f == nil {
		return
	}
	var failed error
	for i := range f.rules {
		r, ok := f.rules[i].matcher.(*rateLimit)
		if !ok {
			continue
		}
		m, ok := r.meter.(*sharedMeter)
		if !ok {
			continue
		}
		for batch := m.take(); len(batch) > 0; {
			n := min(len(batch), sharePipeline)
			if failed == nil {
				failed = s.exchange(ctx, m, batch[:n])
			}
			if failed != nil {
				for _, c := range batch[:n] {
					s.unshared.Add(c.n)
				}
			}
			batch = batch[n:]
		}
	}
	if ctx.Err() != nil {
		return
	}
	switch away := failed != nil; {
	case away && !s.away:
		s.logger.Warn("rates are not shared: Redis is away", "error", failed)
		s.away = true
	case !away && s.away && s.client.Ping(ctx).Err() == nil:
		s.logger.Info("rates are shared again")
		s.away = false
	}
}

// exchange tells of some counts and learns those of others. A key in Redis is a hash of one
// sender's requests in one window, by proxy.
func (s *Store) exchange(ctx context.Context, m *sharedMeter, batch []pending) error {
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	pipe := s.client.Pipeline()
	now, past := make([]*redis.MapStringStringCmd, len(batch)), make([]*redis.MapStringStringCmd, len(batch))
	for i, c := range batch {
		name := m.name(s.prefix, c.key)
		at := name + ":" + strconv.FormatUint(uint64(c.epoch), 10)
		pipe.HIncrBy(ctx, at, s.proxy, int64(c.n))
		pipe.Expire(ctx, at, 2*m.window+time.Minute)
		now[i] = pipe.HGetAll(ctx, at)
		past[i] = pipe.HGetAll(ctx, name+":"+strconv.FormatUint(uint64(c.epoch-1), 10))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for i, c := range batch {
		m.others.set([]byte(c.key), c.epoch, s.ofOthers(now[i].Val()), s.ofOthers(past[i].Val()))
	}
	return nil
}

// ofOthers adds up what other proxies have counted.
func (s *Store) ofOthers(counts map[string]string) uint32 {
	var sum uint32
	for proxy, text := range counts {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil && proxy != s.proxy {
			sum = increase(sum, uint32(n))
		}
	}
	return sum
}

// sharedMeter adds to what is counted here what others were last known to have counted.
type sharedMeter struct {
	meter
	store  *Store
	rule   string
	window time.Duration
	others *table
	shards [pendingShards]pendingShard
}

type pendingShard struct {
	mu sync.Mutex
	m  map[pendingKey]uint64
}

type pendingKey struct {
	key   string
	epoch uint32
}

// pending is a count that has not been shared.
type pending struct {
	pendingKey
	n uint64
}

func newSharedMeter(local meter, store *Store, rule string, window time.Duration) *sharedMeter {
	return &sharedMeter{meter: local, store: store, rule: rule, window: window, others: newTable(window)}
}

func (m *sharedMeter) add(key []byte, now time.Time) uint64 {
	epoch, _ := place(now, m.window)
	shard := &m.shards[m.others.hash(key)%pendingShards]
	shard.mu.Lock()
	n, known := shard.m[pendingKey{string(key), epoch}]
	if known || len(shard.m) < maxPending {
		if shard.m == nil {
			shard.m = map[pendingKey]uint64{}
		}
		shard.m[pendingKey{string(key), epoch}] = n + 1
	} else {
		m.store.unshared.Add(1)
	}
	shard.mu.Unlock()
	return m.meter.add(key, now) + m.others.peek(key, now)
}

// take returns what has been counted since the last time.
func (m *sharedMeter) take() []pending {
	var list []pending
	for i := range m.shards {
		shard := &m.shards[i]
		shard.mu.Lock()
		counts := shard.m
		shard.m = nil
		shard.mu.Unlock()
		for key, n := range counts {
			list = append(list, pending{key, n})
		}
	}
	return list
}

// name is the key in Redis of a sender. It is a hash, since a sender may be told apart by what
// nobody else should know.
func (m *sharedMeter) name(prefix, key string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", m.rule, key))
	return prefix + ":" + hex.EncodeToString(sum[:16])
}
