package edge

import (
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// coding is a content coding that the edge can give.
type coding uint8

// The codings, and no coding.
const (
	identity coding = iota
	codingGzip
	codingBrotli
	codingZstd
	codings
)

// codingNames are the names in Accept-Encoding and Content-Encoding.
//
// https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding
var codingNames = [codings]string{identity: "identity", codingGzip: "gzip", codingBrotli: "br", codingZstd: "zstd"}

// codingValues are the names as values of fields.
var codingValues = func() (t [codings][]byte) {
	for c, name := range codingNames {
		t[c] = []byte(name)
	}
	return t
}()

// String returns the coding's name.
func (c coding) String() string { return codingNames[c] }

// unnamed is the weight of a coding that the client does not name.
const unnamed = -1

// weights are how much a client wants each coding, in thousandths, or unnamed.
type weights [codings]int

// weightsOf reads the client's Accept-Encoding fields. What is malformed in them counts for
// nothing. Of a coding that is named twice the last weight counts.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
func weightsOf(r *exchange.Request) weights {
	w := weights{unnamed, unnamed, unnamed, unnamed}
	rest := unnamed
	for i := range r.Fields {
		if r.Fields[i].ID == exchange.FieldAcceptEncoding {
			rest = w.read(r.Fields[i].Value, rest)
		}
	}
	// Gzip is what * is taken for: a client that names nothing may know no more.
	if w[codingGzip] == unnamed {
		w[codingGzip] = rest
	}
	return w
}

// read reads one field and returns the weight of *, or what it was.
func (w *weights) read(value []byte, rest int) int {
	for len(value) > 0 {
		var member []byte
		if member, value = cutComma(value); len(member) == 0 {
			continue
		}
		name, weight, ok := parseMember(member)
		if !ok {
			continue
		}
		if len(name) == 1 && name[0] == '*' {
			rest = weight
			continue
		}
		for c, known := range codingNames {
			if exchange.EqualFold(name, known) || coding(c) == codingGzip && exchange.EqualFold(name, "x-gzip") {
				w[c] = weight
			}
		}
	}
	return rest
}

// best returns which of the codings on offer the client wants most, the first of those that it
// wants alike. It is identity when the client wants none, or says that it wants identity more.
func (w *weights) best(offered ...coding) coding {
	best, most := identity, max(w[identity], 0)
	for _, c := range offered {
		if w[c] > most || best == identity && w[c] == most && most > 0 {
			best, most = c, w[c]
		}
	}
	return best
}

// cutComma returns the list member before the first comma, trimmed, and what is behind it.
func cutComma(value []byte) (member, rest []byte) {
	for i, c := range value {
		if c == ',' {
			return trim(value[:i]), value[i+1:]
		}
	}
	return trim(value), nil
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// full is the weight of what has none.
const full = 1000

// parseMember reads a coding with its weight, such as gzip;q=0.5.
func parseMember(member []byte) (name []byte, weight int, ok bool) {
	for i, c := range member {
		if c != ';' {
			continue
		}
		q := trim(member[i+1:])
		if len(q) < 3 || exchange.Lower(q[0]) != 'q' || q[1] != '=' {
			return nil, 0, false
		}
		weight, ok = parseWeight(q[2:])
		return trim(member[:i]), weight, ok
	}
	return member, full, true
}

// parseWeight reads a qvalue: 0 or 1, and at most three digits behind a point.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
func parseWeight(q []byte) (int, bool) {
	if len(q) == 0 || len(q) > len("0.000") || q[0] != '0' && q[0] != '1' || len(q) > 1 && q[1] != '.' {
		return 0, false
	}
	weight := int(q[0]-'0') * full
	unit := full / 10
	for _, c := range q[min(2, len(q)):] {
		if c < '0' || c > '9' {
			return 0, false
		}
		weight += int(c-'0') * unit
		unit /= 10
	}
	return weight, weight <= full
}
