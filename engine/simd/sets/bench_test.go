package sets

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// benchLiterals returns n literals of 8 to 24 bytes: half of them from the
// memory, where it is not regular, half of them noise.
func benchLiterals(mem []byte, n int) [][]byte {
	rng := testenv.From(99, uint64(n))
	var lits [][]byte
	for len(lits) < n {
		lit := make([]byte, 8+rng.IntN(17))
		if len(lits)%2 == 0 {
			copy(lit, mem[rng.IntN(len(mem)-len(lit)):])
			var seen [256]bool
			distinct := 0
			for _, c := range lit {
				if !seen[c] {
					seen[c] = true
					distinct++
				}
			}
			if distinct < 6 {
				continue
			}
		} else {
			for i := range lit {
				lit[i] = byte(rng.Uint32())
			}
		}
		lits = append(lits, lit)
	}
	return lits
}

// countMatches returns the number of matches. It hashes memory at every
// start, which is slow and plain.
func countMatches(mem []byte, lits [][]byte) int {
	type key [8]byte
	byHead := map[key][][]byte{}
	for _, lit := range lits {
		byHead[key(lit[:8])] = append(byHead[key(lit[:8])], lit)
	}
	n := 0
	zeros := 0 // in a row
	for s := 0; s+8 <= len(mem); s++ {
		for zeros < 24 && s+zeros < len(mem) && mem[s+zeros] == 0 {
			zeros++
		}
		if zeros--; zeros >= 23 {
			continue // no literal has so many
		}
		zeros = max(zeros, 0)
		for _, lit := range byHead[key(mem[s:s+8])] {
			if s+len(lit) <= len(mem) && string(mem[s:s+len(lit)]) == string(lit) {
				n++
			}
		}
	}
	return n
}

// BenchmarkLiterals measures sets of literals and plain reads of the same
// memory by turns, as BenchmarkRoof of package simd does.
func BenchmarkLiterals(b *testing.B) {
	for _, size := range []struct {
		name string
		size int
	}{{"L2", 512 << 10}, {"ram", 128 << 20}} {
		mem := simdtest.Memory(size.size)
		for _, n := range []int{8, 64, 1000, 10000, 100000} {
			lits := benchLiterals(simdtest.Memory(128<<20), n)
			want := -1
			for _, l := range here()[1:] {
				b.Run(fmt.Sprintf("mem=%s/n=%d/%s", size.name, n, l), func(b *testing.B) {
					if want < 0 {
						want = countMatches(mem, lits)
					}
					alternateSet(b, mustSet(b, l, lits), mem, want)
				})
			}
		}
	}
}

// alternateSet measures a plain read and a scan by turns.
func alternateSet(b *testing.B, k Kernel, mem []byte, want int) {
	dst := make([]Match, max(4096, k.MinMatches()))
	sc := new(Scratch)
	var read, scan, ratio []float64
	rounds := 1 + (4<<20)/len(mem)
	for range b.N {
		start := time.Now()
		for range rounds {
			simd.ReadBandwidthProbe(mem)
		}
		r := float64(time.Since(start))
		hits := 0
		start = time.Now()
		for range rounds {
			for from := 0; from < len(mem); {
				n, next := k.Scan(dst, mem, from, len(mem), sc)
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
	b.ReportMetric(float64(want), "hits")
}

// BenchmarkLiteralsShort measures short literals, and the lengths at which
// memory is sampled more densely.
func BenchmarkLiteralsShort(b *testing.B) {
	mem := simdtest.Memory(32 << 20)
	for _, c := range []struct{ n, size int }{{3, 2}, {8, 3}, {200, 2}, {200, 3}, {3, 4}, {8, 4}, {500, 4}, {8, 5}, {500, 5}, {500, 6}, {500, 7}} {
		rng := testenv.From(5, 6)
		var lits [][]byte
		for range c.n {
			lit := make([]byte, c.size)
			for i := range lit {
				lit[i] = byte(0x80 + rng.IntN(0x80))
			}
			lits = append(lits, lit)
		}
		want := -1
		for _, l := range here()[1:] {
			b.Run(fmt.Sprintf("n=%d/size=%d/%s", c.n, c.size, l), func(b *testing.B) {
				k := mustSet(b, l, lits)
				if want < 0 {
					g := mustSet(b, simd.Generic, lits)
					want = len(matchesOf(b, g, sizesOf(lits), mem, 0, len(mem), 1<<16, nil))
				}
				alternateSet(b, k, mem, want)
			})
		}
	}
}

// BenchmarkLiteralsBuild measures how long it takes to make a kernel, and the
// memory that it keeps.
func BenchmarkLiteralsBuild(b *testing.B) {
	mem := simdtest.Memory(128 << 20)
	for _, n := range []int{1000, 10000, 100000} {
		lits := benchLiterals(mem, n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustSet(b, simd.Auto, lits)
			}
		})
	}
	identical := make([][]byte, 100000)
	for i := range identical {
		identical[i] = []byte("identical literals")
	}
	b.Run("identical", func(b *testing.B) {
		for b.Loop() {
			mustSet(b, simd.Auto, identical)
		}
	})
}
