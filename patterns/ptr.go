package patterns

import (
	"strings"

	"vscan/engine/addr"
)

// ptrKind is ptr:, a word of the image, of its word size and byte order, whose value is an
// address, in a range of addresses, or in a mapping. Its hits lie at multiples of the word
// size unless Target.Align says otherwise.
//
// An end of a range that is left out is 0 or the highest address that a word holds; an end
// that is written and that a word cannot hold is an error. The part of a mapping that lies
// above that address cannot be pointed at and is left out.
var ptrKind = kind{
	kind:     KindPtr,
	keywords: []string{"ptr"},
	parse:    parsePtr,
}

var address = number{name: "an address", bits: 64, hex: true}

// A ptrBody is what a pointer points at: a mapping, or a range of addresses.
type ptrBody struct {
	mapping string // its name without the @; "" where addrs holds the addresses
	offset  int    // of the mapping's name in the pattern
	addrs   ordinalRange
}

func parsePtr(in input, _, _ string) (body, error) {
	in = in.trim()
	switch {
	case in.pos == in.end:
		return nil, in.fault(in.pos, "want an address, a range or @NAME, found the end")
	case in.text[in.pos] == '@':
		return parseMapping(in)
	case !looksNumeric(in.body()):
		return nil, in.fault(in.pos, "want an address, a range or @NAME, found %s: a mapping's name has an @ in front", in.found(in.pos))
	}
	s, err := address.parse(in)
	if err != nil {
		return nil, err
	}
	return &ptrBody{addrs: s}, nil
}

// parseMapping reads the name of a mapping, with or without an @ in front: all that is
// left.
func parseMapping(in input) (body, error) {
	name := strings.TrimPrefix(in.body(), "@")
	if name == "" {
		return nil, in.fault(in.end, "want the name of a mapping behind the @, found the end")
	}
	return &ptrBody{mapping: name, offset: in.pos}, nil
}

// ParsePointer returns the pattern of the words that point at a target: an address, a range
// (LO..HI, LO+LEN) or a mapping's name, with an @ in front or without. What reads as
// numbers is never a name; a mapping whose name reads so is given with the @. Name and
// Written are the target as given. The error is an *Error.
func ParsePointer(target string) (Pattern, error) {
	in := input{text: target, end: len(target)}
	p := Pattern{Name: target, Written: target, Kind: KindPtr, text: target}
	var err error
	switch {
	case target == "":
		return Pattern{}, in.fault(0, "want an address, a range or the name of a mapping, found the end")
	case looksNumeric(target):
		p.body, err = parsePtr(in, "", "")
	default:
		p.body, err = parseMapping(in)
	}
	if err != nil {
		return Pattern{}, err
	}
	return p, nil
}

// looksNumeric reports whether s is meant as an address or a range, even a faulty one. It
// is if it starts with 0x, or with digits that end it or stand in front of ".." or "+", or
// with a ".." that ends it or stands in front of a digit. Names such as libstdc++.so, 7z.so
// and ../a are not.
func looksNumeric(s string) bool {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	rest := s[n:]
	if n == 0 {
		after, ok := strings.CutPrefix(rest, "..")
		return ok && (after == "" || after[0] >= '0' && after[0] <= '9')
	}
	return rest == "" || rest[0] == '+' || strings.HasPrefix(rest, "..") ||
		s[:n] == "0" && (rest[0] == 'x' || rest[0] == 'X')
}

func (b *ptrBody) needles(p *Pattern, c *compiler) ([]Needle, error) {
	t := &c.target
	if t.WordSize == 0 || !t.OrderKnown {
		return nil, needs{wordSize: t.WordSize == 0, byteOrder: !t.OrderKnown}
	}
	highest := addr.Max
	if t.WordSize == 4 {
		highest = 1<<32 - 1
	}
	values := []ValueRange{{b.addrs.lo, b.addrs.hi}}
	switch {
	case b.mapping != "":
		var err error
		if values, err = c.mapping(b.mapping, highest); err != nil {
			e := p.fault(b.offset, "@%s: %v", b.mapping, err)
			e.Err = err
			return nil, e
		}
	case b.addrs.lo > uint64(highest):
		return nil, p.fault(b.addrs.loAt, "%#x is above %v, the highest address that a word of the image holds", b.addrs.lo, highest)
	case b.addrs.hiOmitted:
		values[0].Hi = uint64(highest)
	case b.addrs.hi > uint64(highest):
		return nil, p.fault(b.addrs.hiAt, "the range ends at %#x, above %v, the highest address that a word of the image holds", b.addrs.hi, highest)
	}
	return []Needle{wordNeedle(t.WordSize, t.Order, values, uint64(t.WordSize))}, nil
}
