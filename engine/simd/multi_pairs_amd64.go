//go:build !purego

package simd

// pairsAssembled is the filter of multi_pairs_amd64.s.
var pairsAssembled = []implementation[*pairPlan]{
	{level: AVX512, only: "VBMI", needs: pairsVBMINeeds, make: newPairVBMI},
}

// pairsVBMINeeds is every CPU feature that the instructions of the filter need.
var pairsVBMINeeds = features{fAVX, fAVX512F, fAVX512BW, fAVX512VBMI, fAVX512VBMI2, fPOPCNT}

//go:noescape
func scanPairsVBMI(st *pairState)

// pairState is what the assembly is handed.
type pairState struct {
	blk    block
	tables *[pairWindow][256]byte
	zeros  bool // whether a window can be zeros
}

// pairVBMI asks the buckets first.
type pairVBMI struct{ *pairPlan }

func newPairVBMI(p *pairPlan) Kernel {
	if p.rate > maxBucketRate {
		return nil
	}
	return pairVBMI{p}
}

func (pairVBMI) Level() Level { return AVX512 }

// Scan leaves to Go the last starts, where there is less than a vector and the
// rest of a window.
func (k pairVBMI) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	st := pairState{tables: &k.bytes, zeros: k.windowAt(make([]byte, pairWindow), 0)}
	blk := &st.blk
	if !blk.begin(dst, b, from, end) {
		return 0, to
	}
	for wide := min(end, len(b)-pairWindow+1); blk.pos+64 <= wide && blk.cap-blk.n >= slack; {
		blk.end = min(wide, blk.pos+asmBlock)
		n := blk.n
		scanPairsVBMI(&st)
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
