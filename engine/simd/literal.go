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
// ones too, at stride 1. Its hits are exact: nothing is left to verify. lit is
// copied; one without bytes, or of more than MaxLiteral, is an error.
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

// literals lists the implementations of Literal, ascending by level.
var literals = append([]implementation[*literalPlan]{
	{level: Reference, make: newLiteralRef},
	{level: Generic, make: newLiteralGo},
}, literalsAssembled...)

// A probe is one byte of a literal that a kernel compares with memory before
// anything else. Assembly reads it. The byte and its mask are repeated in the 4
// bytes of a field, since loading 4 bytes into every lane of a vector is one
// µop.
type probe struct {
	off  uint32 // of the byte in the literal
	val  uint32 // the byte, under its mask
	mask uint32 // the bits that count, not 0
}

// newProbe returns the probe of byte off of lit; mask is as in byRarity.
func newProbe(lit, mask []byte, off int) probe {
	p := probe{uint32(off), uint32(lit[off]) * 0x01010101, 0xffffffff}
	if mask != nil {
		p.mask = uint32(mask[off]) * 0x01010101
	}
	return p
}

// agrees reports whether c equals the probe's byte in the bits that count.
func (p probe) agrees(c byte) bool { return c&byte(p.mask) == byte(p.val) }

const (
	// A literal of up to maxExact bytes has a probe for each of its bytes:
	// where all of them agree, the literal is there.
	maxExact = 64

	// A longer literal has maxProbes probes. They let through next to
	// nothing but hits and regular data.
	maxProbes = 16
)

// A literalPlan holds what the kernels for a literal share.
type literalPlan struct {
	lit    []byte
	probes []probe // the most telling first; see byRarity
	Verifier
	tuning
}

func newLiteralPlan(lit []byte) *literalPlan {
	n := maxProbes
	if len(lit) <= maxExact {
		n = len(lit)
	}
	p := &literalPlan{lit: lit, Verifier: NewVerifier(lit)}
	p.probes, _ = newProbes(lit, nil, n)
	p.tuned.Store(&order{probes: p.probes})
	return p
}

// newProbes returns up to n probes of lit, the most telling first; mask is as
// in byRarity. Where pairUp finds a pair among them, it is in front. Else up to
// two probes near the first one are added, so that there is a pair. paired
// reports whether the first two are one.
func newProbes(lit, mask []byte, n int) (probes []probe, paired bool) {
	for _, off := range byRarity(lit, mask, n) {
		probes = append(probes, newProbe(lit, mask, off))
	}
	if pairUp(probes) {
		return probes, true
	}
	// There is only one probe, or the literal is long and all probes are
	// far apart.
	off := int(probes[0].off)
	first, last := max(0, off-maxDistance), min(len(lit), off+maxDistance+1)
	if mask != nil {
		mask = mask[first:last]
	}
	for _, i := range byRarity(lit[first:last], mask, 2) {
		if first+i != off {
			p := newProbe(lit[first:last], mask, i)
			p.off += uint32(first)
			probes = append(probes, p)
		}
	}
	return probes, pairUp(probes)
}

// exact reports whether the probes are the whole literal.
func (p *literalPlan) exact() bool { return len(p.probes) == len(p.lit) }

func (p *literalPlan) Shape() Shape { return Literal }

func (p *literalPlan) Len() int { return len(p.lit) }
