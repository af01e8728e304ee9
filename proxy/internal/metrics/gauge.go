package metrics

// GaugeSource knows how things stand now. It is asked at every scrape, from several
// goroutines perhaps.
type GaugeSource interface {
	Gauges() Gauges
}

// Gauges is how things stand.
type Gauges struct {
	// TargetConnections is how many connections to targets are open, idle ones included.
	TargetConnections int
	// Groups has an element for every zone of every target group; several for the same zone
	// are added up.
	Groups []GroupGauges
	// Targets has an element for every target.
	Targets []TargetGauges
	// Loads has an element for every target group.
	Loads []GroupLoad
	// Firewall has an element for every rule of the firewall, in their order.
	Firewall []FirewallRule
	// Cache is edge.cache's; nil without one.
	Cache *CacheGauges
	// Discoveries has an element for every group whose targets are found by DNS.
	Discoveries []DiscoveryGauges
	// Certificates has an element for every certificate of every listener.
	Certificates []CertificateGauges
}

// GroupLoad is what a target group has to do beyond sending requests to targets. All but
// Queued only grow.
type GroupLoad struct {
	TargetGroup                          string
	Queued, QueueTimeouts, QueueRejected float64
	Retried, RetriesRefused              float64
}

func (l *GroupLoad) add(m *GroupLoad) {
	l.Queued += m.Queued
	l.QueueTimeouts += m.QueueTimeouts
	l.QueueRejected += m.QueueRejected
	l.Retried += m.Retried
	l.RetriesRefused += m.RetriesRefused
}

// FirewallRule is what one rule of the firewall has decided so far.
type FirewallRule struct {
	Name string
	// Requests by action: allow, block, count.
	Requests map[string]uint64
}

// GroupGauges counts the targets of one zone of a target group.
type GroupGauges struct {
	TargetGroup string
	// Zone is empty for targets without one.
	Zone string
	// Registered counts all targets that may get requests, whatever their health. Draining
	// targets are in none of the counts.
	Registered int
	Healthy    int
	Unhealthy  int
	// Anomalous targets answer with more errors than their peers; Mitigated ones get fewer
	// requests for it.
	Anomalous int
	Mitigated int
	// FailOpen says that too few targets are healthy, so that all get requests.
	FailOpen bool
}

func (g *GroupGauges) add(h GroupGauges) {
	g.Registered += h.Registered
	g.Healthy += h.Healthy
	g.Unhealthy += h.Unhealthy
	g.Anomalous += h.Anomalous
	g.Mitigated += h.Mitigated
	g.FailOpen = g.FailOpen || h.FailOpen
}

// merge adds up what is about the same zone of the same group.
func merge(list []GroupGauges) map[groupKey]GroupGauges {
	merged := make(map[groupKey]GroupGauges, len(list))
	for _, g := range list {
		key := groupKey{g.TargetGroup, g.Zone}
		sum := merged[key]
		sum.add(g)
		merged[key] = sum
	}
	return merged
}

// share is requests divided by targets, added up over the life of the process: dividing
// the sums would make the past jump whenever a target comes or goes.
type share struct {
	requests uint64 // up to which sum has them
	sum      float64
}

// update adds the requests since the last scrape, spread over the targets of now.
func (s *share) update(requests uint64, targets int) float64 {
	if targets > 0 {
		s.sum += float64(requests-s.requests) / float64(targets)
	}
	s.requests = requests
	return s.sum
}
