package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// websocketMessage is a masked text frame of 64 bytes; what carries it looks into none.
var websocketMessage = append([]byte{0x81, 0x80 | 64, 0, 0, 0, 0}, strings.Repeat("x", 64)...)

const websocketHandshake = "GET /ws HTTP/1.1\r\nHost: " + benchHost + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// runEcho is the target of WebSocket connections: it accepts each upgrade and sends back
// what comes. It also answers other requests, which health checks are. It never returns.
func runEcho(listen string) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				request, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				if request.Header.Get("Upgrade") == "" {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					continue
				}
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
				b := make([]byte, 4096)
				for {
					n, err := r.Read(b)
					if err == nil {
						_, err = c.Write(b[:n])
					}
					if err != nil {
						return
					}
				}
			}
		}()
	}
}

// runTalk opens the WebSocket connections and keeps a message on its way on each, for
// length; it prints how many came back.
func runTalk(address string, length time.Duration) error {
	var echoed atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, tunnels)
	opened := make([]net.Conn, 0, tunnels)
	for range tunnels {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := upgrade(c); err != nil {
			return err
		}
		opened = append(opened, c)
	}
	end := time.Now().Add(length)
	for _, c := range opened {
		all.Go(func() {
			b := make([]byte, len(websocketMessage))
			_ = c.SetDeadline(end.Add(5 * time.Second))
			for time.Now().Before(end) {
				_, err := c.Write(websocketMessage)
				if err == nil {
					_, err = io.ReadFull(c, b)
				}
				if err != nil {
					failed <- err
					return
				}
				echoed.Add(1)
			}
		})
	}
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d connections: %w", len(errs), tunnels, errors.Join(errs[0]))
	}
	fmt.Println(echoed.Load(), "echoed")
	return nil
}

// upgrade shakes hands; nothing may follow the answer's head, which is read byte by byte.
func upgrade(c net.Conn) error {
	if _, err := io.WriteString(c, websocketHandshake); err != nil {
		return err
	}
	var head strings.Builder
	for one := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := io.ReadFull(c, one); err != nil {
			return fmt.Errorf("handshake: %w after %q", err, head.String())
		}
		head.Write(one)
	}
	if !strings.HasPrefix(head.String(), "HTTP/1.1 101 ") {
		return fmt.Errorf("handshake: got %q", head.String())
	}
	return nil
}
