//go:build unix

package simd

import (
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// guardPairs are the lengths at which every from is tried with every to where tests run
// at full length; else, and at other lengths, one of them stays at its end of the block.
var guardPairs = []int{1, 2, 31, 32, 33, 63, 64, 65, 66, 95, 96, 97, 127, 128, 129, 130}

// fromTo calls f with pairs of from and to for a block of n bytes.
func fromTo(n int, f func(from, to int)) {
	if slices.Contains(guardPairs, n) && testenv.Long() {
		for from := 0; from <= n; from++ {
			for to := from; to <= n; to++ {
				f(from, to)
			}
		}
		return
	}
	for i := 0; i <= n; i++ {
		f(i, n)
		f(0, i)
	}
	f(n/3, n-n/3)
}

// TestLiteralGuard scans blocks at either edge of readable memory, of every
// length from 0 to 130 and thus at every phase, with every from and every to.
func TestLiteralGuard(t *testing.T) {
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 1, 2)
	for i := range mem {
		mem[i] = 'a' + byte(rng.IntN(2))
	}
	ref := map[string]Kernel{}
	lits := []string{"a", "ab", "aa", "aba", "abbab", "aaaaaaaa", "abababab!", "abaabaab", "bbbbbbbbbbbbbbbbb",
		string(mem[20:84]), string(mem[9:74]), string(mem[:100]), string(mem[len(mem)-130:])}
	for _, lit := range lits {
		ref[lit], _ = NewLiteral(Reference, []byte(lit))
	}
	compared(t, func(t *testing.T, l Level) {
		dst := make([]uint32, 512)
		for _, lit := range lits {
			k, err := NewLiteral(l, []byte(lit))
			if err != nil {
				t.Fatal(err)
			}
			guardScans(t, mem, k, ref[lit], dst)
		}
	})
}

// TestMaskedGuard does so for masked literals, with wildcards at their ends
// too.
func TestMaskedGuard(t *testing.T) {
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 15, 16)
	for i := range mem {
		mem[i] = 'a' + byte(rng.IntN(2))
	}
	cases := [][2]string{{"a", "\x0f"}, {"ab", "\xff\x00"}, {"ab", "\x00\xff"}, {"aba", "\xff\x00\xff"}, {"abbab", "\x0f\xff\xf0\x00\x0f"},
		{"aaaaaaaa", "\x00\x00\xff\xff\xff\x00\x00\x00"}, {"abababab!", "\xff\xff\xff\xff\xff\x00\x00\xff\x00"},
		{string(mem[20:84]), strings.Repeat("\x0f", 64)}, {string(mem[9:74]), "\x00" + strings.Repeat("\xff", 63) + "\x00"},
		{string(mem[:100]), strings.Repeat("\x00\xff", 50)}, {string(mem[len(mem)-130:]), strings.Repeat("\xff\x0f", 65)}}
	compared(t, func(t *testing.T, l Level) {
		dst := make([]uint32, 512)
		for _, c := range cases {
			k, err := NewMasked(l, []byte(c[0]), []byte(c[1]))
			if err != nil {
				t.Fatal(err)
			}
			ref, _ := NewMasked(Reference, []byte(c[0]), []byte(c[1]))
			guardScans(t, mem, k, ref, dst)
		}
	})
}

// TestClassGuard does so for classes.
func TestClassGuard(t *testing.T) {
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 17, 18)
	for i := range mem {
		mem[i] = byte(rng.IntN(256))
	}
	compared(t, func(t *testing.T, l Level) {
		dst := make([]uint32, 512)
		for _, set := range classSets[5:] {
			k, err := NewClass(l, set)
			if err != nil {
				t.Fatal(err)
			}
			ref, _ := NewClass(Reference, set)
			guardScans(t, mem, k, ref, dst)
		}
	})
}

// guardScans compares a kernel with the reference at both edges of mem.
func guardScans(t *testing.T, mem []byte, k, ref Kernel, dst []uint32) {
	t.Helper()
	for n := 0; n <= 130; n++ {
		simdtest.Edges(mem, n, func(b []byte) {
			all := simdtest.ScanAll(t, ref, b, 0, n, 512)
			fromTo(n, func(from, to int) {
				m, next := k.Scan(dst, b, from, to)
				if next < to {
					t.Fatalf("%d bytes from %d to %d: got to %d", n, from, to, next)
				}
				simdtest.Same(t, dst[:m], between(all, from, to), "%+v in %q from %d to %d", k, b, from, to)
			})
		})
	}
}

