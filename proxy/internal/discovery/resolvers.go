package discovery

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
)

const (
	// systemFile names the machine's servers; resolv.conf(5).
	systemFile = "/etc/resolv.conf"
	// maxServers is how many of them count, as in the C library.
	maxServers = 3
	// maxSystemFile bounds what is read of the file.
	maxSystemFile = 1 << 20

	dnsPort = "53"
)

// systemServers reads which servers the machine asks. It is read for every look-up: where
// containers and laptops run, they change.
func systemServers() ([]string, error) {
	f, err := os.Open(systemFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list := parseServers(io.LimitReader(f, maxSystemFile))
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: %w", systemFile, errors.New("names no server"))
	}
	return list, nil
}

// parseServers lists the servers of a resolv.conf, as host:port.
func parseServers(r io.Reader) []string {
	var list []string
	for lines := bufio.NewScanner(r); lines.Scan() && len(list) < maxServers; {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil { // a zone is this machine's own
			list = append(list, net.JoinHostPort(a.String(), dnsPort))
		}
	}
	return list
}
