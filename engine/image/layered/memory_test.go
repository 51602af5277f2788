package layered

import (
	"errors"
	"runtime"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/imagetest"
)

// The budget is asked for what a core with many segments takes, and given back what was taken
// once the image is closed, or could not be opened.
func TestBudgetOfSegments(t *testing.T) {
	const many = 1 << 15
	var segs []imagetest.Segment
	for i := range many {
		segs = append(segs, imagetest.Segment{Type: 1, Flags: 6, Vaddr: uint64(many-i) << 16, Memsz: 0x1000, Filesz: imagetest.Num(0x40), At: 64})
	}
	path := imagetest.WriteFile(t, t.TempDir(), "core", string(imagetest.BuildELF(true, addr.Little, segs, nil)))
	segs = nil
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	b, before := budget.New(1<<40), live()
	img, err := Open(t.Context(), path, Options{Budget: b})
	if err != nil {
		t.Fatal(err)
	}
	if real, taken := live()-before, b.Taken(); float64(taken) < 0.7*float64(real) || taken > 4*real {
		t.Errorf("%d bytes are allocated, and the budget was asked for %d", real, taken)
	}
	whole := b.Taken()
	img.Close()
	img.Close()
	if n := b.Taken(); n != 0 {
		t.Errorf("%d bytes are still taken of an image that is closed", n)
	}
	for _, limit := range []uint64{0, 1000, whole / 3, whole - 1} {
		b := budget.New(limit)
		_, err := Open(t.Context(), path, Options{Budget: b})
		if over := (*budget.Error)(nil); !errors.As(err, &over) || b.Taken() != 0 {
			t.Errorf("with %d bytes: %v; %d are taken", limit, err, b.Taken())
		}
	}
	if img, err := Open(t.Context(), path, Options{Budget: budget.New(whole)}); err != nil {
		t.Error(err)
	} else {
		img.Close()
	}
}
