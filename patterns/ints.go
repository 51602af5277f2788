package patterns

import (
	"strings"

	"vscan/engine/addr"
)

// intKind is u8: to u64: and i8: to i64:, a number or a range of numbers as memory holds
// it: two's complement, in the image's byte order or, with le or be behind the type, in
// that one. A single number is looked for as its bytes, a range as words in ranges. A byte
// has no order, so u8 and i8 never need to know one.
var intKind = kind{
	kind:     KindInt,
	keywords: intKeywords(),
	parse:    parseInt,
}

var intTypes = []number{
	{name: "u8", bits: 8}, {name: "u16", bits: 16}, {name: "u32", bits: 32}, {name: "u64", bits: 64},
	{name: "i8", bits: 8, signed: true}, {name: "i16", bits: 16, signed: true},
	{name: "i32", bits: 32, signed: true}, {name: "i64", bits: 64, signed: true},
}

func intKeywords() []string {
	var words []string
	for _, t := range intTypes {
		words = append(words, t.name, t.name+"le", t.name+"be")
	}
	return words
}

// A numberBody is numbers of one type as memory holds them.
type numberBody struct {
	ranges []ValueRange
	size   int // in bytes
	order  addr.ByteOrder
	fixed  bool                            // whether order is given, or there is none; else it is the image's
	show   func(v uint64, size int) string // returns a number as stored, in decimal
}

// splitOrder takes the byte order off a type such as u32be. fixed reports whether there was
// one.
func splitOrder(keyword string) (name string, order addr.ByteOrder, fixed bool) {
	if s, ok := strings.CutSuffix(keyword, "le"); ok {
		return s, addr.Little, true
	}
	if s, ok := strings.CutSuffix(keyword, "be"); ok {
		return s, addr.Big, true
	}
	return keyword, addr.Little, false
}

func parseInt(in input, keyword, _ string) (body, error) {
	name, order, fixed := splitOrder(keyword)
	var t number
	for _, t = range intTypes {
		if t.name == name {
			break
		}
	}
	s, err := t.parse(in)
	if err != nil {
		return nil, err
	}
	if t.bits == 8 {
		order, fixed = addr.Little, true
	}
	show := showUnsigned
	if t.signed {
		show = showSigned
	}
	return &numberBody{ranges: t.storedRanges(s), size: int(t.bits / 8), show: show, order: order, fixed: fixed}, nil
}

func (b *numberBody) needles(_ *Pattern, c *compiler) ([]Needle, error) {
	order := b.order
	if !b.fixed {
		if !c.target.OrderKnown {
			return nil, needs{byteOrder: true}
		}
		order = c.target.Order
	}
	return []Needle{wordNeedle(b.size, order, b.ranges, 1)}, nil
}
