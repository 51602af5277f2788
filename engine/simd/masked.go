package simd

import (
	"bytes"
	"errors"
	"fmt"
)

// NewMasked makes a kernel that finds every position s where
// b[s+i] & mask[i] = lit[i] & mask[i] for all i, overlapping ones too, at
// stride 1. A mask of 0 makes a byte a wildcard, one of 0xf0 leaves the high
// nibble to count, one of 0xdf a letter in either case; wildcards at either
// end are part of the match. Its hits are exact: nothing is left to verify.
// lit and mask are copied. They must have the same length, from 1 to
// MaxLiteral bytes; a mask without any bit, which would match everywhere, is
// an error. Where every mask is 0xff, the kernel is that of NewLiteral.
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

// maskeds lists the implementations of Masked, ascending by level.
var maskeds = append([]implementation[*maskedPlan]{
	{level: Reference, make: newMaskedRef},
	{level: Generic, make: newMaskedGo},
}, maskedsAssembled...)

// A maskedPlan holds what the kernels for a masked literal share.
type maskedPlan struct {
	lit, mask []byte  // INVARIANT: lit has no bit that is not in mask
	probes    []probe // see newProbes
	exact     bool    // there is a probe for every byte that is no wildcard
	maskedVerifier
	tuning
}

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
	paired := false
	p.probes, paired = newProbes(p.lit, p.mask, n)
	p.tuned.Store(&order{p.probes, !paired && len(p.probes) > 1})
	p.maskedVerifier = newMaskedVerifier(p.lit, p.mask)
	return p
}

func (p *maskedPlan) Shape() Shape { return Masked }

func (p *maskedPlan) Len() int { return len(p.lit) }
