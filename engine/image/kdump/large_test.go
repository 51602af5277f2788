package kdump_test

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// largePages are the pages of the large dump: 64 GiB, or 1 GiB where tests are not to be long.
func largePages() uint64 {
	if testenv.Long() {
		return 16 << 20
	}
	return 256 << 10
}

// writeLarge writes a dump all of whose pages share one block of zeros, but for the last one, whose
// text ends it.
func writeLarge(t testing.TB, pages uint64) string {
	t.Helper()
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: "none"}
	path := filepath.Join(t.TempDir(), "large")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	bitmap := strings.Repeat("\xff", int(pages/8))
	blocks := len(bitmap) / 4096
	w.WriteString(k.Head(2*blocks, pages) + bitmap + bitmap)
	data := uint64(2+2*blocks)*4096 + 24*pages
	words := func(off uint64) string {
		return imagetest.Words(k.Order, 8, off) + imagetest.Words(k.Order, 4, 4096, 0) + imagetest.Zeros(8)
	}
	zero := words(data)
	for range pages - 1 {
		w.WriteString(zero)
	}
	w.WriteString(words(data + 4096))
	w.WriteString(imagetest.Zeros(4096) + imagetest.Zeros(4090) + "needle")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is kept of a large dump is some bits a page, and pages of zeros are not looked at.
func TestLarge(t *testing.T) {
	pages := largePages()
	path := writeLarge(t, pages)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > pages+(4<<20) {
		t.Errorf("%d bytes for %d pages", n, pages)
	}
	if len(img.Mappings) != 1 || img.Missing != 0 || len(img.Notes) > 0 {
		t.Errorf("%d mappings, %q", len(img.Mappings), img.Notes)
	}
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(t.Context(), []patterns.Pattern{patterns.Bytes([]byte("needle"))}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(t.Context(), space, set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var hits []engine.Hit
	stats, err := sc.Scan(t.Context(), func(h engine.Hit) bool { hits = append(hits, h); return true })
	if err != nil || len(hits) != 1 || uint64(hits[0].Addr) != pages*4096-6 {
		t.Errorf("%d hits, %v", len(hits), err)
	}
	if stats.Scanned != pages*4096 {
		t.Errorf("%d bytes scanned, of %d", stats.Scanned, pages*4096)
	}
}

// BenchmarkOpen opens a dump of 1 GiB, or of 64 GiB with VSCAN_LONG.
func BenchmarkOpen(b *testing.B) {
	path := writeLarge(b, largePages())
	b.ReportAllocs()
	for b.Loop() {
		img, err := formats.Open(b.Context(), path, image.Options{})
		if err != nil {
			b.Fatal(err)
		}
		img.Close()
	}
}
