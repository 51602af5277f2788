package simd

import (
	"fmt"
	"slices"
)

// A Kernel looks for one thing in a block of memory. It is made once, and any
// number of goroutines may use it at the same time.
type Kernel interface {
	// Scan reports where matches start: every s with from ≤ s < to and
	// s ≡ from modulo the kernel's stride whose Len bytes lie wholly in b,
	// ascending, as offsets into b: dst[:n]. Overlapping matches are all
	// reported; a match may end beyond to, never beyond b.
	//
	// Scan stops early where dst might not hold what comes next. Then next
	// is where to go on, by another call with from = next and the other
	// arguments the same: all hits below next have been reported, and such a
	// call always gets further. Where next ≥ to, all is done. What lies in
	// dst[n:] afterwards is undefined.
	//
	// Scan reads no byte outside b. Where b is longer, it reads none that is
	// further than Len − 1 bytes beyond to; the filters of NewGrams and
	// NewPairs may read a few bytes more. Assembly is entered for at most
	// 128 KiB at a time.
	//
	// Scan panics where len(dst) < MinDst, len(b) > MaxBlock or from < 0, so
	// that such a mistake of the caller shows on the first call.
	Scan(dst []uint32, b []byte, from, to int) (n, next int)

	// Level returns the level of the code that runs, never Auto.
	Level() Level

	// Shape returns the kind of thing that the kernel looks for.
	Shape() Shape

	// Len returns the size of a match in bytes, at least 1.
	Len() int
}

const (
	// MinDst is the least len(dst) that Scan accepts. Some thousands are
	// better: a call does more then.
	MinDst = 128

	// MaxBlock is the longest b that Scan accepts, in bytes: 1 GiB.
	MaxBlock = 1 << 30

	// groupSize is the most starts that a kernel looks at together, in
	// bytes.
	groupSize = 512
)

// clip checks the arguments of a Scan for matches of size bytes, and panics as
// Scan has to. It returns the end of the starts to look at, exclusive: the
// highest number ≤ to such that every match that starts below it lies wholly in
// b. It may be below from.
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

// A Shape is a kind of thing that kernels look for.
type Shape uint8

const (
	Literal      Shape = iota // one string of bytes: NewLiteral
	Masked                    // one string of bytes, of which only the bits of a mask count: NewMasked
	Class                     // one byte that is in a set: NewClass
	Words                     // numbers in a set of ranges: NewWords
	FewLiterals               // some tens of strings: NewTeddy, a filter for package sets
	LiteralSet                // any number of strings: NewGrams, a filter for package sets
	LiteralPairs              // hundreds of strings that are short or masked: NewPairs, a filter for package sets
)

// shapeNames are the names of the shapes, by shape.
var shapeNames = [...]string{"literal", "masked", "class", "words", "few literals", "literals", "pairs of literals"}

// String returns the shape's name.
func (s Shape) String() string {
	if int(s) < len(shapeNames) {
		return shapeNames[s]
	}
	return fmt.Sprintf("shape(%d)", uint8(s))
}

// An implementation is one way to look for things of a shape. A plan of type P
// describes such a thing.
type implementation[P any] struct {
	level Level
	needs features // the predicate: every CPU feature its instructions need
	only  string   // which plans it is for, in words; "" for all
	wide  bool     // its loops use 512-bit operations: Auto leaves it out where those are done in two halves
	// make returns the kernel for a plan, nil where this implementation does
	// not suit it.
	make func(plan P) Kernel
}

// choose makes a kernel for the plan, by the last of impls that is at or below
// the level, suits the plan and runs on this machine. A level that the machine
// lacks is an error. impls must ascend by level and, within a level, by what
// they need.
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

// leftOut reports whether Auto prefers the implementations before this one.
func (im *implementation[P]) leftOut() bool { return im.wide && splits512() }

// A Row tells what there is for one shape at one level.
type Row struct {
	Shape    Shape
	Level    Level
	Compiled bool   // the shape has a kernel of this level in this program
	Err      error  // why it does not run on this machine; nil where it does
	Auto     bool   // Auto chooses it, for what Only says
	Only     string // what the kernel is for, in words; "" for the whole shape
}

// Table returns a row for every shape at every level, ascending by shape, then
// level: what is in this program, what runs on this machine, and what Auto
// chooses. Where a row with Auto has an Only, Auto chooses the next lower row
// that runs for the rest of the shape.
func Table() []Row {
	return slices.Concat(rows(Literal, literals), rows(Masked, maskeds), rows(Class, classes),
		rows(Words, words), rows(FewLiterals, teddies), rows(LiteralSet, gramFilters), rows(LiteralPairs, pairFilters))
}

// rows returns the rows of Table for one shape.
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
