package formats_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/patterns"
)

// A file that is cut while it is scanned costs the bytes that are gone, which
// are told, and never the process. Hits before and after are as they should be.
func TestFileShrinksDuringScan(t *testing.T) {
	const size, rest = 32 << 20, 9<<20 + 5
	for _, mmap := range []image.Mmap{image.MmapAuto, image.MmapAlways, image.MmapNever} {
		path := filepath.Join(t.TempDir(), "memory")
		data := bytes.Repeat([]byte("x"), size)
		copy(data, "needle")
		// This hit waits in its shard while the first one is told, and so its worker is
		// two shards ahead of the cut at most. Shards without hits would not hold it.
		copy(data[1<<20:], "needle")
		copy(data[9<<20:], "needle")  // half of it will be gone
		copy(data[20<<20:], "needle") // and all of this
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		base := addr.Addr(0x1000)
		img, err := formats.Open(t.Context(), path, image.Options{Format: "raw", Base: &base, Mmap: mmap})
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := patterns.Parse("needle")
		if err != nil {
			t.Fatal(err)
		}
		set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, patterns.Target{})
		if err != nil {
			t.Fatal(err)
		}
		sc, err := engine.Compile(context.Background(), space, set, engine.Options{Workers: 1, ShardSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var got []addr.Addr
		stats, err := sc.Scan(t.Context(), func(h engine.Hit) bool {
			got = append(got, h.Addr)
			if len(got) == 1 {
				if err := os.Truncate(path, rest); err != nil {
					t.Skipf("the file cannot be cut while it is open: %v", err)
				}
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []addr.Addr{base, base + 1<<20}; !slices.Equal(got, want) {
			t.Errorf("mmap %q: hits at %v, want %v", mmap, got, want)
		}
		gone := stats.UnreadableBytes()
		if stats.Complete() || gone == 0 || stats.Unreadable[len(stats.Unreadable)-1].Last != base+size-1 ||
			stats.Unreadable[0].First < base+rest || stats.Scanned+gone != size {
			t.Errorf("mmap %q: %d bytes scanned, unreadable %v", mmap, stats.Scanned, stats.Unreadable)
		}
		// Reads past the end are errors too, and so is the zero rest of the last page.
		var me *engine.MemoryError
		for _, a := range []addr.Addr{base + rest, base + rest + 100, base + 20<<20} {
			if b, err := space.Byte(a); !errors.As(err, &me) || me.Addr != a {
				t.Errorf("mmap %q: byte at %v: %d, %v", mmap, a, b, err)
			}
		}
		if b, err := space.Bytes(base+rest-2, 8); len(b) != 2 || !errors.As(err, &me) || me.Addr != base+rest {
			t.Errorf("mmap %q: bytes over the end: %q, %v", mmap, b, err)
		}
	}
}
