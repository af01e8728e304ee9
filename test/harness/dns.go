package harness

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a DNS server, over UDP and TCP, that says what the test says.
type DNS struct {
	tb  testing.TB
	udp net.PacketConn
	tcp net.Listener

	mu     sync.Mutex
	zone   map[string][]Record
	rcode  dnsmessage.RCode
	mangle func(tcp bool, answer []byte) [][]byte
	asked  []Asked
}

// Record is one record of a DNS server.
type Record struct {
	TTL uint32
	// One of these: an address, an alias, or a service.
	Address netip.Addr
	Alias   string
	SRV     *dnsmessage.SRVResource
}

// Asked is a question that came.
type Asked struct {
	Name string
	Type dnsmessage.Type
	TCP  bool
}

// Addresses are records of addresses.
func Addresses(ttl uint32, addresses ...string) []Record {
	list := make([]Record, len(addresses))
	for i, a := range addresses {
		list[i] = Record{TTL: ttl, Address: netip.MustParseAddr(a)}
	}
	return list
}

// Service is an SRV record.
func Service(ttl uint32, priority, weight, port uint16, host string) Record {
	return Record{TTL: ttl, SRV: &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(host + ".")}}
}

// NewDNS starts a DNS server on a loopback port that knows no name.
func NewDNS(tb testing.TB) *DNS {
	tb.Helper()
	d := &DNS{tb: tb, zone: map[string][]Record{}}
	for range 10 { // until one port is free for both
		var err error
		if d.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			tb.Fatal(err)
		}
		if d.udp, err = net.ListenPacket("udp", d.tcp.Addr().String()); err == nil {
			break
		}
		_ = d.tcp.Close()
	}
	if d.udp == nil {
		tb.Fatal("no port is free for UDP and TCP")
	}
	tb.Cleanup(func() {
		_ = d.udp.Close()
		_ = d.tcp.Close()
	})
	go d.serveUDP()
	go d.serveTCP()
	return d
}

// Address is host:port.
func (d *DNS) Address() string { return d.tcp.Addr().String() }

// Set makes records all that the server has of a name.
func (d *DNS) Set(name string, records ...Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.zone[strings.ToLower(name)] = records
}

// Fail makes the server answer everything with a code; RCodeSuccess ends it.
func (d *DNS) Fail(rcode dnsmessage.RCode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rcode = rcode
}

// Mangle makes f say what is sent in place of each answer: none, one or several messages.
func (d *DNS) Mangle(f func(tcp bool, answer []byte) [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mangle = f
}

// Asked lists the questions so far.
func (d *DNS) Asked() []Asked {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Asked(nil), d.asked...)
}

func (d *DNS) serveUDP() {
	b := make([]byte, 4096)
	for {
		n, from, err := d.udp.ReadFrom(b)
		if err != nil {
			return
		}
		for _, answer := range d.answers(b[:n], false) {
			_, _ = d.udp.WriteTo(answer, from)
		}
	}
}

func (d *DNS) serveTCP() {
	for {
		c, err := d.tcp.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			for _, answer := range d.answers(b, true) {
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
		}()
	}
}

// answers are the messages that answer a question.
func (d *DNS) answers(question []byte, tcp bool) [][]byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	d.asked = append(d.asked, Asked{Name: name, Type: q.Type, TCP: tcp})
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RCode: d.rcode}, Questions: m.Questions}
	if d.rcode == dnsmessage.RCodeSuccess {
		if !d.collect(&reply, name, q.Type) {
			reply.RCode = dnsmessage.RCodeNameError
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		d.tb.Errorf("DNS answer: %v", err)
		return nil
	}
	if !tcp && len(packed) > 1232 {
		reply.Truncated, reply.Answers = true, nil
		packed, _ = reply.Pack()
	}
	if d.mangle != nil {
		return d.mangle(tcp, packed)
	}
	return [][]byte{packed}
}

// collect appends what the server has, over aliases; false when it has nothing of the name.
func (d *DNS) collect(reply *dnsmessage.Message, name string, kind dnsmessage.Type) bool {
	records, there := d.zone[name]
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Class: dnsmessage.ClassINET}
	for _, r := range records {
		h.TTL = r.TTL
		var body dnsmessage.ResourceBody
		switch {
		case r.Alias != "":
			body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(r.Alias + ".")}
		case r.SRV != nil && kind == dnsmessage.TypeSRV:
			body = r.SRV
		case r.Address.Is4() && kind == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: r.Address.As4()}
		case r.Address.Is6() && kind == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: r.Address.As16()}
		default:
			continue
		}
		reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: h, Body: body})
		if r.Alias != "" && len(reply.Answers) < 20 {
			d.collect(reply, strings.ToLower(r.Alias), kind)
		}
	}
	return there
}
