package simd

import (
	"encoding/binary"
	"fmt"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// pointerMemory returns memory full of words: a quarter of them zero, a quarter
// small numbers, and half pointers, of which half lead to within 1 GiB from
// 0x7f5500000000, the others to a heap of 64 MiB and to a kernel.
func pointerMemory(size int) []byte {
	mem := make([]byte, size)
	rng := testenv.From(11, 12)
	for at := 0; at+8 <= size; at += 8 {
		v := rng.Uint64()
		kind := v >> 61
		switch v &= 1<<61 - 1; kind {
		case 0, 1:
			v = 0
		case 2, 3:
			v >>= 45 + v%16
		case 4, 5:
			v = 0x7f5500000000 + v%(1<<30)
		case 6:
			v = 0x555555000000 + v%(64<<20)
		case 7:
			v = 0xffff888000000000 + v%(16<<30)
		}
		binary.LittleEndian.PutUint64(mem[at:], v)
	}
	return mem
}

// spreadRanges returns n ranges of so many numbers each, from lo on, step apart
// with some disorder.
func spreadRanges(n int, lo, step, numbers uint64) []WordRange {
	rng := testenv.From(13, 14)
	out := make([]WordRange, n)
	for i := range out {
		at := lo + uint64(i)*step + rng.Uint64N(step-numbers)&^0xfff
		out[i] = WordRange{at, at + numbers - 1}
	}
	return out
}

// hashes returns n single numbers of 64 bits from anywhere above 2^48.
func hashes(n int) []WordRange {
	rng := testenv.From(15, 16)
	ends := make([]uint64, 0, 2*n)
	for range n {
		v := rng.Uint64() | 1<<48
		ends = append(ends, v, v)
	}
	return rangesOf(ends)
}

// heaps returns n ranges of 256 numbers in a hundred heaps of 1 MiB, far apart.
func heaps(n int) []WordRange {
	var out []WordRange
	for heap := range uint64(100) {
		out = append(out, spreadRanges(n/100, 0x7e0000000000+heap*0x2c0000000, 1<<20/(uint64(n)/100), 256)...)
	}
	return out
}

// heapMemory returns memory full of pointers into heaps.
func heapMemory(size int) []byte {
	mem := make([]byte, size)
	rng := testenv.From(23, 24)
	for at := 0; at+8 <= size; at += 8 {
		if v := rng.Uint64(); v%4 == 0 {
			binary.LittleEndian.PutUint64(mem[at:], 0x7e0000000000+v>>8%100*0x2c0000000+v>>16%(1<<20))
		}
	}
	return mem
}

// BenchmarkWordsRoof does what BenchmarkRoof does, for words of all kinds. The
// memories are that of the other benchmarks, one full of pointers, and, where
// there is one, the image of a real memory.
func BenchmarkWordsRoof(b *testing.B) {
	mems := append(roofMemories(b)[1:], benchMem{"pointers", pointerMemory(256 << 20)}, benchMem{"heaps", heapMemory(64 << 20)})
	one := []WordRange{{0x7f5500001000, 0x7f5500001fff}}
	elsewhere := spreadRanges(1000, 0x2a5500000000, 1<<22, 1<<12)
	pages := spreadRanges(1000, 0x7f5500000000, 1<<22, 1<<12)
	dense := spreadRanges(1000, 0x7f5500000000, 1<<20, 1<<20-1<<12)
	many := spreadRanges(100_000, 0x7f5500000000, 1<<14, 1<<12)
	for _, c := range []struct {
		name string
		spec WordSpec
	}{
		{"one-u64", WordSpec{Size: 8, Stride: 8, Ranges: one}},
		{"one-u64be", WordSpec{Size: 8, Stride: 8, Order: addr.Big, Ranges: one}},
		{"one-u32", WordSpec{Size: 4, Stride: 4, Ranges: []WordRange{{0x80001000, 0x80001fff}}}},
		{"8-u64", WordSpec{Size: 8, Stride: 8, Ranges: elsewhere[:8]}},
		{"1000-elsewhere", WordSpec{Size: 8, Stride: 8, Ranges: elsewhere}},
		{"1000-pages", WordSpec{Size: 8, Stride: 8, Ranges: pages}},
		{"1000-dense", WordSpec{Size: 8, Stride: 8, Ranges: dense}},
		{"100000-ranges", WordSpec{Size: 8, Stride: 8, Ranges: many}},
		{"100000-hashes", WordSpec{Size: 8, Stride: 8, Ranges: hashes(100_000)}},
		{"100000-in-heaps", WordSpec{Size: 8, Stride: 8, Ranges: heaps(100_000)}},
		{"one-u64/1", WordSpec{Size: 8, Stride: 1, Ranges: one}},
		{"one-u64/2", WordSpec{Size: 8, Stride: 2, Ranges: one}},
		{"one-u64/4", WordSpec{Size: 8, Stride: 4, Ranges: one}},
		{"small-u64/1", WordSpec{Size: 8, Stride: 1, Ranges: []WordRange{{0x123000, 0x123fff}}}},
		{"one-u32/1", WordSpec{Size: 4, Stride: 1, Ranges: []WordRange{{0x80fe1000, 0x80fe1fff}}}},
		{"1000-pages/1", WordSpec{Size: 8, Stride: 1, Ranges: pages}},
		{"one-u16", WordSpec{Size: 2, Stride: 2, Ranges: []WordRange{{0xfdf0, 0xfdff}}}},
		{"one-u16/1", WordSpec{Size: 2, Stride: 1, Ranges: []WordRange{{0xfdf0, 0xfdff}}}},
		{"one-u8", WordSpec{Size: 1, Stride: 1, Ranges: []WordRange{{0xfa, 0xfd}}}},
		{"one-u64/16", WordSpec{Size: 8, Stride: 16, Ranges: one}},
		{"one-u64/64", WordSpec{Size: 8, Stride: 64, Ranges: one}},
	} {
		for _, m := range mems {
			count, err := NewWords(Generic, c.spec)
			if err != nil {
				b.Fatal(err)
			}
			want := len(simdtest.ScanAll(b, count, m.mem, 0, len(m.mem), 1<<16))
			for _, l := range benchLevels() {
				if l == Generic {
					continue
				}
				k, err := NewWords(l, c.spec)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("%s/mem=%s/%s", c.name, m.Name, l), func(b *testing.B) {
					alternate(b, k, m.mem, want)
					b.ReportMetric(float64(want), "hits")
				})
			}
		}
	}
}

// BenchmarkNewWords measures making a kernel: for sets of 100,000 ranges, that
// takes less than 20 ms.
func BenchmarkNewWords(b *testing.B) {
	for name, ranges := range map[string][]WordRange{
		"one":           {{1, 2}},
		"1000 ranges":   spreadRanges(1000, 0x7f5500000000, 1<<22, 1<<12),
		"100000 ranges": spreadRanges(100_000, 0x7f5500000000, 1<<14, 1<<12),
		"100000 hashes": hashes(100_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := NewWords(Auto, WordSpec{Size: 8, Stride: 8, Ranges: ranges}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
