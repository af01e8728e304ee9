package routing

import (
	"bytes"
	"errors"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Pattern is a compiled wildcard pattern: * stands for any number of bytes, slashes and dots
// among them, ? for exactly one. It is held against the whole text, never a part of it.
// Matching needs no memory and at most len(text) times len(pattern) steps, whatever the
// pattern. The zero Pattern matches the empty text.
//
// Path patterns of ALB rules and of CloudFront cache behaviors both mean this.
type Pattern struct {
	// pieces are what stands between the asterisks. The first begins the text, the last
	// ends it, and those between are found one after the other: as early as possible is
	// never worse than later. Without an asterisk there is one piece.
	pieces []piece
	fold   bool
	// length is the length of the shortest text that matches.
	length int
}

// piece is text without asterisks. A zero byte in it stands for any byte.
type piece struct {
	text []byte
	// literal says that every byte stands for itself.
	literal bool
}

// PatternOption changes how a pattern is read or held against a text.
type PatternOption uint8

// Options of CompilePattern, to be combined with |.
const (
	// FoldCase disregards the case of ASCII letters.
	FoldCase PatternOption = 1 << iota
	// Escapes reads \* and \? as the characters themselves. Any other backslash is one.
	Escapes
)

var errPatternNUL = errors.New("pattern has a NUL")

// CompilePattern compiles text. The only error is a NUL in it.
func CompilePattern(text string, options PatternOption) (Pattern, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return Pattern{}, errPatternNUL
	}
	p := Pattern{fold: options&FoldCase != 0}
	current := piece{literal: true}
	add := func(c byte) {
		if p.fold {
			c = exchange.Lower(c)
		}
		current.text = append(current.text, c)
		p.length++
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && options&Escapes != 0 && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '?'):
			i++
			add(text[i])
		case c == '?':
			current.literal = false
			add(0)
		case c == '*':
			p.pieces = append(p.pieces, current)
			current = piece{literal: true}
		default:
			add(c)
		}
	}
	p.pieces = append(p.pieces, current)
	return p, nil
}

// Match reports whether the whole of text matches.
func (p *Pattern) Match(text []byte) bool {
	if len(p.pieces) == 0 || len(text) < p.length {
		return len(p.pieces) == 0 && len(text) == 0
	}
	first := &p.pieces[0]
	if !p.at(first, text) {
		return false
	}
	text = text[len(first.text):]
	if len(p.pieces) == 1 {
		return len(text) == 0
	}
	last := &p.pieces[len(p.pieces)-1]
	end := len(text) - len(last.text)
	if end < 0 || !p.at(last, text[end:]) {
		return false
	}
	text = text[:end]
	for i := 1; i < len(p.pieces)-1; i++ {
		n := p.find(&p.pieces[i], text)
		if n < 0 {
			return false
		}
		text = text[n+len(p.pieces[i].text):]
	}
	return true
}

// at reports whether text begins with the piece.
func (p *Pattern) at(q *piece, text []byte) bool {
	if len(text) < len(q.text) {
		return false
	}
	if q.literal && !p.fold {
		return string(text[:len(q.text)]) == string(q.text)
	}
	for i, want := range q.text {
		if want == 0 {
			continue
		}
		c := text[i]
		if p.fold {
			c = exchange.Lower(c)
		}
		if c != want {
			return false
		}
	}
	return true
}

// find returns where in text the piece first stands, or -1.
func (p *Pattern) find(q *piece, text []byte) int {
	if q.literal && !p.fold {
		return bytes.Index(text, q.text)
	}
	if len(q.text) == 0 {
		return 0
	}
	first := q.text[0]
	for i := 0; i+len(q.text) <= len(text); i++ {
		// Most places are ruled out by one byte; folding it does no harm, since at decides.
		if first != 0 && exchange.Lower(text[i]) != exchange.Lower(first) {
			continue
		}
		if p.at(q, text[i:]) {
			return i
		}
	}
	return -1
}
