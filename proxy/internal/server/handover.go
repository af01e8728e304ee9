package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
)

const (
	// handoverTimeout bounds the exchange with the other process, which is on this machine.
	handoverTimeout = 5 * time.Second
	// maxHandedOver bounds how many sockets one message may bring: 50 listeners, an ALB's
	// limit, the admin listener and the control API's, with room to spare.
	maxHandedOver = 64
)

// takeOver asks the process that serves at path for its listening sockets, by address.
// Both processes then accept from the same queues, so that not one connection is lost when
// the old one stops. No process at path is not an error: there is nothing to take over.
func takeOver(path string) (map[string]*net.TCPListener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handoverTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(handoverTimeout))
	data := make([]byte, 64<<10)
	rights := make([]byte, unix.CmsgSpace(maxHandedOver*4))
	n, rn, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(data, rights)
	if err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	var addresses []string
	if err := json.Unmarshal(data[:n], &addresses); err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("take over sockets: got %d control messages, want 1: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != len(addresses) {
		return nil, fmt.Errorf("take over sockets: got %d sockets for %d addresses: %w", len(fds), len(addresses), err)
	}
	sockets := map[string]*net.TCPListener{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), addresses[i])
		ln, err := net.FileListener(f)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("take over socket %s: %w", addresses[i], err)
		}
		if tcp, ok := ln.(*net.TCPListener); ok {
			sockets[addresses[i]] = tcp
		}
	}
	return sockets, nil
}

// listen opens a TCP socket, or takes the one that the process before this one left.
func (s *Server) listen(address string) (*net.TCPListener, error) {
	if ln := s.inherited[address]; ln != nil {
		delete(s.inherited, address)
		return ln, nil
	}
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false) // an ALB has none, and every connection would pay for the offer
	ln, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// open is listen for a listener of clients.
func (s *Server) open(address string) (*socket.Listener, error) {
	ln, err := s.listen(address)
	if err != nil {
		return nil, err
	}
	return socket.NewListener(ln)
}

// offer serves the listening sockets at path to the process that will replace this one.
// Only the same user may connect.
func (s *Server) offer(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("offer sockets: %w", err)
	}
	old := unix.Umask(0o177)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return fmt.Errorf("offer sockets: %w", err)
	}
	ln.SetUnlinkOnClose(false) // by then the path is the next process's
	if s.offeredAt, err = os.Lstat(path); err != nil {
		return fmt.Errorf("offer sockets: %w", err)
	}
	s.offered, s.offeredPath = ln, path
	s.background.Go(func() {
		for {
			conn, err := ln.AcceptUnix()
			if err != nil {
				return
			}
			if err := s.handOver(conn); err != nil {
				s.logger.Warn("hand over sockets", slog.Any("error", err))
			}
			_ = conn.Close()
		}
	})
	return nil
}

// replaced reports whether another process offers sockets where this one did.
func (s *Server) replaced() bool {
	now, err := os.Lstat(s.offeredPath)
	return err == nil && !(os.SameFile(now, s.offeredAt) && now.ModTime().Equal(s.offeredAt.ModTime()))
}

// handOver sends every listening socket to the process at the other end.
func (s *Server) handOver(conn *net.UnixConn) error {
	_ = conn.SetDeadline(time.Now().Add(handoverTimeout))
	if s.apiServer != nil {
		// The next process reads the state file as soon as it has the sockets.
		s.apiServer.HandOver(handoverTimeout)
	}
	var addresses []string
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	s.mu.Lock()
	sockets := map[string]func() (int, error){}
	for address, l := range s.listeners {
		sockets[address] = l.socket.Duplicate
	}
	if s.adminSocket != nil {
		sockets[s.env.Proxy.Admin.Listen] = func() (int, error) { return socket.Duplicate(s.adminSocket) }
	}
	if s.apiSocket != nil {
		sockets[s.env.Proxy.ELBv2API.Listen] = func() (int, error) { return socket.Duplicate(s.apiSocket) }
	}
	s.mu.Unlock()
	for address, duplicate := range sockets {
		fd, err := duplicate()
		if err != nil {
			return fmt.Errorf("socket %s: %w", address, err)
		}
		fds = append(fds, fd)
		addresses = append(addresses, address)
	}
	data, err := json.Marshal(addresses)
	if err != nil {
		return err
	}
	if _, _, err = conn.WriteMsgUnix(data, unix.UnixRights(fds...), nil); err == nil {
		s.handedOver.Store(true)
	}
	return err
}
