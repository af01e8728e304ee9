package routing

import (
	"encoding/binary"
	"math"
)

// gate is what all texts that a matcher matches have in common: how they begin and how long they are.
// It rules most other texts out without a look at the matcher, which stands elsewhere in memory:
// what a rule costs that does not match is mostly the way there.
type gate struct {
	// mask has the bits that count, and want what they are; it has no others.
	mask, want  opening
	least, most int
}

// opening is how a text begins; a shorter one goes on with zeroes.
type opening [2]uint64

// openingSize is how many bytes an opening has.
const openingSize = 16

func openingOf(text []byte) opening {
	var b [openingSize]byte
	copy(b[:], text)
	return opening{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// shut reports whether no text of this length that begins so can match.
func (g *gate) shut(o opening, length int) bool {
	return (o[0]^g.want[0])&g.mask[0]|(o[1]^g.want[1])&g.mask[1] != 0 || length < g.least || length > g.most
}

// openGate rules nothing out.
var openGate = gate{most: math.MaxInt}

// gate of what m matches.
func (m *matcher) gate() gate {
	if len(m.patterns) == 0 || len(m.expressions) > 0 {
		return openGate
	}
	all := m.patterns[0].gate()
	for i := range m.patterns[1:] {
		all = all.or(m.patterns[i+1].gate())
	}
	return all
}

// or is the gate for what passes either.
func (g gate) or(h gate) gate {
	for i := range g.mask {
		g.mask[i] &= h.mask[i] &^ (g.want[i] ^ h.want[i])
		g.want[i] &= g.mask[i]
	}
	g.least, g.most = min(g.least, h.least), max(g.most, h.most)
	return g
}

// and is the gate for what passes both. What cannot pass both is left to the matchers.
func (g gate) and(h gate) gate {
	for i := range g.mask {
		g.want[i] |= h.want[i] &^ g.mask[i]
		g.mask[i] |= h.mask[i]
	}
	g.least, g.most = max(g.least, h.least), min(g.most, h.most)
	return g
}

// gate of what p matches.
func (p *Pattern) gate() gate {
	g := openGate
	if len(p.pieces) == 0 || p.fold {
		return g
	}
	g.least = p.length
	if len(p.pieces) == 1 {
		g.most = p.length
	}
	var mask, want [openingSize]byte
	for i, c := range p.pieces[0].text[:min(len(p.pieces[0].text), openingSize)] {
		if c != 0 { // which stands for any byte
			mask[i], want[i] = 0xff, c
		}
	}
	g.mask, g.want = openingOf(mask[:]), openingOf(want[:])
	return g
}
