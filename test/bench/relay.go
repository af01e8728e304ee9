package main

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// runRelay is the floor that no proxy gets below: one loop over epoll that connects every
// client to the target and copies bytes, without looking at one. It never returns.
func runRelay(listen, target string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return err
	}
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(
		unix.SetsockoptInt(ln, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(ln, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
		unix.Listen(ln, 4096),
	); err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	r := relay{epoll: ep, listener: ln, target: &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}, peers: map[int]int{}}
	if err := r.watch(ln); err != nil {
		return err
	}
	return r.loop()
}

type relay struct {
	epoll, listener int
	target          *unix.SockaddrInet4
	peers           map[int]int
}

func (r *relay) watch(fd int) error {
	return unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (r *relay) loop() error {
	events := make([]unix.EpollEvent, 256)
	buffer := make([]byte, 256<<10)
	for {
		n, err := unix.EpollWait(r.epoll, events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if int(e.Fd) == r.listener {
				r.accept()
			} else {
				r.copy(int(e.Fd), buffer)
			}
		}
	}
}

// accept connects a new client to the target, which is near and takes it at once.
func (r *relay) accept() {
	client, _, err := unix.Accept4(r.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	target, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(client)
		return
	}
	r.peers[client], r.peers[target] = target, client
	for _, fd := range []int{client, target} {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if errors.Join(unix.Connect(target, r.target), unix.SetNonblock(target, true), r.watch(client), r.watch(target)) != nil {
		r.end(client)
	}
}

// copy moves what has come on fd to its peer. It waits for a peer that is full: with one
// load generator and one target there is nobody else to serve meanwhile.
func (r *relay) copy(fd int, buffer []byte) {
	peer, ok := r.peers[fd]
	if !ok {
		return
	}
	n, err := unix.Read(fd, buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if err != nil || n == 0 {
		r.end(fd)
		return
	}
	for rest := buffer[:n]; len(rest) > 0; {
		m, err := unix.Write(peer, rest)
		switch {
		case errors.Is(err, unix.EAGAIN):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(peer), Events: unix.POLLOUT}}, 1000)
		case err != nil:
			r.end(fd)
			return
		default:
			rest = rest[m:]
		}
	}
}

func (r *relay) end(fd int) {
	peer := r.peers[fd]
	delete(r.peers, fd)
	delete(r.peers, peer)
	_ = unix.Close(fd)
	_ = unix.Close(peer)
}
