//go:build !purego

package simd

// classesAssembled lists the kernels of class_amd64.s.
var classesAssembled = []implementation[*classPlan]{
	{level: AVX2, needs: classAVX2Needs, make: newClassAVX2},
	{level: AVX512, needs: classAVX512Needs, make: newClassAVX512},
	{level: AVX512, needs: classVBMI2Needs, make: newClassVBMI2},
}

// These are all CPU features that the instructions of each kernel need.
var (
	classAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	classAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
	classVBMI2Needs  = features{fAVX, fAVX512F, fAVX512BW, fBMI2, fPOPCNT, fAVX512VBMI2}
)

//go:noescape
func scanClassAVX2(st *classState)

//go:noescape
func scanClassAVX512(st *classState)

//go:noescape
func scanClassVBMI2(st *classState)

// classState is what the assembly is handed.
type classState struct {
	blk    block
	tables *classTables
}

// classTables are the tables in which the assembly looks bytes up, repeated
// for every 16 bytes of a vector.
type classTables struct {
	low, high [64]uint8 // classPlan.rows, for bytes below 0x80 and from 0x80 on
	bit       [64]uint8 // 1 << h%8 for a high nibble h
}

func newClassTables(p *classPlan) *classTables {
	t := new(classTables)
	for i := range 64 {
		t.low[i], t.high[i], t.bit[i] = p.rows[0][i%16], p.rows[1][i%16], 1<<(i%8)
	}
	return t
}

type classAVX2 struct {
	*classPlan
	tables *classTables
}

func newClassAVX2(p *classPlan) Kernel { return &classAVX2{p, newClassTables(p)} }

func (*classAVX2) Level() Level { return AVX2 }

func (k *classAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	if end < 32 {
		// There are too few bytes for a vector that ends with the
		// last of them.
		return newClassGo(k.classPlan).Scan(dst, b, from, to)
	}
	st := classState{tables: k.tables}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(0, end, 1) {
		scanClassAVX2(&st)
	}
	return st.blk.result(end, to)
}

type classAVX512 struct {
	*classPlan
	tables *classTables
}

func newClassAVX512(p *classPlan) Kernel { return &classAVX512{p, newClassTables(p)} }

func (*classAVX512) Level() Level { return AVX512 }

func (k *classAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	st := classState{tables: k.tables}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(0, end, 1) {
		scanClassAVX512(&st)
	}
	return st.blk.result(end, to)
}

// classVBMI2 differs from classAVX512 only in how it stores offsets.
type classVBMI2 struct{ classAVX512 }

func newClassVBMI2(p *classPlan) Kernel { return &classVBMI2{classAVX512{p, newClassTables(p)}} }

func (k *classVBMI2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	st := classState{tables: k.tables}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(0, end, 1) {
		scanClassVBMI2(&st)
	}
	return st.blk.result(end, to)
}
