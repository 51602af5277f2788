//go:build unix

package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/patterns"
)

// A mmapSource is a mapped file.
type mmapSource struct {
	path string
	f    *os.File
	b    []byte
}

func newMmap(t testing.TB, data []byte) *mmapSource {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, len(data), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(b); f.Close() })
	return &mmapSource{path, f, b}
}
func (s *mmapSource) Name() string { return s.path }
func (s *mmapSource) Size() uint64 {
	i, err := s.f.Stat()
	if err != nil {
		return 0
	}
	return min(uint64(i.Size()), uint64(len(s.b)))
}
func (s *mmapSource) View(_ []byte, off uint64, n int) ([]byte, error) {
	if off >= uint64(len(s.b)) {
		return nil, errors.New("eof")
	}
	r := s.b[off:]
	if len(r) < n {
		return r, errors.New("eof")
	}
	return r[:n:n], nil
}

// faultsHaveAddresses skips the test where a fault in mapped memory comes
// without the address of the byte, as under qemu's user-mode emulation: the
// runtime then takes it for a nil dereference, and so does Guard.
func faultsHaveAddresses(t *testing.T) {
	src := newMmap(t, make([]byte, 2*PageSize))
	if err := os.Truncate(src.path, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			t.Skipf("a fault in mapped memory has no address here: %v", p)
		}
	}()
	sum := byte(0)
	if err := Guard(func() { sum += src.b[PageSize] }); err == nil {
		t.Fatalf("read %d past the end of a file without a fault", sum)
	}
}

// After a fault in the middle of a block, hits that were sent before are not sent again.
func TestNoHitTwiceAfterAFault(t *testing.T) {
	faultsHaveAddresses(t)
	const words = 131072
	data := make([]byte, 8*words)
	for i := 2000; i < words; i++ {
		binary.LittleEndian.PutUint64(data[8*i:], 5)
	}
	src := newMmap(t, data)
	s, _ := NewSpace(Mapping{Range: addr.Range{First: 0x100000, Last: 0x100000 + addr.Addr(len(data)-1)}, Source: src})
	set := compileSet(t, patterns.Target{Align: 8}, "u64le:1..9")
	sc := compile(t, s, set, Options{Workers: 256, ShardSize: 1 << 40, Kernel: simd.Generic})
	var got []addr.Addr
	stats, err := sc.Scan(t.Context(), func(h Hit) bool {
		got = append(got, h.Addr)
		if len(got) == 40961 {
			time.Sleep(300 * time.Millisecond)
			if err := os.Truncate(src.path, 107*4096); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	sorted := slices.IsSorted(got)
	uniq := slices.Clone(got)
	slices.Sort(uniq)
	uniq = slices.Compact(uniq)
	t.Logf("%d hits, %d distinct, sorted %v, err %v, scanned %d unreadable %v", len(got), len(uniq), sorted, err, stats.Scanned, stats.Unreadable)
	if !sorted || len(uniq) != len(got) {
		t.Error("hits delivered twice and out of order")
	}
}

// A seamSource loses everything past cut once the upper shard has been read.
type seamSource struct {
	b     []byte
	cut   uint64
	upper chan struct{}
	size  atomic.Uint64
}

func (s *seamSource) Name() string { return "seam" }
func (s *seamSource) Size() uint64 { return s.size.Load() }
func (s *seamSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off >= s.cut {
		select {
		case <-s.upper:
		default:
			copy(buf[:n], s.b[off:])
			close(s.upper)
			return buf[:n], nil
		}
	}
	<-s.upper
	time.Sleep(50 * time.Millisecond) // the upper shard gets done
	s.size.Store(s.cut)
	m := copy(buf[:n], s.b[min(off, s.cut):s.cut])
	if m < n {
		return buf[:m], errors.New("shrunk")
	}
	return buf[:n], nil
}

// A match that begins in one shard and is lost with the bytes of the next makes the
// scan incomplete, even where that next shard was read before.
func TestLossOnlyInTheOverlap(t *testing.T) {
	src := &seamSource{b: make([]byte, 200_000), cut: 100_000, upper: make(chan struct{})}
	src.size.Store(200_000)
	copy(src.b[99_998:], "needle")
	s, _ := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 199_999}, Source: src})
	sc := compile(t, s, compileSet(t, patterns.Target{}, "needle"), Options{Workers: 2, ShardSize: 100_000})
	n := 0
	stats, err := sc.Scan(t.Context(), func(Hit) bool { n++; return true })
	t.Logf("%d hits, %+v, %v", n, stats, err)
	if n == 0 && stats.Complete() {
		t.Error("the needle was missed and the scan calls itself complete")
	}
}

