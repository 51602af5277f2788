package patterns

import (
	"encoding/hex"
	"fmt"
	"strings"

	"vscan/engine/addr"
)

// This file makes patterns for programs, which have bytes and numbers and no need to write
// them as text. Name and Written are the pattern as it would be written; Name may be set to
// something else before the pattern is compiled. Compile returns the error where an
// argument is wrong.

// Bytes returns the pattern that looks for the bytes b as they stand. It keeps a copy. Its
// name is hex: and the bytes; another may be set. b has 1 to MaxBytes bytes; otherwise,
// Compile returns an error.
func Bytes(b []byte) Pattern {
	return made(KindHex, "hex:"+hex.EncodeToString(b), literalBody(b, nil))
}

// Masked returns the pattern that looks for bytes of which only the bits count that are set
// in mask. mask is as long as b and has at least one bit set. Errors and the name are as
// with Bytes.
func Masked(b, mask []byte) Pattern {
	return made(KindHex, "hex:"+hex.EncodeToString(b)+"&"+hex.EncodeToString(mask), literalBody(b, mask))
}

// Pointers returns the pattern that looks for words that hold an address in any of the
// ranges, which may overlap and be in any order. Word size and byte order are those of
// Target; hits lie at multiples of the word size unless Target.Align says otherwise.
// Addresses that no word of that size can hold are left out; where none is left, Compile
// returns an error. Pointers into a mapping are Pointers(space.Named("[heap]")...), or
// ParsePointer("[heap]").
func Pointers(ranges ...addr.Range) Pattern {
	b := &rangesBody{ptr: true}
	for _, r := range addr.Merge(ranges) {
		b.ranges = append(b.ranges, ValueRange{uint64(r.First), uint64(r.Last)})
	}
	return made(KindPtr, "ptr:"+joinRanges(b.ranges), b)
}

// Numbers returns the pattern that looks, at any address, for unsigned numbers of 1, 2, 4
// or 8 bytes whose value is in any of the ranges, which have to be ascending and disjoint.
// The byte order is that of Target. A negative number is given as its two's complement.
// Errors and the name are as with Bytes.
func Numbers(size int, ranges ...ValueRange) Pattern {
	return made(KindInt, fmt.Sprintf("u%d:%s", 8*size, joinRanges(ranges)), &rangesBody{size: size, ranges: ranges})
}

func made(kind Kind, written string, b body) Pattern {
	return Pattern{Name: written, Written: written, Kind: kind, text: written, body: b}
}

func joinRanges(ranges []ValueRange) string {
	var parts []string
	for _, r := range ranges[:min(len(ranges), 8)] {
		part := fmt.Sprintf("%#x", r.Lo)
		if r.Hi != r.Lo {
			part += fmt.Sprintf("..%#x", r.Hi)
		}
		parts = append(parts, part)
	}
	if len(ranges) > 8 {
		parts = append(parts, fmt.Sprintf("and %d more", len(ranges)-8))
	}
	return strings.Join(parts, ",")
}

// A faultBody is a body that Compile refuses, with this message.
type faultBody string

func (f faultBody) needles(p *Pattern, _ *compiler) ([]Needle, error) {
	return nil, p.fault(-1, "%s", string(f))
}

// literalBody returns the body of bytes, of which the bits of mask count; all of them where
// mask is nil.
func literalBody(b, mask []byte) body {
	switch {
	case len(b) == 0:
		return faultBody("no bytes: want at least one")
	case len(b) > MaxBytes:
		return faultBody(fmt.Sprintf("%d bytes: want at most %d", len(b), MaxBytes))
	case mask == nil:
		return literals{{bytes: append([]byte{}, b...)}}
	case len(mask) != len(b):
		return faultBody(fmt.Sprintf("a mask of %d bytes for %d", len(mask), len(b)))
	}
	e := literal{bytes: make([]byte, len(b)), mask: append([]byte{}, mask...)}
	allBits, someBit := true, false
	for i, m := range mask {
		e.bytes[i] = b[i] & m
		allBits, someBit = allBits && m == 0xff, someBit || m != 0
	}
	if !someBit {
		return faultBody(onlyWild)
	}
	if allBits {
		e.mask = nil
	}
	return literals{e}
}

// A rangesBody is words, or numbers of a size, in ranges of values.
type rangesBody struct {
	ptr    bool // whether they are words of the image that hold addresses
	size   int  // in bytes; of numbers
	ranges []ValueRange
}

func (b *rangesBody) needles(p *Pattern, c *compiler) ([]Needle, error) {
	t := &c.target
	size, align := b.size, uint64(1)
	if b.ptr {
		size, align = t.WordSize, uint64(t.WordSize)
	}
	if order := size != 1 && !t.OrderKnown; order || size == 0 && b.ptr {
		return nil, needs{wordSize: size == 0 && b.ptr, byteOrder: order}
	}
	highest := ^uint64(0)
	switch size {
	case 1, 2, 4:
		highest = 1<<(8*size) - 1
	case 8:
	default:
		return nil, p.fault(-1, "numbers of %d bytes: want 1, 2, 4 or 8", size)
	}
	values, msg := b.within(highest)
	if msg != "" {
		return nil, p.fault(-1, "%s", msg)
	}
	return []Needle{wordNeedle(size, t.Order, values, align)}, nil
}

// within returns the ranges up to the highest value of a word, or a message that says what
// is wrong with them.
func (b *rangesBody) within(highest uint64) (values []ValueRange, msg string) {
	for i, r := range b.ranges {
		switch {
		case r.Lo > r.Hi:
			return nil, fmt.Sprintf("the range %#x..%#x ends before it begins", r.Lo, r.Hi)
		case i > 0 && r.Lo <= b.ranges[i-1].Hi:
			return nil, fmt.Sprintf("the ranges are not ascending and disjoint at %#x", r.Lo)
		case !b.ptr && r.Hi > highest:
			return nil, fmt.Sprintf("%#x is above %#x, the highest value", r.Hi, highest)
		}
		if r.Lo <= highest {
			values = append(values, ValueRange{r.Lo, min(r.Hi, highest)})
		}
	}
	if len(values) == 0 {
		return nil, fmt.Sprintf("no value that a word holds, up to %#x", highest)
	}
	return values, ""
}

func (b *rangesBody) value(bytes []byte, t *Target) string {
	v := t.Order.Uint(bytes)
	if b.ptr {
		return addr.Addr(v).String()
	}
	return showUnsigned(v, b.size)
}
