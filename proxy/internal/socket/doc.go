// Package socket has TCP connections that are outside the Go runtime's poller, and the poller
// that they have instead.
//
// The runtime's does not tell a connection whether there is anything to read: every wait
// begins with a read that finds nothing, and whoever wants to know whether the peer has left
// has to ask the kernel. Here every connection keeps what the kernel has said of it, edge by
// edge (epoll(7)), so that a proxied request is two reads, two writes, and a share of one
// epoll_wait. A connection is only made known to the poller when it has to be waited for.
//
// A Conn is a net.Conn and keeps to what the net package promises of one: deadlines, a Close
// that ends what waits, errors that wrap os.ErrDeadlineExceeded and net.ErrClosed.
package socket