// A flakySource fails once for the bytes around cut.
type flakySource struct {
	b    []byte
	from uint64 // once, bytes from here on cannot be read by views that begin before
	left atomic.Int32
}

func (s *flakySource) Name() string { return "flaky" }
func (s *flakySource) Size() uint64 { return uint64(len(s.b)) }
func (s *flakySource) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off <= s.from && off+uint64(n) > s.from && s.left.Add(-1) >= 0 {
		return s.b[off:s.from], errors.New("EIO")
	}
	return s.b[off : off+uint64(n)], nil
}

// That is so too where the bytes can be read again a moment later.
func TestPassingErrorInTheOverlap(t *testing.T) {
	src := &flakySource{b: make([]byte, 600_000), from: 256 << 10}
	src.left.Store(2) // the block, and the page taken after it
	copy(src.b[256<<10-2:], "needle")
	s, _ := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 599_999}, Source: src})
	sc := compile(t, s, compileSet(t, patterns.Target{}, "needle"), Options{Workers: 1})
	n := 0
	stats, _ := sc.Scan(t.Context(), func(Hit) bool { n++; return true })
	t.Logf("%d hits, %+v, left %d", n, stats, src.left.Load())
	if n == 0 && stats.Complete() {
		t.Error("the needle was missed and the scan calls itself complete")
	}
}

// Layers that are laid under show through absent bytes, also through those of other
// layers that were laid under.
func TestUnderAbsentUnder(t *testing.T) {
	b, _ := BytesMapping("file", 0x100, []byte("abcd"))
	absent := Mapping{Range: addr.Range{First: 0x100, Last: 0x103}, State: Absent, Name: "absent"}
	for i, mk := range []func() (*Space, error){
		func() (*Space, error) { s, _ := NewSpace(absent); return s.AddUnder(b) },
		func() (*Space, error) { s, _ := NewSpace(); s, _ = s.AddUnder(absent); return s.AddUnder(b) },
		func() (*Space, error) { s, _ := NewSpace(); return s.AddUnder(absent, b) },
		func() (*Space, error) { s, _ := NewSpace(absent); s, _ = s.AddUnder(absent); return s.AddUnder(b) },
	} {
		s, err := mk()
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Bytes(0x100, 4)
		if string(got) != "abcd" {
			t.Errorf("case %d: %q, %v", i, got, err)
		}
	}
}

// A deadSource cannot read anything. With view number until it calls then.
type deadSource struct {
	until int64
	then  func()
	views atomic.Int64
}

func (s *deadSource) Name() string { return "dead" }
func (s *deadSource) Size() uint64 { return 1 << 40 }
func (s *deadSource) View([]byte, uint64, int) ([]byte, error) {
	if s.views.Add(1) == s.until {
		s.then()
	}
	return nil, errors.New("EIO")
}

// A cancelled context is noticed between the pages of a block that cannot be read: there
// is no view after it, whether it came with a block's first view, in the middle of its
// pages, or with the last of them.
func TestCancelWhereNothingCanBeRead(t *testing.T) {
	const pages = minBlock / PageSize
	for _, until := range []int64{1, 2, 10, pages, pages + 1, pages + 2, pages + 3, 2 * pages} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &deadSource{until: until, then: cancel}
		s, _ := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 1<<40 - 1}, Source: src})
		sc := compile(t, s, compileSet(t, patterns.Target{}, "needle"), Options{Workers: 1})
		stats, err := sc.Scan(ctx, func(Hit) bool { return true })
		if !errors.Is(err, context.Canceled) || !stats.Cancelled {
			t.Errorf("%+v, %v", stats, err)
		}
		// The next block may be viewed before the context is checked.
		if n := src.views.Load(); n > until+1 {
			t.Errorf("cancelled with view %d of a source that cannot be read: %d views", until, n)
		}
	}
}

