package server

import "github.com/evenkeel/evenkeel/proxy/internal/admin"

// NginxStatus counts connections as nginx's stub_status does.
func (s *Server) NginxStatus() admin.NginxStatus {
	accepted, handled, open, requests := s.metrics.Connections()
	status := admin.NginxStatus{Accepted: accepted, Handled: handled, Requests: requests, Active: open}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.count(&status)
	}
	for l := range s.leaving {
		l.count(&status)
	}
	return status
}

// count adds the listener's connections by what they do.
func (l *listener) count(status *admin.NginxStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		reading, writing, waiting := c.doing()
		status.Reading += reading
		status.Writing += writing
		status.Waiting += waiting
	}
}

// doing is what the connection does: how many requests it reads the heads of, how many it
// answers, and whether it waits for one.
func (c *clientConn) doing() (reading, writing, waiting int) {
	c.mu.Lock()
	idling := c.idling
	c.mu.Unlock()
	streams := int(c.streams.Load())
	switch {
	case streams > 0:
		return 0, streams, 0
	case idling, c.multiplexed.Load():
		return 0, 0, 1
	case c.reading.Load():
		return 1, 0, 0
	}
	return 0, 1, 0
}
