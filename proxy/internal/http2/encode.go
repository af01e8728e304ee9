package http2

import (
	"strconv"

	"golang.org/x/net/http2/hpack"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// The head of an answer is written without a dynamic table, as nginx writes it: names of
// the static table by number, all else in plain octets. That costs some bytes and no
// memory, and no time in which streams wait for one another's table.

// First bits of a field's representation (RFC 7541, section 6).
const (
	indexedField = 0x80
	literalField = 0x00
	// neverIndexed keeps hops behind this one from putting a value into their tables.
	neverIndexed = 0x10

	indexedBits = 7
	literalBits = 4
	lengthBits  = 7
)

// A client whose table is to be smaller than it is at first wants to be told the size of ours
// (RFC 7541, section 4.2; nghttp2 insists): noTable says that there is none.
const (
	initialTable = 4096
	noTable      = 0x20
)

// staticTableSize is how many entries the static table has (RFC 7541, appendix A).
const staticTableSize = 61

// staticNames holds the number of the first entry of the static table with a name, and
// staticStatus that of the entry that is a whole status.
var staticNames, staticStatus = func() (names map[string]uint64, status map[int]uint64) {
	names, status = map[string]uint64{}, map[int]uint64{}
	var number uint64
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		if _, ok := names[f.Name]; !ok {
			names[f.Name] = number
		}
		if code, err := strconv.Atoi(f.Value); err == nil && f.Name == ":status" {
			status[code] = number
		}
	})
	for number = 1; number <= staticTableSize; number++ {
		if _, err := d.Write(appendNumber(nil, indexedField, indexedBits, number)); err != nil {
			panic(err) // a table of this size is what the RFC says
		}
	}
	return names, status
}()

// staticFields is staticNames by FieldID.
var staticFields = func() (t [256]uint64) {
	for name, number := range staticNames {
		if id := exchange.Identify([]byte(name)); id != exchange.FieldOther {
			t[id] = number
		}
	}
	return t
}()

// appendNumber writes n behind the first bits of a byte (RFC 7541, section 5.1).
func appendNumber(dst []byte, first byte, bits int, n uint64) []byte {
	limit := uint64(1)<<bits - 1
	if n < limit {
		return append(dst, first|byte(n))
	}
	dst = append(dst, first|byte(limit))
	for n -= limit; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

func appendStatus(dst []byte, status int) []byte {
	if number, ok := staticStatus[status]; ok {
		return appendNumber(dst, indexedField, indexedBits, number)
	}
	dst = appendNumber(dst, literalField, literalBits, staticNames[":status"])
	return strconv.AppendInt(appendNumber(dst, 0, lengthBits, 3), int64(status), 10)
}

// appendField writes one field, its name in lower case.
func appendField(dst []byte, f exchange.Field) []byte {
	kind := byte(literalField)
	if f.ID == exchange.FieldSetCookie {
		kind = neverIndexed
	}
	number := staticFields[f.ID]
	if f.ID == exchange.FieldOther {
		var room [32]byte
		number = staticNames[string(appendLower(room[:0], f.Name))]
	}
	dst = appendNumber(dst, kind, literalBits, number)
	if number == 0 {
		dst = appendNumber(dst, 0, lengthBits, uint64(len(f.Name)))
		dst = appendLower(dst, f.Name)
	}
	dst = appendNumber(dst, 0, lengthBits, uint64(len(f.Value)))
	return append(dst, f.Value...)
}

func appendLower(dst, name []byte) []byte {
	for _, c := range name {
		dst = append(dst, exchange.Lower(c))
	}
	return dst
}

// appendFields writes the fields that exist in HTTP/2, which those of a connection do not,
// and returns their size.
func appendFields(dst []byte, fields []exchange.Field) (_ []byte, size int) {
	for _, f := range fields {
		switch f.ID {
		case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection,
			exchange.FieldTransferEncoding, exchange.FieldUpgrade:
			continue
		}
		dst = appendField(dst, f)
		size += len(f.Name) + len(f.Value)
	}
	return dst, size
}
