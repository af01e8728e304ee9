package forward

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
)

// hashOf returns what the group's algorithm goes by, of the request that the target will
// receive; 0 when the algorithm does not hash, or the request lacks the header, cookie or
// parameter, or has it empty. Those without a key take turns, as with nginx and HAProxy: if
// they were all hashed alike, all would go to one target.
func hashOf(x *exchange.Exchange, key *target.HashKey) uint64 {
	r := &x.Request
	var value []byte
	found := true
	switch key.Kind {
	case target.HashNothing:
		return 0
	case target.HashNetwork:
		return balance.SourceIP(x.ClientAddr().Addr())
	case target.HashSourceIP:
		address := x.ClientAddr().Addr().As16()
		return balance.Digest(0).Add(address[:]).Hash()
	case target.HashHost:
		value = r.Host
	case target.HashPath:
		value = r.Path
	case target.HashURI:
		d := balance.Digest(0).Add(r.Path)
		if r.HasQuery {
			d = d.Add(questionMark).Add(r.Query)
		}
		return d.Hash()
	case target.HashHeader:
		value, found = findField(r.Fields, key.Name)
	case target.HashCookie:
		value, found = findCookie(r, key.Name)
	case target.HashQuery:
		value, found = findParameter(r.Query, key.Name)
	}
	if !found || len(value) == 0 {
		return 0
	}
	return balance.Digest(0).Add(value).Hash()
}

var questionMark = []byte("?")

// findField returns the value of the first field of that name.
func findField(fields []exchange.Field, name string) ([]byte, bool) {
	for i := range fields {
		if exchange.EqualFold(fields[i].Name, name) {
			return fields[i].Value, true
		}
	}
	return nil, false
}

// findParameter returns the value of the first parameter of that name, both as they were
// sent.
func findParameter(query []byte, name string) ([]byte, bool) {
	for parameter := range bytes.SplitSeq(query, []byte{'&'}) {
		if len(parameter) > len(name) && parameter[len(name)] == '=' && string(parameter[:len(name)]) == name {
			return parameter[len(name)+1:], true
		}
	}
	return nil, false
}