// A topSource has bytes at the highest offsets, and at 0; it fails the test where a view
// wraps round.
type topSource struct{ t testing.TB }

func (s *topSource) Name() string { return "top" }
func (s *topSource) Size() uint64 { return ^uint64(0) }
func (s *topSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off+uint64(n-1) < off {
		s.t.Errorf("asked for %d bytes at offset %#x", n, off)
		return nil, errors.New("wraps")
	}
	for i := range n {
		buf[i] = 'x'
	}
	return buf[:n], nil
}

// A piece at offset 0 does not go on from one that ends at the last offset.
func TestOffsetsAtTheEnd(t *testing.T) {
	src := &topSource{t}
	s, _ := NewSpace(
		Mapping{Range: addr.Range{First: 0x1000, Last: 0x1007}, Source: src, Offset: ^uint64(0) - 7},
		Mapping{Range: addr.Range{First: 0x1008, Last: 0x100f}, Source: src, Offset: 0})
	sc := compile(t, s, compileSet(t, patterns.Target{}, "x"), Options{Workers: 1})
	n := 0
	stats, err := sc.Scan(t.Context(), func(Hit) bool { n++; return true })
	if n != 16 || !stats.Complete() {
		t.Errorf("%d hits, %+v, %v; %d pieces", n, stats, err, len(sc.plan.pieces))
	}
}

// The account of a scan whose context had ended is empty.
func TestNothingScannedAfterACancel(t *testing.T) {
	s := zeroSpace(t, 64<<20)
	sc := compile(t, s, compileSet(t, patterns.Target{}, "hex:01"), Options{Workers: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	worst := uint64(0)
	for range 200 {
		stats, _ := sc.Scan(ctx, func(Hit) bool { return true })
		worst = max(worst, stats.Scanned)
	}
	if worst > 0 {
		t.Errorf("%d bytes scanned of a context that ended before", worst)
	}
	stats, _ := compile(t, s, compileSet(t, patterns.Target{}, "hex:00"), Options{Workers: 1}).Scan(t.Context(), func(Hit) bool { return false })
	t.Logf("stopped at the first hit: %d bytes scanned", stats.Scanned)
}

type mapSource map[string]bool

func (mapSource) Name() string { return "map" }
func (mapSource) Size() uint64 { return 100 }
func (mapSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	return buf[:n], nil
}

// A source that cannot be compared is refused, not a panic later.
func TestSourceNotComparable(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			t.Error("panic:", p)
		}
	}()
	s, err := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 9}, Source: mapSource{}})
	if err != nil {
		return
	}
	Compile(context.Background(), s, compileSet(t, patterns.Target{}, "x"), Options{})
}

// A lastSource has 2^64 − 1 bytes, of which those of page bad cannot be read, so that
// the block with the last byte has to be read page by page.
type lastSource struct{ bad uint64 }

func (s *lastSource) Name() string { return "last" }
func (s *lastSource) Size() uint64 { return ^uint64(0) }
func (s *lastSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	for i := range n {
		if (off+uint64(i))/PageSize == s.bad {
			return buf[:i], errors.New("EIO")
		}
		buf[i] = 'x'
	}
	return buf[:n], nil
}

func TestLastOffset(t *testing.T) {
	src := &lastSource{^uint64(0)/PageSize - 3}
	s, _ := NewSpace(Mapping{Range: addr.Range{First: addr.Max - 0x7fff, Last: addr.Max}, Source: src, Offset: ^uint64(0) - 0x7fff})
	sc := compile(t, s, compileSet(t, patterns.Target{}, "x"), Options{Workers: 1})
	n := 0
	stats, _ := sc.Scan(t.Context(), func(Hit) bool { n++; return true })
	if n != 7*PageSize || stats.UnreadableBytes() != PageSize {
		t.Errorf("%d hits, unreadable %v", n, stats.Unreadable)
	}
	if _, err := s.Byte(addr.Max); err != nil {
		t.Errorf("byte: %v", err)
	}
}

