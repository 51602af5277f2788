//go:build unix

package kdump_test

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	lzo "github.com/anchore/go-lzo"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// These compare a search of a dump with what its library takes to unpack the pages, alone, all in
// one goroutine and from memory:
//
//	go test -run '^$' -bench 'Unpack|Find' -cpu 1,2 ./engine/image/kdump
//
// Find at one processor is to take at most 1.15 times the CPU seconds of Unpack, and at two at most
// 2/1.8 times those at one.

// benchPages are how many pages a dump of a benchmark has.
const benchPages = 8 << 10

// benchDump returns a dump of pages that are packed to a third, about, as memory of machines is, and
// the number of needles in it.
func benchDump(how string) (imagetest.Kdump, int) {
	rnd := testenv.Fixed(7, 7)
	words := make([]string, 4000)
	for i := range words {
		b := make([]byte, 4+rnd.IntN(12))
		for j := range b {
			b[j] = byte(rnd.Uint32())
		}
		words[i] = string(b)
	}
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: how, Pages: map[uint64]string{}}
	for p := range uint64(benchPages) {
		k.Pages[p] = benchPage(rnd, words, p%512 == 0)
	}
	return k, benchPages / 512
}

// benchPage returns a page of words, some of them zeros.
func benchPage(rnd *rand.Rand, words []string, needle bool) string {
	var b strings.Builder
	if needle {
		b.WriteString("a needle")
	}
	for b.Len() < 4096 {
		if rnd.IntN(3) == 0 {
			b.WriteString(imagetest.Zeros(1 + rnd.IntN(40)))
		}
		b.WriteString(words[min(rnd.IntN(4000), rnd.IntN(4000))])
	}
	return b.String()[:4096]
}

// loop runs f again and again and reports the CPU time that one run takes.
func loop(b *testing.B, f func()) {
	cpu := func() float64 {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
	}
	b.SetBytes(benchPages * 4096)
	before, n := cpu(), 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric((cpu()-before)/float64(n), "cpu-ms/op")
}

func BenchmarkUnpack(b *testing.B) {
	b.Run("zlib", func(b *testing.B) {
		var packed [][]byte
		k, _ := benchDump("zlib")
		for _, page := range k.Pages {
			var z bytes.Buffer
			w, _ := zlib.NewWriterLevel(&z, flate.DefaultCompression)
			w.Write([]byte(page))
			w.Close()
			packed = append(packed, z.Bytes())
		}
		dst, from := make([]byte, 4096), new(bytes.Reader)
		from.Reset(packed[0])
		r, err := zlib.NewReader(from)
		if err != nil {
			b.Fatal(err)
		}
		loop(b, func() {
			for _, p := range packed {
				from.Reset(p)
				r.(zlib.Resetter).Reset(from, nil)
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
				r.Read(dst[:1]) // the checksum
			}
		})
	})
	b.Run("zstd", func(b *testing.B) {
		var packed [][]byte
		k, _ := benchDump("zstd")
		w, err := zstd.NewWriter(nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, page := range k.Pages {
			packed = append(packed, w.EncodeAll([]byte(page), nil))
		}
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]byte, 0, 4096)
		loop(b, func() {
			for _, p := range packed {
				if _, err := r.DecodeAll(p, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkUnpackBlocks is BenchmarkUnpack of what has neither a stream nor a sum.
func BenchmarkUnpackBlocks(b *testing.B) {
	for _, c := range []struct {
		how    string
		unpack func(src, dst []byte) (int, error)
	}{
		{"lzo", lzo.Decompress},
		{"snappy", func(src, dst []byte) (int, error) {
			got, err := s2.Decode(dst, src)
			return len(got), err
		}},
	} {
		b.Run(c.how, func(b *testing.B) {
			k, _ := benchDump(c.how)
			var packed [][]byte
			for _, page := range k.Pages {
				packed = append(packed, []byte(k.Pack(page)))
			}
			dst := make([]byte, 4096)
			loop(b, func() {
				for _, p := range packed {
					if n, err := c.unpack(p, dst); err != nil || n != len(dst) {
						b.Fatal(n, err)
					}
				}
			})
		})
	}
}

func BenchmarkFind(b *testing.B) {
	for _, how := range []string{"zlib", "zstd", "lzo", "snappy", "none"} {
		b.Run(how, func(b *testing.B) {
			k, want := benchDump(how)
			img, err := formats.Open(b.Context(), imagetest.TempFile(b, "dump", string(k.Build())), image.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer img.Close()
			space, err := engine.NewSpace(img.Mappings...)
			if err != nil {
				b.Fatal(err)
			}
			set, err := patterns.Compile(b.Context(), []patterns.Pattern{patterns.Bytes([]byte("a needle"))}, patterns.Target{})
			if err != nil {
				b.Fatal(err)
			}
			sc, err := engine.Compile(b.Context(), space, set, engine.Options{ShardSize: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			loop(b, func() {
				hits := 0
				if _, err := sc.Scan(b.Context(), func(engine.Hit) bool { hits++; return true }); err != nil || hits != want {
					b.Fatalf("%d hits, want %d (%v)", hits, want, err)
				}
			})
		})
	}
}
