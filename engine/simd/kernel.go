package simd

import (
	"fmt"
	"slices"
)

// Kernel looks for one thing in a block of memory. It is made once, never
// changes and may be used by any number of goroutines at a time.
type Kernel interface {
	// Scan reports where matches start: every s with from ≤ s < to and
	// s ≡ from modulo the kernel's stride whose Len bytes lie wholly in b,
	// ascending, as offsets into b: dst[:n]. Overlapping matches are all
	// reported; a match may end beyond to, never beyond b.
	//
	// Scan stops early when dst may be full. Then next is where to go on, by
	// another call with from = next and the rest the same; hits below next
	// have all been reported, and such a call always gets further. When next
	// ≥ to, all is done. What lies in dst[n:] afterwards is undefined.
	//
	// No byte outside b is read, nor one that is further than Len − 1 bytes
	// beyond to where b is longer. Assembly is entered for at most 128 KiB
	// at a time.
	//
	// Scan panics where len(dst) < MinDst, len(b) > MaxBlock or from < 0:
	// mistakes of the caller, found on the first call.
	Scan(dst []uint32, b []byte, from, to int) (n, next int)

	// Level is the level of the code that runs, never Auto.
	Level() Level

	// Shape is what kind of thing the kernel looks for.
	Shape() Shape

	// Len is the bytes of a match, at least 1.
	Len() int
}

const (
	// MinDst is the least len(dst) that Scan accepts. Some thousands make
	// better use of a call.
	MinDst = 128

	// MaxBlock is the longest b that Scan accepts, in bytes: 1 GiB.
	MaxBlock = 1 << 30

	// groupSize is the most bytes of starts that a kernel looks at together.
	groupSize = 512
)

// clip checks the arguments of a Scan for matches of size bytes, and is the
// end of the starts to look at: exclusive, at most to, and such that a match
// that starts below it lies wholly in b.
func clip(dst []uint32, b []byte, from, to, size int) int {
	switch {
	case len(dst) < MinDst:
		panic(fmt.Sprintf("simd: room for %d offsets, want at least %d", len(dst), MinDst))
	case len(b) > MaxBlock:
		panic(fmt.Sprintf("simd: a block of %d bytes, want at most %d", len(b), MaxBlock))
	case from < 0:
		panic(fmt.Sprintf("simd: scan from %d", from))
	}
	return min(to, len(b)-size+1)
}

// Shape is a kind of thing that kernels look for.
type Shape uint8

const (
	Literal      Shape = iota // one string of bytes: NewLiteral
	Masked                    // one string of bytes of which not all bits count: NewMasked
	Class                     // one byte that is in a set: NewClass
	Words                     // numbers in a set of ranges: NewWords
	FewLiterals               // some tens of strings: NewTeddy, a filter of package sets
	LiteralSet                // any number of strings: NewGrams, the same
	LiteralPairs              // hundreds of strings that are short or masked: NewPairs, the same
)

// shapeNames are the names of the shapes, by shape.
var shapeNames = [...]string{"literal", "masked", "class", "words", "few literals", "literals", "pairs of literals"}

// String is the shape's name.
func (s Shape) String() string {
	if int(s) < len(shapeNames) {
		return shapeNames[s]
	}
	return fmt.Sprintf("shape(%d)", uint8(s))
}

// implementation is one way to look for things of a shape that a plan of type
// P describes.
type implementation[P any] struct {
	level Level
	needs features // the predicate: every CPU feature its instructions need
	only  string   // the plans it is made for, in words; "" for all
	wide  bool     // its loops are of 512-bit operations: Auto leaves it out where those are split in halves
	// make is the kernel for a plan, nil where this implementation is not
	// made for it.
	make func(plan P) Kernel
}

// choose makes a kernel for the plan: of the highest implementation at or
// below the level that suits the plan and runs here. A level that the machine
// lacks is an error. impls ascend by level; what needs more comes later.
func choose[P any](level Level, impls []implementation[P], plan P) (Kernel, error) {
	if err := level.Check(); err != nil {
		return nil, err
	}
	for _, im := range slices.Backward(impls) {
		if level != Auto && im.level > level || len(im.needs.missing()) > 0 || level == Auto && im.leftOut() {
			continue
		}
		if k := im.make(plan); k != nil {
			return k, nil
		}
	}
	panic("simd: the reference suits every plan")
}

// leftOut says whether Auto prefers what is below the implementation.
func (im *implementation[P]) leftOut() bool { return im.wide && splits512() }

// Row says how one shape stands at one level.
type Row struct {
	Shape    Shape
	Level    Level
	Compiled bool   // the shape has a kernel of this level in this program
	Err      error  // why that does not run here; nil where it does
	Auto     bool   // the one that Auto chooses, for what Only says
	Only     string // what the kernel is made for, "" for the whole shape
}

// Table is every shape at every level, ascending by shape, then level: what
// is in this program, what runs on this machine, and what Auto chooses.
// Where a row with Auto has an Only, the rest of the shape gets the next lower
// row that runs.
func Table() []Row {
	return slices.Concat(rows(Literal, literals), rows(Masked, maskeds), rows(Class, classes),
		rows(Words, words), rows(FewLiterals, teddies), rows(LiteralSet, gramFilters), rows(LiteralPairs, pairFilters))
}

// rows is the part of Table for one shape.
func rows[P any](shape Shape, impls []implementation[P]) []Row {
	var out []Row
	best := -1
	for l := Reference; int(l) < len(levelNames); l++ {
		r := Row{Shape: shape, Level: l, Err: l.Check()}
		for _, im := range slices.Backward(impls) {
			if im.level != l {
				continue
			}
			err := l.Check()
			if err == nil {
				err = im.needs.check(l)
			}
			chosen := err == nil && !im.leftOut()
			if !r.Compiled || chosen || err == nil && r.Err != nil {
				r.Compiled, r.Only, r.Err = true, im.only, err
			}
			if chosen {
				best = len(out)
				break
			}
		}
		if !r.Compiled && r.Err == nil {
			r.Err = fmt.Errorf("kernel level %s: none for %s", l, shape)
		}
		out = append(out, r)
	}
	out[best].Auto = true
	return out
}
