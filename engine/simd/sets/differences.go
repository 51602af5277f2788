package sets

import (
	"bytes"
	"slices"

	"vscan/engine/simd"
)

// This file says in what sets of differences of neighbouring bytes (keyed.go) are looked for in other
// ways than sets of plain literals. Differences of text tell less than text, some 5 bits a byte, so that
// short grams are common. They are zero wherever a byte is repeated; where such runs end, all memory
// is alike.

// addRuns adds the part for literals that are zeros and nothing else, if there are any.
func (k *setKernel) addRuns(level simd.Level, lits []uint32) error {
	if len(lits) == 0 {
		return nil
	}
	part, err := newRunPart(level, k.literalSet, lits)
	k.parts = append(k.parts, part)
	return err
}

// isZeros reports whether all bytes of a literal are zero.
func isZeros(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

const (
	// From longDifferences bytes on, literals have grams of 8 bytes at stride 4. Where more than
	// manyShort are shorter, these are looked for at stride 2.
	longDifferences, manyShort = 11, 512

	// Literals of fewer than tinyBelow bytes are apart from others at stride 2.
	tinyBelow = 7
)

// partDifferences moves literals of differences to lower strides: many short ones to 2, so that grams have
// 6 bytes at least, and those that at strides 4 and 2 would have to be looked for among zeros to 1.
func (set *literalSet) partDifferences(kinds map[litKind][]gramLiteral) {
	move := func(from, to litKind, is func(l gramLiteral) bool) {
		kinds[from] = slices.DeleteFunc(kinds[from], func(l gramLiteral) bool {
			set.check.Step(1)
			moves := is(l)
			if moves {
				kinds[to] = append(kinds[to], l)
			}
			return moves
		})
		if len(kinds[from]) == 0 {
			delete(kinds, from)
		}
	}
	isShort := func(l gramLiteral) bool { return l.last-l.first < longDifferences }
	short := 0
	for _, l := range kinds[litKind{stride: 4}] {
		if isShort(l) {
			short++
		}
	}
	if short > manyShort {
		move(litKind{stride: 4}, litKind{stride: 2}, isShort)
	}
	for _, from := range []litKind{{stride: 4}, {stride: 2}} {
		size := gramSize(kinds[from], from.stride)
		move(from, litKind{stride: 1}, func(l gramLiteral) bool { return !set.zeroFree(l, from.stride, size) })
	}
}

// isTiny reports whether a literal is apart from others of stride 2 in a set of differences.
func isTiny(l gramLiteral) bool { return l.last-l.first < tinyBelow }

// tinyDifferences returns those of the literals of a kind that are apart from the others.
func (set *literalSet) tinyDifferences(c litKind, lits []gramLiteral) (tiny []gramLiteral) {
	if set.differences && c.stride == 2 {
		for _, l := range lits {
			if isTiny(l) {
				tiny = append(tiny, l)
			}
		}
	}
	return tiny
}
