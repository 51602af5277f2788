package simd

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxLiteral is the longest literal, in bytes: 16 MiB. Making a kernel for it
// takes four times its size in memory.
const MaxLiteral = 16 << 20

// NewLiteral makes a kernel that finds every occurrence of lit, overlapping
// ones too, at stride 1. Its hits are exact: nothing is left to verify. lit
// has at least one byte, and is copied.
//
// There is one at each level. A level that this machine lacks is an error.
func NewLiteral(level Level, lit []byte) (Kernel, error) {
	switch {
	case len(lit) == 0:
		return nil, errors.New("a literal without bytes")
	case len(lit) > MaxLiteral:
		return nil, fmt.Errorf("a literal of %d bytes: at most %d", len(lit), MaxLiteral)
	}
	return choose(level, literals, newLiteralPlan(bytes.Clone(lit)))
}

// literals is how literals are looked for, ascending by level.
var literals = append([]implementation[*literalPlan]{
	{level: Reference, make: newLiteralRef},
	{level: Generic, make: newLiteralGo},
}, literalsAssembled...)

// probe is one byte of a literal that a kernel compares with memory before
// anything else. Assembly reads it.
type probe struct {
	off uint32 // of the byte in the literal
	val uint32 // the byte four times over: loading it to a whole vector is one µop
}

const (
	// maxExact is the length of a literal up to which it has a probe for
	// each of its bytes: where all of them agree, the literal is there.
	maxExact = 64

	// maxProbes is the number of probes of a longer literal. They let
	// through next to nothing but true hits and regular data.
	maxProbes = 16
)

// literalPlan is what the kernels for a literal share.
type literalPlan struct {
	lit    []byte
	probes []probe // the most telling first; see byRarity
	verifier
	tuning
}

func newLiteralPlan(lit []byte) *literalPlan {
	n := maxProbes
	if len(lit) <= maxExact {
		n = len(lit)
	}
	p := &literalPlan{lit: lit, verifier: newVerifier(lit)}
	for _, off := range byRarity(lit, nil, n) {
		p.probes = append(p.probes, probe{uint32(off), uint32(lit[off]) * 0x01010101})
	}
	if len(p.probes) > 1 && !pairUp(p.probes) {
		// A long literal, and they are all far apart.
		off := int(p.probes[0].off)
		first := max(0, off-maxDistance)
		near := lit[first:min(len(lit), off+maxDistance+1)]
		for _, i := range byRarity(near, nil, 2) {
			if first+i != off {
				p.probes = append(p.probes, probe{uint32(first + i), uint32(near[i]) * 0x01010101})
			}
		}
		pairUp(p.probes)
	}
	p.tuned.Store(&p.probes)
	return p
}

// exact says whether the probes are the whole literal.
func (p *literalPlan) exact() bool { return len(p.probes) == len(p.lit) }

func (p *literalPlan) Shape() Shape { return Literal }

func (p *literalPlan) Len() int { return len(p.lit) }
