package engine

import (
	"context"
	"iter"

	"vscan/engine/addr"
	"vscan/patterns"
)

// FindAll yields the addresses ≥ from, ascending, at which the bytes of lit
// stand and which are multiples of align (with 0 and 1, all). Every occurrence
// counts, also one that overlaps another or runs from one mapping into the next;
// holes and absent bytes are passed over. It is a [Scanner] with one pattern. If
// there is an error, a last pair has it; where bytes could not be read, it is an
// [*IncompleteError].
func (s *Space) FindAll(ctx context.Context, lit []byte, from addr.Addr, align uint64) iter.Seq2[addr.Addr, error] {
	return s.findAll(ctx, patterns.Bytes(lit), from, patterns.Target{Align: align})
}

// Find returns the lowest address that FindAll would yield, and whether there is
// one. The search stops as soon as that is known. For the error see
// [Scanner.First].
func (s *Space) Find(ctx context.Context, lit []byte, from addr.Addr, align uint64) (addr.Addr, bool, error) {
	sc, err := s.compileOne(ctx, patterns.Bytes(lit), from, patterns.Target{Align: align})
	if err != nil {
		return 0, false, err
	}
	h, found, err := sc.First(ctx)
	return h.Addr, found, err
}

// FindPointer yields the addresses, ascending and aligned to a word, of the
// words that are equal to target. For the error see [Space.FindAll].
func (s ArchSpace) FindPointer(ctx context.Context, target addr.Addr) iter.Seq2[addr.Addr, error] {
	return s.findAll(ctx, patterns.Pointers(addr.Range{First: target, Last: target}), 0, patterns.Target{
		WordSize: s.arch.WordSize(), Order: s.arch.Order(), OrderKnown: true,
	})
}

func (s *Space) findAll(ctx context.Context, pattern patterns.Pattern, from addr.Addr, t patterns.Target) iter.Seq2[addr.Addr, error] {
	return func(yield func(addr.Addr, error) bool) {
		sc, err := s.compileOne(ctx, pattern, from, t)
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

func (s *Space) compileOne(ctx context.Context, pattern patterns.Pattern, from addr.Addr, t patterns.Target) (*Scanner, error) {
	set, err := patterns.Compile(ctx, []patterns.Pattern{pattern}, t)
	if err != nil {
		return nil, err
	}
	return Compile(ctx, s, set, Options{Ranges: []addr.Range{{First: from, Last: addr.Max}}})
}
