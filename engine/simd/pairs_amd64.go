//go:build !purego

package simd

// pairsAssembled lists the filters of pairs_amd64.s.
var pairsAssembled = []implementation[*Pairs]{
	{level: AVX2, only: "some hundreds", needs: pairsAVX2Needs, make: newPairAVX2},
	{level: AVX512, only: "some hundreds", needs: pairsVBMINeeds, make: newPairVBMI},
}

// These are all CPU features that the instructions of each filter need.
var (
	pairsAVX2Needs = features{fAVX, fAVX2, fBMI1, fPOPCNT}
	pairsVBMINeeds = features{fAVX, fAVX512F, fAVX512BW, fAVX512VBMI, fAVX512VBMI2, fPOPCNT}
)

//go:noescape
func scanPairsAVX2(st *pairState)

//go:noescape
func scanPairsVBMI(st *pairState)

// pairState is what the assembly is handed.
type pairState struct {
	blk     block
	bytes   *[PairExcerpt][256]byte
	nibbles *[2][PairExcerpt][2][16]byte
	zeros   bool // whether an excerpt may begin with a pair of zeros
}

// pairAsm looks up the buckets first: those by nibbles with AVX2, those by
// whole bytes with AVX-512.
type pairAsm struct {
	*Pairs
	of    Level
	zeros bool // whether the pair of two zeros is in the set
}

func newPairAVX2(p *Pairs) Kernel {
	if p.NibbleRate > maxBucketRate {
		return nil
	}
	return newPairAsm(p, AVX2)
}

func newPairVBMI(p *Pairs) Kernel {
	if p.Rate > maxBucketRate {
		return nil
	}
	return newPairAsm(p, AVX512)
}

func newPairAsm(p *Pairs, of Level) Kernel { return pairAsm{p, of, p.Bits.Has(0)} }

func (k pairAsm) Level() Level { return k.of }

// Scan leaves the last starts to Go, behind which there is less than a vector
// and the rest of an excerpt.
func (k pairAsm) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	st := pairState{bytes: &k.bytes, nibbles: &k.nibbles, zeros: k.zeros}
	blk := &st.blk
	if !blk.begin(dst, b, from, end) {
		return 0, to
	}
	for wide := min(end, len(b)-PairExcerpt+1); blk.pos+64 <= wide && blk.cap-blk.n >= slack; {
		blk.end = min(wide, blk.pos+asmBlock)
		n := blk.n
		if k.of == AVX2 {
			scanPairsAVX2(&st)
		} else {
			scanPairsVBMI(&st)
		}
		blk.n = n + k.keepPairs(b, dst[n:blk.n])
	}
	if blk.cap-blk.n < slack {
		return blk.n, blk.pos
	}
	n, next = k.each(dst, blk.n, b, blk.pos, end)
	if next >= end {
		next = to
	}
	return n, next
}
