package discovery

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// What tests look at from outside.
var (
	AtPort      = atPort
	OfServices  = ofServices
	Pause       = pause
	ParseAnswer = parseAnswer
	ErrOther    = errOther
)

// Servers lists the servers of a resolv.conf.
func Servers(r io.Reader) []string { return parseServers(r) }

// MaxRecords is the most that is taken of an answer, MaxHostAddresses of each host of a service.
const (
	MaxRecords       = maxRecords
	MaxHostAddresses = maxHostAddresses
)

// Lookup is a query that is looked up once and again.
type Lookup struct{ lookup }

// NewLookup returns one that knows nothing yet.
func NewLookup(q Query) *Lookup {
	return &Lookup{lookup{query: q, ask: Ask, hosts: map[string]*host{}}}
}

// Do looks up once.
func (l *Lookup) Do(ctx context.Context) ([]Target, time.Duration, error) { return l.do(ctx) }

// At is a target of weight 1.
func At(address string) Target { return Target{Address: netip.MustParseAddrPort(address), Weight: 1} }
