package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"

	"vscan/engine/addr"
	"vscan/patterns"
)

// FindAll yields the addresses ≥ from, ascending, where the bytes of lit stand
// and which are multiples of align (0 and 1: all). Every occurrence counts,
// also one that overlaps another or runs from one mapping into the next; holes
// and absent bytes are skipped. It is a [Scanner] with one pattern: a last
// pair has the error, if there is one. Bytes that cannot be read are skipped
// without a word; who must know of them scans.
func (s *Space) FindAll(ctx context.Context, lit []byte, from addr.Addr, align uint64) iter.Seq2[addr.Addr, error] {
	return s.findAll(ctx, "hex:"+hex.EncodeToString(lit), from, patterns.Target{Align: align})
}

// Find is the lowest address that FindAll would yield, and whether there is
// one. The search stops as soon as it is known.
func (s *Space) Find(ctx context.Context, lit []byte, from addr.Addr, align uint64) (addr.Addr, bool, error) {
	for a, err := range s.FindAll(ctx, lit, from, align) {
		return a, err == nil, err
	}
	return 0, false, nil
}

// FindPointer yields the addresses, ascending and aligned to a word, of the
// words that are equal to target. For its end see [Space.FindAll].
func (s ArchSpace) FindPointer(ctx context.Context, target addr.Addr) iter.Seq2[addr.Addr, error] {
	return s.findAll(ctx, fmt.Sprintf("ptr:%v", target), 0, patterns.Target{
		WordSize: s.arch.WordSize(), Order: s.arch.Order(), OrderKnown: true,
	})
}

func (s *Space) findAll(ctx context.Context, pattern string, from addr.Addr, t patterns.Target) iter.Seq2[addr.Addr, error] {
	return func(yield func(addr.Addr, error) bool) {
		sc, err := s.compileOne(pattern, from, t)
		if err != nil {
			yield(0, err)
			return
		}
		for h, err := range sc.All(ctx) {
			if !yield(h.Addr, err) {
				return
			}
		}
	}
}

func (s *Space) compileOne(pattern string, from addr.Addr, t patterns.Target) (*Scanner, error) {
	p, err := patterns.Parse(pattern)
	if err != nil {
		return nil, err
	}
	set, err := patterns.Compile([]patterns.Pattern{p}, t)
	if err != nil {
		return nil, err
	}
	return Compile(s, set, Options{Ranges: []addr.Range{{First: from, Last: addr.Max}}})
}
