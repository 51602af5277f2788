//go:build !purego

package simd

import "unsafe"

// gramsAssembled lists the filters of grams_amd64.s. A later one is
// preferred; where gathers are slow, those that gather return nil, and the
// one that does not takes their place.
var gramsAssembled = []implementation[*Grams]{
	{level: AVX2, needs: gramsNoGatherNeeds, make: newGramsNoGather},
	{level: AVX2, only: "fast gathers", needs: gramsAVX2Needs, make: newGramsAVX2},
	{level: AVX512, only: "fast gathers", needs: gramsAVX512Needs, make: newGramsAVX512},
}

// These are all CPU features that the instructions of each filter need.
var (
	gramsNoGatherNeeds = features{fAVX, fAVX2, fBMI2}
	gramsAVX2Needs     = features{fAVX, fAVX2, fPOPCNT}
	gramsAVX512Needs   = features{fAVX, fAVX512F, fPOPCNT}

	gramTextAVX2Needs   = features{fAVX, fAVX2, fPOPCNT}
	gramTextAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fPOPCNT}
	keepGramsNeeds      = features{fAVX, fBMI2}
)

//go:noescape
func scanGramsNoGather(st *gramState)

//go:noescape
func scanGramsAVX2(st *gramState)

//go:noescape
func scanGramsAVX512(st *gramState)

//go:noescape
func scanGramTextAVX2(st *gramState)

//go:noescape
func scanGramTextAVX512(st *gramState)

//go:noescape
func keepGramsBMI2(st *gramState)

// gramState is what the assembly is handed.
type gramState struct {
	blk   block
	words *uint32
	fold  uint32
	high  uint32 // which bits of a gram's high 4 bytes count
	toBit uint32
	mul   uint32
	zeros Zeros

	text gramText
	kept int // where in out the positions begin that keepGramsBMI2 has to look at
}

// gramText tells with which bytes of ASCII a gram may begin: c is one of them if bit c>>4 of
// low[c&15] is set. high has that bit, at c>>4, and any bit for c ≥ 0x80, for which there is none in low.
type gramText struct{ low, high [16]byte }

// textOf returns it for grams whose first four bytes are in a set, and false where one of these is
// a zero, or is not of ASCII.
func textOf(first *ByteSet) (t gramText, ok bool) {
	for half := range t.high {
		t.high[half] = 1 << (half & 7)
	}
	for c := range first.All {
		if c == 0 || c >= 0x80 {
			return gramText{}, false
		}
		t.low[c&15] |= 1 << (c >> 4)
	}
	return t, true
}

// gramsAsm is a filter whose loop is in assembly. It has two ways. The first hashes the gram at
// each position and looks it up, which takes the same time whatever the memory. The second is for
// grams that begin with ASCII: whether bytes are such as grams begin with takes a tenth of that
// time, and only where four of them stand is the gram looked up. Where most memory is text, the
// second way takes longer than the first.
type gramsAsm struct {
	*Grams
	of      Level
	gathers bool
	text    bool      // the second way can be gone
	st      gramState // all but blk
}

const (
	// textBlock is how many bytes are looked at together by the second way.
	textBlock = 4 << 10

	// maxText is the most positions, of a textBlock's, whose bytes may be such as grams begin
	// with, where the second way is the faster one.
	maxText = textBlock / 4 * 3 / 8

	// maxPause is for how many blocks at most the first way is gone after one that is text.
	maxPause = 16
)

func newGramsNoGather(g *Grams) Kernel { return newGramsAsm(g, AVX2, false) }

func newGramsAVX2(g *Grams) Kernel {
	if slowGathers() {
		return nil
	}
	return newGramsAsm(g, AVX2, true)
}

func newGramsAVX512(g *Grams) Kernel {
	if slowGathers() {
		return nil
	}
	return newGramsAsm(g, AVX512, true)
}

func newGramsAsm(g *Grams, of Level, gathers bool) Kernel {
	text, ok := textOf(&g.first)
	needs := gramTextAVX2Needs
	if of == AVX512 {
		needs = gramTextAVX512Needs
	}
	ok = ok && len(needs.missing()) == 0 && len(keepGramsNeeds.missing()) == 0
	return &gramsAsm{g, of, gathers, ok, gramState{
		words: unsafe.SliceData(g.words), fold: uint32(g.Fold), high: uint32(g.Mask >> 32),
		toBit: g.toBit, mul: g.mul, zeros: g.Zeros, text: text,
	}}
}

func (k *gramsAsm) Level() Level { return k.of }

// Scan leaves the grams near the ends of b to Go: the assembly reads 8 bytes
// at each gram, and up to 4 more on either side of 64 bytes of grams.
func (k *gramsAsm) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Size)
	if from < 4 {
		n, from = k.each(dst, 0, b, from, min(end, 4))
	}
	st := k.st
	blk := &st.blk
	blk.begin(dst, b, from, end)
	blk.n = n
	wide := min(end, len(b)-8)
	resume, pause := blk.pos, 1 // where the second way goes on, and after how many blocks if the next one is text
	if !k.text {
		resume = wide
	}
	for blk.pos+64 <= wide && blk.cap-blk.n >= slack {
		if blk.pos < resume {
			blk.end = min(wide, resume, blk.pos+asmBlock)
			k.look(&st)
			continue
		}
		pos, n := blk.pos, blk.n
		blk.end = min(wide, pos+textBlock)
		if !k.lookText(&st) {
			blk.pos, blk.n = pos, n
			resume = pos + pause*textBlock
			pause = min(2*pause, maxPause)
			continue
		}
		pause = 1
	}
	if blk.cap-blk.n < slack {
		return blk.n, blk.pos
	}
	n, next = k.each(dst, blk.n, b, blk.pos, end)
	if next >= end {
		next = max(next, to)
	}
	return n, next
}

// look looks at the block the first way.
func (k *gramsAsm) look(st *gramState) {
	switch { // a function stored in k would make st escape to the heap
	case !k.gathers:
		scanGramsNoGather(st)
	case k.of == AVX2:
		scanGramsAVX2(st)
	default:
		scanGramsAVX512(st)
	}
}

// lookText looks at the block, of at most textBlock bytes, the second way. It returns false where
// that takes longer than the first way; then what it left in the block does not count.
func (k *gramsAsm) lookText(st *gramState) bool {
	st.kept = st.blk.n
	if k.of == AVX512 {
		scanGramTextAVX512(st)
	} else {
		scanGramTextAVX2(st)
	}
	if st.blk.n-st.kept > maxText {
		return false
	}
	keepGramsBMI2(st)
	return true
}
