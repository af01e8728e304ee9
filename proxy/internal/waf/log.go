package waf

import (
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// Log is told of the requests that a rule blocked or counted, as the web ACL's log is on AWS.
// It keeps nothing of what it is given.
type Log interface {
	Judged(d *Decision)
}

// Decision is what became of a request.
type Decision struct {
	Exchange *exchange.Exchange
	Client   netip.Addr
	// Country is the client's, by its ISO 3166 code; empty when it is not known.
	Country string
	Blocked bool
	// Ended is the rule that ended it; nil for the default action.
	Ended *Match
	// Counted are the rules that matched before and counted.
	Counted []Match
	// Oversize are the parts of the request that were not inspected as a whole, in the words of
	// AWS's log.
	Oversize []string
}

// Match is a rule that matched.
type Match struct {
	// Rule is its name.
	Rule string
	// Status is what it blocks with.
	Status int
	// Rate is a rate rule's description, and RateValue the sender that is over the limit.
	Rate      *spec.RateLimit
	RateValue []byte
	// Group is the short name of a managed rule group, and Findings are what matched in it.
	Group    string
	Findings []string
}

// tell tells the log of a request in which rules matched. ended is nil for the default action.
func (f *Firewall) tell(q *query, ended *rule, blocked bool) {
	if f.log == nil || !blocked && len(q.counted) == 0 {
		return
	}
	d := Decision{Exchange: q.x, Client: q.client, Blocked: blocked, Oversize: q.oversize}
	if f.countries != nil {
		d.Country, _ = f.countries.of(q.client) // a line without it is better than none
	}
	if ended != nil {
		m := matchOf(q, ended)
		d.Ended = &m
	}
	for _, r := range q.counted {
		d.Counted = append(d.Counted, matchOf(q, r))
	}
	f.log.Judged(&d)
}

func matchOf(q *query, r *rule) Match {
	m := Match{Rule: r.name, Status: r.status}
	switch by := r.matcher.(type) {
	case *rateLimit:
		m.Rate = &by.spec
		if key, ok := by.key(q); ok {
			m.RateValue = append(m.RateValue, key...) // q.key may be another's next
		}
	case managed:
		m.Group = by.group.name
		for i := range q.findings {
			if by.group.finds(&q.findings[i]) {
				m.Findings = append(m.Findings, q.findings[i].name)
			}
		}
	}
	return m
}
