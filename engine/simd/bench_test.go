package simd

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// benchScan measures a kernel, and checks how many hits it finds.
func benchScan(b *testing.B, k Kernel, mem []byte, want int) {
	dst := make([]uint32, 4096)
	b.SetBytes(int64(len(mem)))
	b.ResetTimer()
	for range b.N {
		hits := 0
		for from := 0; from < len(mem); {
			n, next := k.Scan(dst, mem, from, len(mem))
			hits += n
			from = next
		}
		if hits != want {
			b.Fatalf("%d hits, want %d", hits, want)
		}
	}
	if want > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(want), "ns/hit")
	}
}

// benchLevels returns the levels worth measuring.
func benchLevels() []Level {
	return here()[1:]
}

// occurrences returns how often lit occurs in mem, overlapping ones included.
func occurrences(mem, lit []byte) int {
	n := 0
	for i := 0; ; i++ {
		j := bytes.Index(mem[i:], lit)
		if j < 0 {
			return n
		}
		i += j
		n++
	}
}

// BenchmarkLiteralSparse measures a literal that is rare or not there at all,
// beside a plain read of the same memory, which is the ceiling, and a loop of
// bytes.Index, the rival.
func BenchmarkLiteralSparse(b *testing.B) {
	for _, size := range simdtest.Sizes {
		mem := simdtest.Memory(size.Size)
		for _, l := range benchLevels() {
			b.Run(fmt.Sprintf("mem=%s/read=%s", size.Name, l), func(b *testing.B) {
				b.SetBytes(int64(len(mem)))
				for range b.N {
					readAll(l, mem)
				}
			})
		}
		for _, lit := range []string{"\xfa", "\xfa\xfb", "need\xfale", "MZ\x90\x00\x03\x00\x00\x00", "\x00\x00\x00\x01\x80\xff\xff", "PRIVATE KEY-----"} {
			want := occurrences(mem, []byte(lit))
			for _, l := range benchLevels() {
				k, err := NewLiteral(l, []byte(lit))
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("mem=%s/lit=%q/%s", size.Name, lit, l), func(b *testing.B) { benchScan(b, k, mem, want) })
			}
			b.Run(fmt.Sprintf("mem=%s/lit=%q/bytes.Index", size.Name, lit), func(b *testing.B) {
				b.SetBytes(int64(len(mem)))
				for range b.N {
					if got := occurrences(mem, []byte(lit)); got != want {
						b.Fatalf("%d hits, want %d", got, want)
					}
				}
			})
		}
	}
}

// BenchmarkRoof measures a plain read and a scan by turns, so that what else
// the machine does falls on both alike. The figures are medians; "of-read" is
// that of the ratio of each scan to the read before it.
func BenchmarkRoof(b *testing.B) {
	for _, size := range roofMemories(b) {
		mem := size.mem
		for _, lit := range []string{"\xfa", "\xfa\xfb", "zq\x91k", "needle", "/etc/passwd", "\x00\x00\x00\x01", "\xff\xff\xff\xfe", "\x48\x89\xe5\x41\x57", "MZ\x90\x00\x03\x00\x00\x00"} {
			want := occurrences(mem, []byte(lit))
			for _, l := range benchLevels() {
				k, err := NewLiteral(l, []byte(lit))
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("mem=%s/lit=%q/%s", size.Name, lit, l), func(b *testing.B) { alternate(b, k, mem, want) })
			}
		}
		spec := aligned(8, 0x7f5500001000, 0x7f5500001fff)
		ref, err := NewWords(Reference, spec)
		if err != nil {
			b.Fatal(err)
		}
		want := len(simdtest.ScanAll(b, ref, mem, 0, len(mem), 1<<16))
		for _, l := range benchLevels() {
			k, err := NewWords(l, spec)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("mem=%s/u64/%s", size.Name, l), func(b *testing.B) { alternate(b, k, mem, want) })
		}
	}
}

// benchImage names a file, the image of a real memory, that BenchmarkRoof looks
// through as well.
const benchImage = "VSCAN_BENCH_IMAGE"

type benchMem struct {
	Name string
	mem  []byte
}

// roofMemories returns the memories that BenchmarkRoof looks through.
func roofMemories(b *testing.B) []benchMem {
	var out []benchMem
	for _, size := range simdtest.Sizes[1:] {
		out = append(out, benchMem{size.Name, simdtest.Memory(size.Size)})
	}
	if path := os.Getenv(benchImage); path != "" {
		mem, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, benchMem{"image", mem})
	}
	return out
}

