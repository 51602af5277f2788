package input

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine/image"
	"vscan/internal/mmap"
)

// onceImage returns an image of so many bytes that is gone through once: zeros but for
// a letter in each pagerGo bytes.
func onceImage(t *testing.T, size uint64) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := uint64(0); at < size; at += pagerGo { // the rest is holes, which read as zeros
		if _, err := f.WriteAt([]byte{letter(at)}, int64(at)+123); err != nil {
			t.Fatal(err)
		}
	}
	f.Truncate(int64(size))
	f.Close()
	src, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	src.Map(image.Options{Sequential: true})
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	if src.data == nil {
		t.Skip("the file is not mapped")
	}
	return src
}

func letter(at uint64) byte { return byte('a' + at/pagerGo) }

// Pages that a pass has left behind are let go, and read the same when they
// are asked for again, on the way and at the end.
func TestOnceLetsGo(t *testing.T) {
	const size = 5 * pagerGo
	src := onceImage(t, size)
	for round := range 2 {
		for at := uint64(0); at < size; at += 1 << 20 {
			b, err := src.View(nil, at, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if at%pagerGo == 0 {
				want = 1
				if b[123] != letter(at) {
					t.Fatalf("round %d: %q at %#x", round, b[123], at+123)
				}
			}
			if n := len(b) - bytes.Count(b, []byte{0}); n != want {
				t.Fatalf("round %d: %d bytes at %#x, want %d", round, n, at, want)
			}
		}
		if round == 0 {
			data := src.data
			src.pager.close()
			src.pager = nil
			gone := false
			for at := 0; at < size-2*pagerGo && !gone; at += 1 << 20 {
				gone = !entered(t, data[at:])
			}
			if !gone {
				t.Error("no page has been let go")
			}
		}
	}
}

// Pages come to a pass that goes from step to step, and to no other view.
func TestOnceGoesAhead(t *testing.T) {
	const size = 8 * pagerStep
	view := func(src *File, at uint64) {
		if _, err := src.View(nil, at, passView); err != nil {
			t.Fatal(err)
		}
	}
	src := onceImage(t, size)
	if err := mmap.Enter(src.data[:1]); err != nil {
		t.Skip("pages cannot be entered ahead: ", err)
	}
	view(src, 0)
	view(src, 5*pagerStep)
	view(src, 7*pagerStep)
	view(src, pagerStep)
	src.pager.close()
	src.pager = nil
	for at := uint64(pagerStep); at < size; at += pagerStep {
		if entered(t, src.data[at:]) {
			t.Errorf("%#x came to views that are not a pass", at)
		}
	}

	src = onceImage(t, size)
	view(src, 0)
	view(src, pagerStep)
	for deadline := time.Now().Add(time.Minute); !entered(t, src.data[pagerStep+pagerAhead:]); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("pages did not come to a pass")
		}
	}
	src.pager.close()
	src.pager = nil
	if at := 2*pagerStep + pagerAhead; entered(t, src.data[at:]) {
		t.Errorf("%#x came too early", at)
	}
}

// entered reports whether a page is in the page table: bit 63 of its entry in
// /proc/self/pagemap.
func entered(t *testing.T, page []byte) bool {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var entry [8]byte
	if _, err := f.ReadAt(entry[:], int64(uintptr(unsafe.Pointer(&page[0]))/uintptr(unix.Getpagesize())*8)); err != nil {
		t.Skip(err)
	}
	return entry[7]&0x80 != 0
}
