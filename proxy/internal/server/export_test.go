package server

import (
	"io"
	"net"
)

// WriteMetrics writes what a scrape gets.
func (s *Server) WriteMetrics(w io.Writer) error { return s.metrics.WritePrometheus(w) }

// Replaced reports whether another process has taken over.
func (s *Server) Replaced() bool { return s.replaced() }

// AdminAddr is where the admin listener listens.
func (s *Server) AdminAddr() net.Addr { return s.adminSocket.Addr() }
