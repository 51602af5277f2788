package simd

import (
	"errors"
	"math/bits"
)

// NewClass makes a kernel that finds every byte that is in a set: c is in it
// where bit c%64 of set[c/64] is set. Hits are one byte long, at stride 1. A
// set of one byte gives the kernel of NewLiteral; an empty one is an error.
//
// There is one at each level. A level that this machine lacks is an error.
func NewClass(level Level, set [4]uint64) (Kernel, error) {
	p, count, one := newClassPlan(set), 0, 0
	for i, word := range set {
		if count += bits.OnesCount64(word); word != 0 {
			one = 64*i + bits.TrailingZeros64(word)
		}
	}
	switch count {
	case 0:
		return nil, errors.New("a class without bytes")
	case 1:
		return NewLiteral(level, []byte{byte(one)})
	}
	return choose(level, classes, p)
}

// classes lists the implementations of Class, ascending by level.
var classes = append([]implementation[*classPlan]{
	{level: Reference, make: newClassRef},
	{level: Generic, make: newClassGo},
}, classesAssembled...)

// A classPlan holds what the kernels for a class share.
type classPlan struct {
	in   [256]uint8   // by byte: 1 where it is in the set
	rows [2][16]uint8 // bit h%8 of rows[h/8][l] is set where byte 16·h + l is in the set
}

func (p *classPlan) Shape() Shape { return Class }

func (p *classPlan) Len() int { return 1 }