// alternate measures a plain read and a scan by turns.
func alternate(b *testing.B, k Kernel, mem []byte, want int) {
	dst := make([]uint32, 4096)
	var read, scan, ratio []float64
	rounds := 1 + (4<<20)/len(mem) // a turn has to be long enough to be measured
	for range b.N {
		start := time.Now()
		for range rounds {
			ReadBandwidthProbe(mem)
		}
		r := float64(time.Since(start))
		hits := 0
		start = time.Now()
		for range rounds {
			for from := 0; from < len(mem); {
				n, next := k.Scan(dst, mem, from, len(mem))
				hits += n
				from = next
			}
		}
		s := float64(time.Since(start))
		if hits != want*rounds {
			b.Fatalf("%d hits, want %d", hits, want*rounds)
		}
		bytes := float64(rounds * len(mem))
		read, scan, ratio = append(read, bytes/r), append(scan, bytes/s), append(ratio, r/s)
	}
	median := func(v []float64) float64 {
		slices.Sort(v)
		return v[len(v)/2]
	}
	b.ReportMetric(median(read), "read-GB/s")
	b.ReportMetric(median(scan), "scan-GB/s")
	b.ReportMetric(median(ratio), "of-read")
}

// BenchmarkLiteralDense measures millions of hits: from one in two bytes to one
// in some hundred.
func BenchmarkLiteralDense(b *testing.B) {
	mem := simdtest.Memory(32 << 20)
	for _, lit := range []string{"\x00", "\x7f", "e", "\x00\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x7f\x00\x00",
		string(make([]byte, 48)), string(make([]byte, 100)), string(make([]byte, 4000))} {
		want := occurrences(mem, []byte(lit))
		name := fmt.Sprintf("%q", lit)
		if len(lit) > 8 {
			name = fmt.Sprintf("%dzeros", len(lit))
		}
		for _, l := range benchLevels() {
			k, err := NewLiteral(l, []byte(lit))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("lit=%s/%s", name, l), func(b *testing.B) { benchScan(b, k, mem, want) })
		}
		if len(lit) > 8 {
			continue
		}
		b.Run(fmt.Sprintf("lit=%s/bytes.Index", name), func(b *testing.B) {
			b.SetBytes(int64(len(mem)))
			for range b.N {
				if got := occurrences(mem, []byte(lit)); got != want {
					b.Fatalf("%d hits, want %d", got, want)
				}
			}
		})
	}
}

// BenchmarkLiteralHostile measures memory that is made to defeat a heuristic:
// candidates everywhere and hits nowhere.
func BenchmarkLiteralHostile(b *testing.B) {
	const size = 4 << 20
	a := func(n int) []byte { return bytes.Repeat([]byte("a"), n) }
	for _, c := range []struct {
		name     string
		mem, lit []byte
	}{
		{"last byte differs", a(size), append(a(7), 'b')},
		{"all bytes agree but one", bytes.Repeat([]byte("aaaaaaac"), size/8), append(a(20), 'c')},
		{"rare bytes everywhere", bytes.Repeat([]byte("\xd5\xd5\xd5\xd5\xd5\x92"), size/6), []byte("\xd5\x92\xd5\xd5\xd5\xd5\xd5\xd5\xd5")},
		{"two alternate", bytes.Repeat([]byte("ab"), size/2), append(bytes.Repeat([]byte("ab"), 40), 'b')},
		{"long with a late end", bytes.Repeat(append(a(999), 'b'), size/1000), append(a(1000), 'b')},
		{"long and nearly there", bytes.Repeat(append(a(99), 'b'), size/100), append(bytes.Repeat(append(a(99), 'b'), 50), 'b')},
		{"long run", a(size), append(append(a(300), 'b'), a(300)...)},
	} {
		want := occurrences(c.mem, c.lit)
		for _, l := range benchLevels() {
			k, err := NewLiteral(l, c.lit)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("case=%s/%s", c.name, l), func(b *testing.B) { benchScan(b, k, c.mem, want) })
		}
	}
}

func BenchmarkWords(b *testing.B) {
	for _, size := range simdtest.Sizes[1:] {
		mem := simdtest.Memory(size.Size)
		for _, l := range benchLevels() {
			b.Run(fmt.Sprintf("mem=%s/read=%s", size.Name, l), func(b *testing.B) {
				b.SetBytes(int64(len(mem)))
				for range b.N {
					readAll(l, mem)
				}
			})
		}
		for _, c := range []struct {
			name string
			spec WordSpec
		}{
			{"u64 sparse", aligned(8, 0x7f5500001000, 0x7f5500001fff)},
			{"u64 pointers", aligned(8, 0x7f5500000000, 0x7f55ffffffff)},
			{"u64 zeros", aligned(8, 0, 0)},
			{"u32 sparse", aligned(4, 0x1000, 0x1fff)},
			{"u32 zeros", aligned(4, 0, 0)},
			{"u64be sparse", WordSpec{Size: 8, Stride: 8, Order: 1, Ranges: []WordRange{{0x1000, 0x1fffff}}}},
			{"u32be sparse", WordSpec{Size: 4, Stride: 4, Order: 1, Ranges: []WordRange{{0x1000, 0x1fff}}}},
		} {
			ref, err := NewWords(Reference, c.spec)
			if err != nil {
				b.Fatal(err)
			}
			want := len(simdtest.ScanAll(b, ref, mem, 0, len(mem), 1<<16))
			for _, l := range benchLevels() {
				k, err := NewWords(l, c.spec)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("mem=%s/words=%s/%s", size.Name, c.name, l), func(b *testing.B) { benchScan(b, k, mem, want) })
			}
		}
	}
}

