package metrics

// Connections tells of client connections and requests since the start: how many connections
// came, how many of these were let in, how many are open, and how many requests ended.
func (s *Set) Connections() (accepted, handled, open, requests uint64) {
	sums := s.sums()
	handled = sums[newConnections]
	open = handled - min(sums[closedConnections], handled)
	return handled + sums[rejectedConnections], handled, open, sums[exchanges]
}

// sums adds up the shards.
func (s *Set) sums() (sums [counterCount]uint64) {
	for i := range s.shards {
		for j := range sums {
			sums[j] += s.shards[i].counters[j].Load()
		}
	}
	return sums
}
