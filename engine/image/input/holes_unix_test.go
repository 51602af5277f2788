//go:build unix

package input

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// sparse returns the reader of a file of so many bytes that has one byte in each of some
// blocks of 64 KiB.
func sparse(t *testing.T, size int64, blocks ...int64) Reader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sparse")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range blocks {
		if _, err := file.WriteAt([]byte{1}, k<<16); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	file.Close()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.Reader()
}

// Every byte that was written is in no hole, whatever the file system makes of the rest.
func TestExtent(t *testing.T) {
	blocks := []int64{0, 3, 4, 100, 1 << 16}
	in := sparse(t, 8<<32, blocks...)
	if in.holes == nil || !in.holes.told {
		t.Skip("the file system does not tell holes")
	}
	for _, k := range blocks {
		if end, hole := in.Extent(uint64(k) << 16); hole || end <= uint64(k)<<16 {
			t.Errorf("block %d: hole %v, up to %#x", k, hole, end)
		}
	}
	if end, hole := in.Extent(50 << 16); !hole || end > 100<<16 {
		t.Errorf("between: hole %v, up to %#x", hole, end)
	}
	if end, hole := in.Extent(7 << 32); !hole || end != in.Size {
		t.Errorf("at the end: hole %v, up to %#x", hole, end)
	}
	if end := in.LastData(); end <= 1<<32 || end > 1<<32+1<<20 {
		t.Errorf("the last data end at %#x", end)
	}
	if end := sparse(t, 1<<30).LastData(); end != 0 {
		t.Errorf("of a file without data they end at %#x", end)
	}
}

// A file without holes is never asked again.
func TestDense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dense")
	if err := os.WriteFile(path, []byte("some bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := f.Reader()
	if end, hole := in.Extent(3); hole || end != in.Size || in.Thin() || in.LastData() != in.Size {
		t.Errorf("hole %v up to %d, thin %v", hole, end, in.Thin())
	}
}

// NextHole tells of large holes alone, wherever it is asked from, and of no byte that was
// written. A file with a hole beside every block is looked at only so often.
func TestNextHole(t *testing.T) {
	const size = 64<<20 + 777
	blocks := []int64{0, 16, 17, 100, 101, 108, 800} // of 64 KiB
	in := sparse(t, size, blocks...)
	f := in.Source.(*File)
	if in.holes == nil || !in.holes.told || f.opened == nil || !f.opened.times.holes() {
		t.Skip("the file system does not tell holes")
	}
	for _, c := range []struct{ from, to, least uint64 }{{0, size, 1}, {0, size, 9 << 20}, {5, size - 3, 1}, {20<<16 + 5, 90<<16 + 7, 1}, {3 << 20, 3<<20 + 100, 1}, {size - 1, size, 1}, {0, 2 * size, 1}} {
		looks, total := 0, uint64(0)
		for off := c.from; off < c.to; looks++ {
			first, behind := f.NextHole(off, c.to, c.least)
			if first < off || behind < first || behind > c.to || behind <= off || first < behind && (behind-first < max(c.least, holeLeast) || behind > size) {
				t.Fatalf("from %#x of %+v: %#x to %#x", off, c, first, behind)
			}
			for _, k := range blocks {
				if at := uint64(k) << 16; first <= at && at < behind {
					t.Errorf("the byte at %#x, in a hole from %#x to %#x", at, first, behind)
				}
			}
			total += behind - first
			off = behind
		}
		if looks > 3*len(blocks) || c.from == 0 && c.least == 1 && total < 50<<20 {
			t.Errorf("%+v: holes of %d bytes, found by %d questions", c, total, looks)
		}
	}
	for _, times := range []fileTimes{{}, {name: "a", remote: true}, {name: "a", why: "it tells no times"}, {name: "a", lateHoles: true}} {
		f.opened.times = times
		if first, behind := f.NextHole(0, size, 1); first != size || behind != size {
			t.Errorf("of a file system that cannot be relied on, %+v: %#x to %#x", times, first, behind)
		}
	}

	every := make([]int64, 2000)
	for i := range every {
		every[i] = 2 * int64(i)
	}
	f = sparse(t, 4000<<16, every...).Source.(*File)
	for looks, off := 0, uint64(0); off < 4000<<16; looks++ {
		first, behind := f.NextHole(off, 4000<<16, 1)
		if first < behind || looks > 4 {
			t.Fatalf("a hole from %#x to %#x, question %d", first, behind, looks)
		}
		off = behind
	}
}

// each reads records of 56 bytes, and returns the indexes of those that are not zeros.
func each(ctx context.Context, in Reader, want uint64) (read, empty uint64, filled []uint64, err error) {
	read, empty, err = in.Each(ctx, Records{At: 64, Stride: 56, Size: 56}, func() uint64 { return want }, func(i uint64, b []byte) {
		if !AllZero(b) {
			filled = append(filled, i)
		}
	})
	return read, empty, filled, err
}

// Records in holes are passed over. Of a file that may have holes which are not told, no
// more zeros in a row are read than MaxZeroRecords.
func TestEach(t *testing.T) {
	in := sparse(t, 1<<32, 1, 2, 60_000)
	want := in.Count(Records{At: 64, Stride: 56})
	at := func(k uint64) uint64 { return (k<<16 - 64) / 56 }
	if in.holes != nil && in.holes.told {
		read, empty, filled, err := each(t.Context(), in, math.MaxUint64)
		if err != nil || read != want || empty == 0 || len(filled) != 3 || filled[2] != at(60_000) {
			t.Errorf("%d of %d records read, %d of them in holes, filled %v, %v", read, want, empty, filled, err)
		}
	}
	in.holes = &holes{thin: true}
	read, empty, filled, err := each(t.Context(), in, math.MaxUint64)
	if least := at(2) + MaxZeroRecords/56; err != nil || empty != 0 || len(filled) != 2 || read < least || read > least+2 {
		t.Errorf("thin: %d records read, want about %d; filled %v, %v", read, least, filled, err)
	}
	in.holes = nil
	if read, _, _, err := each(t.Context(), in, 100); read != 100 || err != nil {
		t.Errorf("%d of 100 records read, %v", read, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if read, _, _, err := each(ended, in, 100); read != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d records read, %v", read, err)
	}
}