// BenchmarkShort measures short blocks, as where pieces of memory meet: what a
// call costs by itself.
func BenchmarkShort(b *testing.B) {
	for _, size := range []int{16, 100, 1000, 8000} {
		mem := bytes.Repeat([]byte("x"), size)
		for _, l := range benchLevels() {
			k, err := NewLiteral(l, []byte("needle"))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("size=%d/%s", size, l), func(b *testing.B) { benchScan(b, k, mem, 0) })
		}
	}
}

// nibbles reads a masked literal: hexadecimal digits, and '?' for nibbles that
// do not count.
func nibbles(s string) (lit, mask []byte) {
	for _, two := range strings.Fields(s) {
		var v, m byte
		for _, c := range two {
			v, m = v<<4, m<<4
			if c != '?' {
				v, m = v|byte(strings.IndexRune("0123456789abcdef", c)), m|15
			}
		}
		lit, mask = append(lit, v), append(mask, m)
	}
	return lit, mask
}

// BenchmarkMaskedRoof measures masked literals and classes beside plain reads,
// as BenchmarkRoof does.
func BenchmarkMaskedRoof(b *testing.B) {
	memories := append(roofMemories(b), benchMem{"noise", noise(256 << 20)})
	run := func(name string, mem benchMem, make func(l Level) (Kernel, error)) {
		ref, err := make(Reference)
		if err != nil {
			b.Fatal(err)
		}
		want := len(simdtest.ScanAll(b, ref, mem.mem, 0, len(mem.mem), 1<<16))
		for _, l := range benchLevels() {
			k, err := make(l)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("mem=%s/%s/%s", mem.Name, name, l), func(b *testing.B) { alternate(b, k, mem.mem, want) })
		}
	}
	for _, mem := range memories {
		for _, s := range []string{
			"48 8b 05 ?? ?? ?? ?? 48 85 c0",
			"4? 8b 3? ?5 ?? c0 7? 9? 1? e9", // 3 nibbles in 10 are wildcards
			"?7 3? 9? ?5 4? ?d",
			"?7 3? 9?",
			"?0 0? ?0 0? 1?",
		} {
			lit, mask := nibbles(s)
			run("masked="+strings.ReplaceAll(s, " ", ""), mem, func(l Level) (Kernel, error) { return NewMasked(l, lit, mask) })
		}
		run("nocase=password", mem, func(l Level) (Kernel, error) {
			return NewMasked(l, []byte("password"), bytes.Repeat([]byte{0xdf}, 8))
		})
		run("class=rare", mem, func(l Level) (Kernel, error) { return NewClass(l, setOf("\xfa\xfb\xfc")) })
		run("class=digits", mem, func(l Level) (Kernel, error) { return NewClass(l, setOf("0123456789")) })
	}
}

// noise returns memory in which every byte is as frequent as any other.
func noise(size int) []byte {
	b := make([]byte, size)
	rnd := testenv.From(1, 1)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// BenchmarkMaskedHostile measures masked literals that are too long for
// assembly to verify, in memory with candidates everywhere.
func BenchmarkMaskedHostile(b *testing.B) {
	const size = 4 << 20
	page := make([]byte, 4096)
	page[4095] = 7
	wild := func(n int) (lit, mask []byte) {
		lit, mask = make([]byte, n), bytes.Repeat([]byte{0xff, 0, 0xf0, 0xff, 0xff, 0x0f, 0xff}, n)
		return lit, mask[:n]
	}
	for _, c := range []struct {
		name string
		mem  []byte
		size int
	}{
		{"zeros", make([]byte, size), 1000},
		{"pages of zeros", bytes.Repeat(page, size/4096), 1000},
		{"records of 24 bytes", bytes.Repeat(append(make([]byte, 23), 0x10), size/24), 1000},
		{"zeros, at most 64 bytes", make([]byte, size), 60},
	} {
		lit, mask := wild(c.size)
		if c.name[0] == 'r' {
			copy(lit, c.mem)
		}
		ref, err := NewMasked(Generic, lit, mask)
		if err != nil {
			b.Fatal(err)
		}
		want := len(simdtest.ScanAll(b, ref, c.mem, 0, len(c.mem), 1<<16))
		for _, l := range benchLevels() {
			k, err := NewMasked(l, lit, mask)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("case=%s/%s", c.name, l), func(b *testing.B) { benchScan(b, k, c.mem, want) })
		}
	}
}
