package simd

import (
	"errors"
	"fmt"

	"vscan/engine/addr"
)

// A WordRange is the unsigned numbers from Lo to Hi, both included.
type WordRange struct{ Lo, Hi uint64 }

// A WordSpec says which words to look for, and where.
type WordSpec struct {
	// Size is the size of a word in bytes: 1, 2, 4 or 8.
	Size int

	// Order is the byte order of the words; its zero value is little-endian.
	Order addr.ByteOrder

	// Ranges is the numbers to report: at least one range, ascending,
	// disjoint, and none with numbers above the largest of Size bytes.
	// Ranges may touch. A single number is a range with both ends equal.
	Ranges []WordRange

	// Stride is the bytes from one word to the next, from 1 to MaxBlock.
	// With Size, words are found where they are aligned, with 1, anywhere.
	// Places are counted from the from of a Scan: that this is an aligned
	// address is up to the caller.
	Stride int
}

// NewWords makes a kernel that finds the words of a spec, of which it keeps no
// part. A spec that is not as WordSpec says is an error. The kernel takes 32
// bytes of memory a range. For several ranges it has tables besides: 80 to 160
// bytes a range, but at least 5 KiB, or 80 KiB for words of 2 bytes, and at most
// 1.5 MiB; and where many ranges lie close together and far from the others, up
// to 150 bytes for each of these, at most twice.
//
// Reference and Generic cover every spec. AVX2 covers words every 1, 2, 4, 8, 16
// or 32 bytes, AVX512 those every 64 bytes as well. For other specs these levels
// give the kernel of the next lower level that covers them, which its Level
// tells. A level that this machine lacks is an error.
func NewWords(level Level, spec WordSpec) (Kernel, error) {
	p, err := newWordsPlan(spec)
	if err != nil {
		return nil, err
	}
	return choose(level, words, p)
}

// words lists the implementations of Words, ascending by level.
var words = append([]implementation[*wordsPlan]{
	{level: Reference, make: newWordsRef},
	{level: Generic, make: newWordsGo},
}, wordsAssembled...)

// A wordsPlan holds what the kernels for words share. INVARIANT: spec is valid,
// and its ranges have a gap between any two.
type wordsPlan struct {
	spec WordSpec
	set  *wordSet // the ranges, to look words up in; nil where one comparison tells whether a word is in them
}

func newWordsPlan(spec WordSpec) (*wordsPlan, error) {
	switch spec.Size {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("words of %d bytes: want 1, 2, 4 or 8", spec.Size)
	}
	if spec.Stride < 1 || spec.Stride > MaxBlock {
		return nil, fmt.Errorf("words every %d bytes: want 1 to %d", spec.Stride, MaxBlock)
	}
	if len(spec.Ranges) == 0 {
		return nil, errors.New("words in no range at all")
	}
	largest := ^uint64(0) >> (64 - 8*spec.Size)
	merged := make([]WordRange, 0, len(spec.Ranges))
	for i, r := range spec.Ranges {
		switch {
		case r.Lo > r.Hi:
			return nil, fmt.Errorf("words from %#x to %#x: the ends are not in order", r.Lo, r.Hi)
		case r.Hi > largest:
			return nil, fmt.Errorf("words to %#x: %d bytes hold at most %#x", r.Hi, spec.Size, largest)
		case i > 0 && r.Lo <= spec.Ranges[i-1].Hi:
			return nil, fmt.Errorf("words from %#x after words to %#x: ranges have to ascend and not to overlap",
				r.Lo, spec.Ranges[i-1].Hi)
		}
		if n := len(merged); n > 0 && merged[n-1].Hi+1 == r.Lo {
			merged[n-1].Hi = r.Hi
		} else {
			merged = append(merged, r)
		}
	}
	spec.Ranges = merged
	p := &wordsPlan{spec: spec}
	if len(merged) > 1 || spec.Size == 8 && spec.Stride < 8 {
		p.set = newWordSet(merged)
	}
	return p, nil
}

// has reports whether a word is one to report.
func (p *wordsPlan) has(v uint64) bool {
	if p.set == nil {
		r := p.spec.Ranges[0]
		return v-r.Lo <= r.Hi-r.Lo
	}
	return p.set.has(v)
}

func (p *wordsPlan) Shape() Shape { return Words }

func (p *wordsPlan) Len() int { return p.spec.Size }