// TestWordsGuard does so for words, whose kernels look at a fraction of the
// positions.
func TestWordsGuard(t *testing.T) {
	t.Parallel()
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 3, 4)
	for i := range mem {
		mem[i] = byte(rng.IntN(3)) // so that some words of each size are in the ranges
	}
	compared(t, func(t *testing.T, l Level) {
		dst := make([]uint32, 512)
		for _, spec := range guardSpecs {
			k, err := NewWords(l, spec)
			if err != nil {
				t.Fatal(err)
			}
			ref, _ := NewWords(Reference, spec)
			for n := 0; n <= 130; n += testenv.Rounds(7, 5, 1) {
				simdtest.Edges(mem, n, func(b []byte) {
					for phase := range spec.Stride {
						all := simdtest.ScanAll(t, ref, b, phase, n, 512)
						fromTo(n, func(from, to int) {
							if from%spec.Stride != phase {
								return
							}
							m, next := k.Scan(dst, b, from, to)
							if next < to {
								t.Fatalf("%+v in %d bytes from %d to %d: got to %d", spec, n, from, to, next)
							}
							simdtest.Same(t, dst[:m], between(all, from, to), "%+v in %x from %d to %d", spec, b, from, to)
						})
					}
				})
			}
		}
	})
}

// TestLongLiteralGuard looks for a long literal whose probes are far apart, in
// blocks that end with it: at full length of every phase, else of some.
func TestLongLiteralGuard(t *testing.T) {
	const size = 64 << 10
	page := os.Getpagesize()
	mem := simdtest.Guarded(t, size+page)
	rng := testenv.Seeded(t, 5, 6)
	for i := range mem {
		mem[i] = byte(rng.IntN(256))
	}
	perLevel(t, func(t *testing.T, l Level) {
		for n := size; n <= size+130; n += testenv.Rounds(17, 13, 1) {
			simdtest.Edges(mem, n, func(b []byte) {
				for _, at := range []int{0, (n - size) / 2, n - size} {
					k, err := NewLiteral(l, b[at:at+size])
					if err != nil {
						t.Fatal(err)
					}
					simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, n, MinDst), []uint32{uint32(at)}, "%d bytes at %d of %d", size, at, n)
				}
			})
		}
	})
}

// TestMaxBlock scans the end of a block of the largest size, and has a block
// that is a byte too long refused.
func TestMaxBlock(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) < 8 {
		t.Skip("too little address space")
	}
	mem, err := unix.Mmap(-1, 0, MaxBlock+os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Munmap(mem)
	b := mem[:MaxBlock]
	copy(b[MaxBlock-8:], "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5")
	perLevel(t, func(t *testing.T, l Level) {
		lit, err := NewLiteral(l, []byte("\xa5\xa5\xa5"))
		if err != nil {
			t.Fatal(err)
		}
		from := MaxBlock - 64<<10
		simdtest.Same(t, simdtest.ScanAll(t, lit, b, from, MaxBlock, MinDst), []uint32{MaxBlock - 8, MaxBlock - 7, MaxBlock - 6, MaxBlock - 5, MaxBlock - 4, MaxBlock - 3}[:6], "literal at the end of 1 GiB")
		num, err := NewWords(l, aligned(4, 0xa5a5a5a5, 0xa5a5a5a5))
		if err != nil {
			t.Fatal(err)
		}
		simdtest.Same(t, simdtest.ScanAll(t, num, b, from, MaxBlock, MinDst), []uint32{MaxBlock - 8, MaxBlock - 4}, "word at the end of 1 GiB")
		defer func() {
			if recover() == nil {
				t.Error("a block of a byte more than MaxBlock: no panic")
			}
		}()
		lit.Scan(make([]uint32, MinDst), mem[:MaxBlock+1], 0, 1)
	})
}

// At every level, a program can recover from a fault in the memory that is
// scanned, as when a mapped file shrinks, and learn where it was.
func TestFault(t *testing.T) {
	const size = 300 << 10
	hole := size - os.Getpagesize()
	mem := simdtest.Guarded(t, size)
	if err := unix.Mprotect(mem[hole:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	perLevel(t, func(t *testing.T, l Level) {
		lit, err := NewLiteral(l, []byte("xyz"))
		if err != nil {
			t.Fatal(err)
		}
		num, err := NewWords(l, aligned(8, 1, 2))
		if err != nil {
			t.Fatal(err)
		}
		masked, err := NewMasked(l, []byte("xyz"), []byte{0xff, 0, 0x0f})
		if err != nil {
			t.Fatal(err)
		}
		class, err := NewClass(l, setOf("xyz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []Kernel{lit, num, masked, class} {
			func() {
				defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
				defer func() {
					fault, ok := recover().(interface{ Addr() uintptr })
					if !ok {
						t.Fatalf("%s: no fault", k.Shape())
					}
					if at := fault.Addr() - uintptr(unsafe.Pointer(&mem[0])); at < uintptr(hole) || at >= size {
						t.Errorf("%s: a fault at %#x, want one from %#x on", k.Shape(), at, hole)
					}
				}()
				dst := make([]uint32, MinDst)
				k.Scan(dst, mem, 0, size)
			}()
		}
	})
}