// Spans of a shard that were not searched do not count as scanned.
func TestScannedCountsWhatWas(t *testing.T) {
	src := &brokenSource{b: make([]byte, 3<<20)}
	src.size.Store(uint64(len(src.b)))
	at := func(first addr.Addr, n int, s Source) Mapping {
		return Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(n-1)}, Source: s}
	}
	xs := BytesSource("x", slices.Repeat([]byte("x"), 1<<20))
	s, _ := NewSpace(at(0, 1<<20, BytesSource("zeros", make([]byte, 1<<20))), at(1<<30, 100, src), at(1<<31, 1<<20, xs), at(1<<32, 3<<20, src))
	sc := compile(t, s, compileSet(t, patterns.Target{}, "x"), Options{Workers: 256, ShardSize: 1 << 40})
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	stats, _ := sc.Scan(ctx, func(Hit) bool {
		if n++; n == 1 { // the worker is in the third run, the fourth has not been looked at
			time.Sleep(100 * time.Millisecond)
			src.size.Store(50)
		}
		if n == 8*4096 {
			cancel()
		}
		return true
	})
	t.Logf("%d hits delivered, %d scanned, unreadable %v", n, stats.Scanned, stats.Unreadable)
	if stats.Scanned < 1<<20 {
		t.Errorf("1 MiB was certainly looked at, the account says %d", stats.Scanned)
	}
}

// A fault while anchors are looked for loses no hit in bytes that can be read.
func TestFaultAmongAnchors(t *testing.T) {
	faultsHaveAddresses(t)
	const size, left = 50 * PageSize, 25 * PageSize
	for _, kernel := range levels() {
		data := make([]byte, size)
		for i := range data {
			data[i] = "abxyc"[i%5]
		}
		src := newMmap(t, data)
		if err := os.Truncate(src.path, left); err != nil {
			t.Fatal(err)
		}
		s, _ := NewSpace(Mapping{Range: addr.Range{First: 0x1000, Last: 0x1000 + size - 1}, Source: src})
		set := compileSet(t, patterns.Target{}, "hex:61 62 [1-3] 63", "hex:62 78 [1-3] 61", "re:xyc+")
		want := 0
		for i := 0; i+6 <= left; i++ {
			if data[i] == 'a' || data[i] == 'b' || data[i] == 'x' {
				want++
			}
		}
		sc := compile(t, s, set, Options{Workers: 1, Kernel: kernel})
		got := 0
		stats, err := sc.Scan(t.Context(), func(h Hit) bool {
			got++
			return true
		})
		if err != nil || stats.UnreadableBytes() != size-left || got < want || got > want+3 {
			t.Errorf("%v: %d hits, want %d; %v, %v", kernel, got, want, stats.Unreadable, err)
		}
	}
}

// Where memory is full of an expression's anchors and ends in the midst of it, nothing that was begun before the fault is
// found once more behind it.
func TestFaultAmongDenseAnchors(t *testing.T) {
	faultsHaveAddresses(t)
	data := make([]byte, 200*PageSize)
	for i := range data {
		if data[i] = "ab"[i%2]; i%5000 == 4999 && i < 60000 {
			data[i] = 'c'
		}
	}
	for _, left := range []int{15 * PageSize, 17 * PageSize, 20 * PageSize} {
		for _, text := range []string{`re:ab[^c]*?c`, `re:(ab|ba)+c`, `hex:61 62 [0-9000] 63`, `re:(ab|ba)[^c]{3,90}c`} {
			for _, overlapping := range []bool{false, true} {
				src := newMmap(t, data)
				if err := os.Truncate(src.path, int64(left)); err != nil {
					t.Fatal(err)
				}
				s, err := NewSpace(Mapping{Range: addr.Range{Last: addr.Addr(len(data) - 1)}, Source: src})
				if err != nil {
					t.Fatal(err)
				}
				set, opt := compileSet(t, patterns.Target{MaxMatch: 10000}, text), Options{Workers: 1, Overlapping: overlapping}
				var found [2][][2]uint64
				for i, s := range []*Space{spaceOf(t, data[:left]), s} {
					if _, err := compile(t, s, set, opt).Scan(t.Context(), func(h Hit) bool {
						found[i] = append(found[i], [2]uint64{uint64(h.Addr), uint64(h.Len)})
						return true
					}); err != nil {
						t.Fatal(err)
					}
				}
				want, got := found[0], found[1]
				if len(want) == 0 || !slices.Equal(got, want) {
					t.Errorf("%s, %d bytes, overlapping %v: %d hits, want %d", text, left, overlapping, len(got), len(want))
				}
			}
		}
	}
}
