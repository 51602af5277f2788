package image

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pages that a pass has left behind are let go, and read the same when they
// are asked for again, on the way and at the end.
func TestOnceLetsGo(t *testing.T) {
	const steps = 5
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps { // the rest is holes, which read as zeros
		if _, err := f.WriteAt([]byte{byte('a' + i)}, int64(i)*behindStep+123); err != nil {
			t.Fatal(err)
		}
	}
	f.Truncate(steps * behindStep)
	f.Close()
	img, err := Open(path, Options{Format: "raw", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	src := img.Mappings[0].Source.(*fileSource)
	src.asked.Do(func() {}) // never by copies
	if src.data == nil {
		t.Skip("the file is not mapped")
	}
	for round := range 2 {
		for at := uint64(0); at < steps*behindStep; at += 1 << 20 {
			b, err := src.View(nil, at, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if at%behindStep == 0 {
				want = 1
				if b[123] != byte('a'+at/behindStep) {
					t.Fatalf("round %d: %q at %#x", round, b[123], at+123)
				}
			}
			if n := len(b) - bytes.Count(b, []byte{0}); n != want {
				t.Fatalf("round %d: %d bytes at %#x, want %d", round, n, at, want)
			}
		}
		if round == 0 {
			data := src.data
			src.behind.close()
			src.behind = nil
			gone := false
			for at := 0; at < (steps-2)*behindStep && !gone; at += 1 << 20 {
				gone = !entered(t, data[at:])
			}
			if !gone {
				t.Error("no page has been let go")
			}
		}
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
}

// entered says whether a page is in the page table: bit 63 of its entry in
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
