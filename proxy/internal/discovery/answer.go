package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// maxRecords bounds what is taken of one answer: as many targets as a load balancer has.
	maxRecords = spec.MaxTargets
	// maxAliases bounds a chain of CNAME records.
	maxAliases = 8
)

// Question is what a server is asked.
type Question struct {
	// Name is without the dot at the end.
	Name string
	// Type is TypeA, TypeAAAA or TypeSRV.
	Type dnsmessage.Type
}

func (q Question) String() string {
	return q.Name + " " + strings.TrimPrefix(q.Type.String(), "Type")
}

// Answer is what it said.
type Answer struct {
	// Addresses are those of A or AAAA records, Services the SRV records.
	Addresses []netip.Addr
	Services  []Service
	// TTL is the shortest of all records that led to them.
	TTL time.Duration
}

// Service is one SRV record.
type Service struct {
	Host             string
	Port             uint16
	Priority, Weight uint16
}

// ErrNone says that the name does not exist, or has nothing of that type.
var ErrNone = errors.New("no such record")

var (
	// errOther says that a message is no answer to what was asked: it is not looked at further.
	errOther = errors.New("not an answer to this question")
	// errTruncated says that the answer is longer than what came.
	errTruncated = errors.New("answer is truncated")
)

// parseAnswer reads the answer to a question that was asked under id.
func parseAnswer(message []byte, id uint16, q Question) (Answer, error) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.ID != id || !header.Response || header.OpCode != 0 {
		return Answer{}, errOther
	}
	asked, err := p.Question()
	if err != nil || asked.Type != q.Type || asked.Class != dnsmessage.ClassINET || !sameName(asked.Name, q.Name) {
		return Answer{}, errOther
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return Answer{}, errOther
	}
	switch header.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return Answer{}, ErrNone
	default:
		return Answer{}, fmt.Errorf("the server says %s", strings.TrimPrefix(header.RCode.String(), "RCode"))
	}
	if header.Truncated {
		return Answer{}, errTruncated
	}
	records, err := readRecords(&p, q.Type)
	if err != nil {
		return Answer{}, fmt.Errorf("malformed answer: %w", err)
	}
	return follow(records, q)
}

// record is a CNAME record or one of the type that was asked for.
type record struct {
	name    string
	ttl     uint32
	alias   string
	address netip.Addr
	service *Service
}

// readRecords reads what concerns a question of that type; the rest is skipped.
func readRecords(p *dnsmessage.Parser, kind dnsmessage.Type) ([]record, error) {
	var list []record
	for {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Class != dnsmessage.ClassINET || h.Type != kind && h.Type != dnsmessage.TypeCNAME {
			if err := p.SkipAnswer(); err != nil {
				return nil, err
			}
			continue
		}
		r := record{name: plainName(h.Name), ttl: h.TTL}
		switch h.Type {
		case dnsmessage.TypeCNAME:
			var a dnsmessage.CNAMEResource
			a, err = p.CNAMEResource()
			r.alias = plainName(a.CNAME)
		case dnsmessage.TypeA:
			var a dnsmessage.AResource
			a, err = p.AResource()
			r.address = netip.AddrFrom4(a.A)
		case dnsmessage.TypeAAAA:
			var a dnsmessage.AAAAResource
			a, err = p.AAAAResource()
			r.address = netip.AddrFrom16(a.AAAA).Unmap()
		case dnsmessage.TypeSRV:
			var a dnsmessage.SRVResource
			a, err = p.SRVResource()
			r.service = &Service{Host: plainName(a.Target), Port: a.Port, Priority: a.Priority, Weight: a.Weight}
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			return nil, err
		}
		list = append(list, r) // a message has no room for more than some thousand
	}
}

// follow goes from the name that was asked for over its aliases to the records.
func follow(records []record, q Question) (Answer, error) {
	var a Answer
	name, ttl := q.Name, ^uint32(0)
	for range maxAliases + 1 {
		next := ""
		for i := range records {
			r := &records[i]
			switch {
			case !strings.EqualFold(r.name, name):
				continue
			case r.alias != "":
				next = r.alias
			case r.service != nil:
				if r.service.Host == "" || r.service.Port == 0 {
					continue // "." is a service that is decidedly not available
				}
				a.Services = append(a.Services, *r.service)
			case usable(r.address):
				a.Addresses = append(a.Addresses, r.address)
			default:
				continue
			}
			ttl = min(ttl, r.ttl)
		}
		if len(a.Addresses)+len(a.Services) > 0 {
			a.bound()
			if ttl > 1<<31-1 {
				ttl = 0 // RFC 2181, 8
			}
			a.TTL = time.Duration(ttl) * time.Second
			return a, nil
		}
		if next == "" {
			return Answer{}, ErrNone
		}
		name = next
	}
	return Answer{}, fmt.Errorf("more than %d aliases", maxAliases)
}

// bound leaves maxRecords at most: the same ones of the same answer in whatever order, and of
// services those that serve before backups.
func (a *Answer) bound() {
	if len(a.Addresses) > maxRecords {
		slices.SortFunc(a.Addresses, netip.Addr.Compare)
		a.Addresses = a.Addresses[:maxRecords]
	}
	if len(a.Services) > maxRecords {
		slices.SortFunc(a.Services, func(x, y Service) int {
			return cmp.Or(cmp.Compare(x.Priority, y.Priority), strings.Compare(x.Host, y.Host), cmp.Compare(x.Port, y.Port))
		})
		a.Services = a.Services[:maxRecords]
	}
}

// limitedBroadcast is everybody on a network (RFC 919).
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// usable reports whether a may be a target. Link-local addresses are no answer to others than
// the one machine, and where that is in a cloud they are its keys.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a != limitedBroadcast
}

func plainName(n dnsmessage.Name) string { return strings.TrimSuffix(n.String(), ".") }

func sameName(n dnsmessage.Name, name string) bool { return strings.EqualFold(plainName(n), name) }
