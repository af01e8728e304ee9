package proxyheader_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"github.com/evenkeel/evenkeel/proxy/internal/proxyheader"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 is a header of version 2: version and command, family and transport, and what follows.
func v2(command, family byte, body string) string {
	size := binary.BigEndian.AppendUint16(nil, uint16(len(body)))
	return signature + string([]byte{command, family}) + string(size) + body
}

// tlv is an extension.
func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// summed has a header's checksum filled in, whose extension comes last.
func summed(header string) string {
	b := []byte(header)
	at := len(b) - crc32.Size
	binary.BigEndian.PutUint32(b[at:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return string(b)
}

const (
	four = "\xcb\x00\x71\x05\x0a\x00\x00\x01\x12\x67\x01\xbb" // 203.0.113.5:4711 to 10.0.0.1:443
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x12\x67\x01\xbb"
	none = "invalid AddrPort"
)

// headers are whole ones, and who they name.
var headers = []struct{ name, header, source, destination string }{
	{"version 1, IPv4", "PROXY TCP4 203.0.113.5 10.0.0.1 4711 443\r\n", "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 1, IPv6", "PROXY TCP6 2001:db8::5 2001:db8::1 4711 443\r\n", "[2001:db8::5]:4711", "[2001:db8::1]:443"},
	{"version 1, IPv4 in IPv6", "PROXY TCP6 ::ffff:203.0.113.5 ::ffff:10.0.0.1 4711 443\r\n", "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 1, longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{"version 1, port 0", "PROXY TCP4 203.0.113.5 10.0.0.1 0 0\r\n", "203.0.113.5:0", "10.0.0.1:0"},
	{"version 1, unknown", "PROXY UNKNOWN\r\n", none, none},
	{"version 1, unknown, 107 bytes", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", none, none},
	{"version 2, IPv4", v2(0x21, 0x11, four), "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 2, IPv6", v2(0x21, 0x21, six), "[2001:db8::5]:4711", "[2001:db8::1]:443"},
	{"version 2, extensions", v2(0x21, 0x11, four+tlv(0x04, "")+tlv(0x02, "example.com")), "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 2, checksum", summed(v2(0x21, 0x11, four+tlv(0x02, "a")+tlv(0x03, "\x00\x00\x00\x00"))), "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 2, longest", v2(0x21, 0x11, four+tlv(0x04, strings.Repeat("x", 4096-12-3))), "203.0.113.5:4711", "10.0.0.1:443"},
	{"version 2, local", v2(0x20, 0x00, ""), none, none},
	{"version 2, local with an address", v2(0x20, 0x11, four), none, none},
	{"version 2, local with anything", v2(0x20, 0x32, "x"), none, none},
	{"version 2, unspecified", v2(0x21, 0x00, ""), none, none},
	{"version 2, unspecified with anything", v2(0x21, 0x00, "\xff\xff\xff"), none, none},
}

func TestParse(t *testing.T) {
	for _, c := range headers {
		for _, behind := range []string{"", "GET / HTTP/1.1\r\n", "\n"} {
			h, n, err := proxyheader.Parse([]byte(c.header + behind))
			if err != nil || n != len(c.header) || h.Source.String() != c.source || h.Destination.String() != c.destination {
				t.Errorf("%s: got %v, %d bytes, %v; want %s to %s, %d bytes", c.name, h, n, err, c.source, c.destination, len(c.header))
			}
		}
		for n := range len(c.header) {
			if h, used, err := proxyheader.Parse([]byte(c.header[:n])); used != 0 || err != nil {
				t.Errorf("%s: of %d bytes: got %v, %d bytes, %v; want more to come", c.name, n, h, used, err)
			}
		}
		if len(c.header) > proxyheader.MaxSize {
			t.Errorf("%s: %d bytes are more than MaxSize", c.name, len(c.header))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"a request":                     {"GET / HTTP/1.1\r\n", proxyheader.ErrNone},
		"a request that begins alike":   {"PROPFIND / HTTP/1.1\r\n", proxyheader.ErrNone},
		"a handshake":                   {"\x16\x03\x01", proxyheader.ErrNone},
		"HTTP/2":                        {"PRI * HTTP/2.0\r\n", proxyheader.ErrNone},
		"nearly version 2":              {"\r\n\r\n\x00\r\nQUIX", proxyheader.ErrNone},
		"lower case":                    {"proxy TCP4 203.0.113.5 10.0.0.1 4711 443\r\n", proxyheader.ErrNone},
		"no family":                     {"PROXY \r\n", proxyheader.ErrMalformed},
		"UDP in version 1":              {"PROXY UDP4 203.0.113.5 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"TCP5":                          {"PROXY TCP5 203.0.113.5 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"two spaces":                    {"PROXY TCP4  203.0.113.5 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"a space at the end":            {"PROXY TCP4 203.0.113.5 10.0.0.1 4711 443 \r\n", proxyheader.ErrMalformed},
		"a field too few":               {"PROXY TCP4 203.0.113.5 10.0.0.1 4711\r\n", proxyheader.ErrMalformed},
		"a field too many":              {"PROXY TCP4 203.0.113.5 10.0.0.1 4711 443 1\r\n", proxyheader.ErrMalformed},
		"no carriage return":            {"PROXY TCP4 203.0.113.5 10.0.0.1 4711 443\n", proxyheader.ErrMalformed},
		"108 bytes":                     {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", proxyheader.ErrMalformed},
		"no end":                        {"PROXY UNKNOWN " + strings.Repeat("x", 93), proxyheader.ErrMalformed},
		"IPv6 as TCP4":                  {"PROXY TCP4 2001:db8::5 2001:db8::1 4711 443\r\n", proxyheader.ErrMalformed},
		"IPv4 as TCP6":                  {"PROXY TCP6 203.0.113.5 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"a zone":                        {"PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443\r\n", proxyheader.ErrMalformed},
		"zeros in an address":           {"PROXY TCP4 203.0.113.05 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"a zero before a port":          {"PROXY TCP4 203.0.113.5 10.0.0.1 04711 443\r\n", proxyheader.ErrMalformed},
		"a port too large":              {"PROXY TCP4 203.0.113.5 10.0.0.1 65536 443\r\n", proxyheader.ErrMalformed},
		"a port of six digits":          {"PROXY TCP4 203.0.113.5 10.0.0.1 100000 443\r\n", proxyheader.ErrMalformed},
		"a negative port":               {"PROXY TCP4 203.0.113.5 10.0.0.1 -1 443\r\n", proxyheader.ErrMalformed},
		"a name":                        {"PROXY TCP4 localhost 10.0.0.1 4711 443\r\n", proxyheader.ErrMalformed},
		"version 3":                     {v2(0x31, 0x11, four), proxyheader.ErrMalformed},
		"version 3, its first bytes":    {signature + "\x31", proxyheader.ErrMalformed},
		"command 2":                     {v2(0x22, 0x11, four), proxyheader.ErrMalformed},
		"family 4":                      {v2(0x21, 0x41, four), proxyheader.ErrMalformed},
		"transport 3":                   {v2(0x21, 0x13, four), proxyheader.ErrMalformed},
		"transport 3 of nobody":         {v2(0x20, 0x13, four), proxyheader.ErrMalformed},
		"UDP":                           {v2(0x21, 0x12, four), proxyheader.ErrUnsupported},
		"UDP over IPv6":                 {v2(0x21, 0x22, six), proxyheader.ErrUnsupported},
		"a Unix socket":                 {v2(0x21, 0x31, strings.Repeat("a", 216)), proxyheader.ErrUnsupported},
		"a Unix datagram":               {v2(0x21, 0x32, strings.Repeat("a", 216)), proxyheader.ErrUnsupported},
		"an address cut short":          {v2(0x21, 0x11, four[:11]), proxyheader.ErrMalformed},
		"IPv6 cut short":                {v2(0x21, 0x21, six[:35]), proxyheader.ErrMalformed},
		"a length too large":            {signature + "\x21\x11\x10\x01", proxyheader.ErrMalformed},
		"the largest length":            {signature + "\x20\x00\xff\xff", proxyheader.ErrMalformed},
		"an extension cut short":        {v2(0x21, 0x11, four+"\x04\x00"), proxyheader.ErrMalformed},
		"an extension beyond the end":   {v2(0x21, 0x11, four+"\x04\xff\xffx"), proxyheader.ErrMalformed},
		"a checksum that does not hold": {v2(0x21, 0x11, four+tlv(0x03, "\x00\x00\x00\x00")), proxyheader.ErrMalformed},
		"a checksum of three bytes":     {v2(0x21, 0x11, four+tlv(0x03, "\x00\x00\x00")), proxyheader.ErrMalformed},
	} {
		if h, n, err := proxyheader.Parse([]byte(c.text)); !errors.Is(err, c.want) || n != 0 || h != (proxyheader.Header{}) {
			t.Errorf("%s: got %v, %d bytes, %v; want %v", name, h, n, err, c.want)
		}
	}
}

// TestParseReadsWhatTheOracleWrites holds the parser to headers that another one writes.
func TestParseReadsWhatTheOracleWrites(t *testing.T) {
	for _, version := range []byte{1, 2} {
		for _, pair := range [][2]string{{"203.0.113.5:4711", "10.0.0.1:443"}, {"[2001:db8::5]:4711", "[2001:db8::1]:443"}} {
			source, destination := netip.MustParseAddrPort(pair[0]), netip.MustParseAddrPort(pair[1])
			text, err := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination)).Format()
			if err != nil {
				t.Fatal(err)
			}
			h, n, err := proxyheader.Parse(text)
			if err != nil || n != len(text) || h.Source != source || h.Destination != destination {
				t.Errorf("version %d: %q: got %v, %d bytes, %v", version, text, h, n, err)
			}
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, c := range headers {
		text := []byte(c.header)
		if n := testing.AllocsPerRun(100, func() { _, _, _ = proxyheader.Parse(text) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", c.name, n)
		}
	}
}

// differs are the headers of which the oracle thinks otherwise, on purpose: it takes UDP and
// Unix sockets, which HTTP does not come by, and looks into extensions only when asked; it
// refuses unspecified addresses, which the protocol leaves to the receiver.
func differs(b []byte, oracle *proxyproto.Header) bool {
	if len(b) > 13 && b[0] == '\r' {
		if b[12] == 0x21 && b[13] == 0x00 {
			return true
		}
	}
	if oracle == nil {
		return false
	}
	if p := oracle.TransportProtocol; oracle.Command == proxyproto.PROXY && (p.IsUnix() || p.IsDatagram()) {
		return true
	}
	list, err := oracle.TLVs()
	for _, extension := range list {
		if extension.Type == proxyproto.PP2_TYPE_CRC32C {
			return true
		}
	}
	return err != nil
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// FuzzParse compares with another implementation, and holds the parser to say of a part what
// it says of the whole.
func FuzzParse(f *testing.F) {
	for _, c := range headers {
		f.Add([]byte(c.header))
	}
	f.Add([]byte(v2(0x21, 0x12, four)))
	f.Add([]byte("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := proxyheader.Parse(b)
		if n < 0 || n > len(b) || n > proxyheader.MaxSize || n > 0 && err != nil {
			t.Fatalf("%q: %d bytes, %v", b, n, err)
		}
		if n == 0 && err == nil && len(b) >= proxyheader.MaxSize {
			t.Fatalf("%d bytes are not enough", len(b))
		}
		for i := range min(n, 150) {
			if _, part, err := proxyheader.Parse(b[:i]); part != 0 || err != nil {
				t.Fatalf("%q: a header, but of its first %d bytes %d are one (%v)", b, i, part, err)
			}
		}
		r := bufio.NewReaderSize(bytes.NewReader(b), 8192)
		oracle, refused := proxyproto.Read(r)
		if refused != nil {
			oracle = nil
		}
		if differs(b, oracle) {
			return
		}
		if (n > 0) != (oracle != nil) {
			t.Fatalf("%q: %v, %d bytes, %v; the oracle says %v, %v", b, h, n, err, oracle, refused)
		}
		if n == 0 {
			return
		}
		rest, _ := io.ReadAll(r)
		var want proxyheader.Header
		if oracle.Command == proxyproto.PROXY {
			want = proxyheader.Header{Source: addrPort(oracle.SourceAddr), Destination: addrPort(oracle.DestinationAddr)}
		}
		if h != want || len(rest) != len(b)-n {
			t.Fatalf("%q: %v, %d bytes; the oracle says %v, %d bytes", b, h, n, want, len(b)-len(rest))
		}
	})
}
