package simd

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
)

// NewMasked makes a kernel that finds every place s where
// b[s+i] & mask[i] = lit[i] & mask[i] for all i, overlapping ones too, at
// stride 1. A mask of 0 is a wildcard, one of 0xf0 a high nibble, one of 0xdf
// a letter in either case; wildcards at either end are part of the match.
// Its hits are exact. lit and mask are copied, and as long as one another, at
// least one byte; a mask without any bit, which would match everywhere, is an
// error. Where every mask is 0xff the kernel is that of NewLiteral.
//
// There is one at each level. A level that this machine lacks is an error.
func NewMasked(level Level, lit, mask []byte) (Kernel, error) {
	switch {
	case len(lit) != len(mask):
		return nil, fmt.Errorf("a literal of %d bytes with a mask of %d", len(lit), len(mask))
	case len(lit) == 0:
		return nil, errors.New("a masked literal without bytes")
	case len(lit) > MaxLiteral:
		return nil, fmt.Errorf("a masked literal of %d bytes: at most %d", len(lit), MaxLiteral)
	case bytes.Count(mask, []byte{0xff}) == len(mask):
		return NewLiteral(level, lit)
	case bytes.Count(mask, []byte{0}) == len(mask):
		return nil, errors.New("a masked literal without a bit in its mask: it would match everywhere")
	}
	return choose(level, maskeds, newMaskedPlan(lit, mask))
}

// maskeds is how masked literals are looked for, ascending by level.
var maskeds = append([]implementation[*maskedPlan]{
	{level: Reference, make: newMaskedRef},
	{level: Generic, make: newMaskedGo},
}, maskedsAssembled...)

// maskedProbe is one byte of a masked literal that a kernel compares with
// memory before anything else. Assembly reads it.
type maskedProbe struct {
	off  uint32 // of the byte in the literal
	val  uint32 // the byte under its mask, four times over
	mask uint32 // the mask, four times over and not 0
}

// maskedPlan is what the kernels for a masked literal share.
type maskedPlan struct {
	lit, mask []byte         // lit has no bit that is not in mask
	probes    []maskedProbe  // the most telling first; see byRarity
	first     [4]maskedProbe // of them; the last once more where there are fewer
	exact     bool           // the probes are all of the literal that is no wildcard
	wide      bool           // two probes let through too much: four are asked for at once
	maskedVerifier
}

// widePairs is the number of groups in a thousand that may be expected to pass
// the first two probes before four are asked for at once. It is an estimate, and
// has not been tuned.
const widePairs = 30

func newMaskedPlan(lit, mask []byte) *maskedPlan {
	p := &maskedPlan{lit: make([]byte, len(lit)), mask: bytes.Clone(mask)}
	for i := range lit {
		p.lit[i] = lit[i] & mask[i]
	}
	telling := len(mask) - bytes.Count(mask, []byte{0})
	p.exact = telling <= maxExact
	n := maxProbes
	if p.exact {
		n = telling
	}
	share := 1.0 // of the starts that pass the first two probes, in memory or in noise
	for i, off := range byRarity(p.lit, mask, n) {
		p.probes = append(p.probes, maskedProbe{uint32(off), uint32(p.lit[off]) * 0x01010101, uint32(mask[off]) * 0x01010101})
		if i < 2 {
			share *= max(agreement(p.lit[off], mask[off])/65536, 1/float64(uint(1)<<bits.OnesCount8(mask[off])))
		}
	}
	for i := range p.first {
		p.first[i] = p.probes[min(i, len(p.probes)-1)]
	}
	p.wide = len(p.probes) > 2 && share*groupSize*1000 > widePairs
	p.maskedVerifier = newMaskedVerifier(p.lit, p.mask)
	return p
}

func (p *maskedPlan) Shape() Shape { return Masked }

func (p *maskedPlan) Len() int { return len(p.lit) }
