package discovery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// askTimeout bounds one question to one server, asking again over TCP included.
	askTimeout = 2 * time.Second
	// udpSize is what a server may answer with over UDP (RFC 9715).
	udpSize = 1232
	// maxMessage is the most that an answer has, over TCP.
	maxMessage = 1 << 16
	// maxOthers is how many messages that are no answer are passed over: whoever sends more is
	// guessing.
	maxOthers = 64
)

// Ask puts a question to a server, host:port, over UDP, and over TCP when the answer is too
// long for that. It takes an answer only from whom it asked: the socket is connected, from a
// port of the kernel's choice, and id and question have to agree (RFC 5452).
func Ask(ctx context.Context, server string, q Question) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	a, err := askOver(ctx, "udp", server, q)
	if errors.Is(err, errTruncated) {
		a, err = askOver(ctx, "tcp", server, q)
	}
	if err != nil && !errors.Is(err, ErrNone) {
		err = fmt.Errorf("server %s: %w", server, err)
	}
	return a, err
}

func askOver(ctx context.Context, network, server string, q Question) (Answer, error) {
	id := uint16(rand.Uint32()) // of the runtime's ChaCha8, which nobody can foresee
	message, err := question(id, q, network == "udp")
	if err != nil {
		return Answer{}, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		return overTCP(conn, message, id, q)
	}
	if _, err := conn.Write(message); err != nil {
		return Answer{}, err
	}
	b := make([]byte, maxMessage)
	for range maxOthers {
		n, err := conn.Read(b)
		if err != nil {
			return Answer{}, err
		}
		if a, err := parseAnswer(b[:n], id, q); !errors.Is(err, errOther) {
			return a, err
		}
	}
	return Answer{}, fmt.Errorf("%d messages came, none of them the answer", maxOthers)
}

// overTCP asks on a connection, where messages have their length in front (RFC 1035, 4.2.2).
func overTCP(conn net.Conn, message []byte, id uint16, q Question) (Answer, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(message)), uint16(len(message)))
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return Answer{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return Answer{}, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, b); err != nil {
		return Answer{}, err
	}
	return parseAnswer(b, id, q)
}

// question packs the message that asks q; over UDP it says how long an answer may be.
func question(id uint16, q Question, udp bool) ([]byte, error) {
	name, err := dnsmessage.NewName(q.Name + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: q.Type, Class: dnsmessage.ClassINET}},
	}
	if udp {
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false); err != nil {
			return nil, err
		}
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	return m.Pack()
}
