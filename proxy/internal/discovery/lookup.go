package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// lookupTimeout bounds a look-up with all its questions.
	lookupTimeout = 30 * time.Second
	// rounds is how often each server is asked before a question has failed.
	rounds = 2
	// parallel bounds how many hosts of a service are asked for at a time.
	parallel = 8
	// maxHostAddresses bounds the addresses of each family that one of several hosts has: with
	// maxRecords hosts, what is kept of them.
	maxHostAddresses = 16
)

// Query is what is looked up, and how.
type Query struct {
	// Name whose addresses are targets; with SRV that of a service, such as _http._tcp.web.internal.
	Name string
	SRV  bool
	// Port of the targets; a service brings its own.
	Port uint16
	// Interval between look-ups; 0: as long as the records live.
	Interval time.Duration
	// Resolvers are the servers to ask, host:port; none: the machine's.
	Resolvers []string
}

func (q *Query) same(other *Query) bool {
	return q.Name == other.Name && q.SRV == other.SRV && q.Port == other.Port && q.Interval == other.Interval && slices.Equal(q.Resolvers, other.Resolvers)
}

// families are the types of addresses.
var families = [...]dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}

// host is what is known of a name: the addresses of each family as last answered.
type host [len(families)][]netip.Addr

func (h *host) addresses() []netip.Addr {
	if h == nil {
		return nil
	}
	return slices.Concat(h[:]...)
}

// shorten leaves most addresses of each family, the same ones of the same answer in whatever
// order.
func (h *host) shorten(most int) {
	for i := range h {
		if len(h[i]) > most {
			slices.SortFunc(h[i], netip.Addr.Compare)
			h[i] = slices.Clone(h[i][:most])
		}
	}
}

// lookup looks one query up again and again, and remembers what the hosts were: a question
// that fails leaves of them what is known.
type lookup struct {
	query Query
	ask   func(ctx context.Context, server string, q Question) (Answer, error)
	hosts map[string]*host
}

// do asks once. Targets may come beside an error, when some of the answers are those of
// before; none at all say that nothing is known now.
func (l *lookup) do(ctx context.Context) ([]Target, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	servers := l.query.Resolvers
	if len(servers) == 0 {
		var err error
		if servers, err = systemServers(); err != nil {
			return nil, 0, err
		}
	}
	if !l.query.SRV {
		ttl, err := l.find(ctx, servers, []string{l.query.Name})
		return atPort(l.hosts[l.query.Name].addresses(), l.query.Port), ttl, err
	}
	a, err := l.question(ctx, servers, Question{l.query.Name, dnsmessage.TypeSRV})
	if err == nil && len(a.Services) == 0 {
		err = ErrNone
	}
	if err != nil {
		return nil, 0, about(l.query.Name, err)
	}
	var names []string
	for i := range a.Services {
		a.Services[i].Host = strings.ToLower(a.Services[i].Host)
		names = append(names, a.Services[i].Host)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	ttl, err := l.find(ctx, servers, names)
	for name := range l.hosts {
		if _, there := slices.BinarySearch(names, name); !there {
			delete(l.hosts, name)
		}
	}
	return ofServices(a.Services, func(name string) []netip.Addr { return l.hosts[name].addresses() }), min(ttl, a.TTL), err
}

// find asks for the addresses of all names and remembers them. It returns for how long, and
// the first error.
func (l *lookup) find(ctx context.Context, servers, names []string) (time.Duration, error) {
	found := make([]host, len(names))
	ttls := make([]time.Duration, len(names))
	errs := make([]error, len(names))
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		known := l.hosts[name]
		all.Go(func() {
			defer func() { <-slots }()
			found[i], ttls[i], errs[i] = l.one(ctx, servers, name, known)
		})
	}
	all.Wait()
	shortest := maxPause
	for i, name := range names {
		if len(names) > 1 {
			found[i].shorten(maxHostAddresses)
		}
		l.hosts[name] = &found[i]
		shortest = min(shortest, ttls[i])
	}
	at := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if at < 0 {
		return shortest, nil
	}
	return shortest, errs[at]
}

// one asks for the addresses of a name. A family that has none counts as such only beside one
// that has some.
func (l *lookup) one(ctx context.Context, servers []string, name string, known *host) (host, time.Duration, error) {
	var now host
	var answers [len(families)]Answer
	var errs [len(families)]error
	var both sync.WaitGroup
	for i, family := range families {
		both.Go(func() { answers[i], errs[i] = l.question(ctx, servers, Question{name, family}) })
	}
	both.Wait()
	none, ttl := 0, maxPause
	var failed error
	for i := range families {
		switch {
		case errs[i] == nil:
			now[i] = answers[i].Addresses
			ttl = min(ttl, answers[i].TTL)
		case errors.Is(errs[i], ErrNone):
			none++
		default:
			failed = errs[i]
			if known != nil {
				now[i] = known[i]
			}
		}
	}
	if none == len(families) {
		failed = ErrNone
	}
	if none > 0 && failed != nil && known != nil {
		now = *known // nobody says that there is anything now
	}
	if failed != nil {
		failed = about(name, failed)
	}
	return now, ttl, failed
}

// about says of which name an error is.
func about(name string, err error) error { return fmt.Errorf("look up %s: %w", name, err) }

// question asks one server after the other until one knows.
func (l *lookup) question(ctx context.Context, servers []string, q Question) (Answer, error) {
	var last error
	for range rounds {
		for _, server := range servers {
			a, err := l.ask(ctx, server, q)
			if err == nil || errors.Is(err, ErrNone) {
				return a, err
			}
			last = err
			if ctx.Err() != nil {
				return Answer{}, last
			}
		}
	}
	return Answer{}, last
}
