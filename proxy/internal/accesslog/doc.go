// Package accesslog writes what an Application Load Balancer logs: a line for every
// request, for every client connection and for every health check; and what AWS WAF does.
//
// Logging never waits. A line is put together in memory, in one of several buffers so
// that connections seldom meet there, and a goroutine of the log's own writes the buffers
// out. When the file cannot keep up, lines are dropped and counted; a request is never
// held up by its own record.
//
// Every byte that a client chose is escaped, so that one line in the log is one record,
// whatever was sent.
package accesslog
