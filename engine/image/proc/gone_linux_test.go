package proc

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

// Memory that goes away when its areas are known and its pages are not yet is no memory that
// was never touched: it is unreadable, or what is there by then.
func TestGoneWhileStockIsTaken(t *testing.T) {
	const pages = 4096
	page := os.Getpagesize()
	// Far below where the kernel puts what has no address of its own, so that nothing else comes to
	// lie where the memory was.
	place := unsafe.Add(nil, 64<<30)
	readWrite, private := unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, pages*page), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fixed := func(at, n uintptr, fd uintptr, flags int) {
		if _, _, errno := unix.Syscall6(unix.SYS_MMAP, at, n, uintptr(readWrite), uintptr(flags|unix.MAP_FIXED), fd, 0); errno != 0 {
			t.Error(errno)
		}
	}
	for _, c := range []struct {
		name   string
		fd     int
		change func(at, n uintptr)
		lost   int // pages
	}{
		{"it stays", -1, func(at, n uintptr) {}, 0},
		{"it becomes two areas", -1, func(at, n uintptr) {
			unix.Syscall(unix.SYS_MPROTECT, at, n/2, unix.PROT_READ)
		}, 0},
		{"unmapped", -1, func(at, n uintptr) { unix.Syscall(unix.SYS_MUNMAP, at, n, 0) }, pages},
		{"the middle is unmapped", -1, func(at, n uintptr) { unix.Syscall(unix.SYS_MUNMAP, at+n/4, n/2, 0) }, pages / 2},
		{"pages of a file are unmapped", int(file.Fd()), func(at, n uintptr) { unix.Syscall(unix.SYS_MUNMAP, at, n/4, 0) }, pages / 4},
		{"moved away", -1, func(at, n uintptr) { // as realloc does with a large block
			to, _, errno := unix.Syscall6(unix.SYS_MREMAP, at, n, 2*n, unix.MREMAP_MAYMOVE, 0, 0)
			if errno != 0 {
				t.Error(errno)
			}
			unix.Syscall(unix.SYS_MUNMAP, to, 2*n, 0)
		}, pages},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := private
			if c.fd < 0 {
				flags |= unix.MAP_ANON
			}
			start, err := unix.MmapPtr(c.fd, 0, place, uintptr(pages*page), readWrite, flags|unix.MAP_FIXED_NOREPLACE)
			if err != nil {
				t.Fatal(err)
			}
			mem := unsafe.Slice((*byte)(start), pages*page)
			defer unix.Syscall(unix.SYS_MUNMAP, uintptr(start), uintptr(len(mem)), 0)
			for i := 0; i < len(mem); i += page {
				mem[i] = 1
			}
			at, n := uintptr(start), uintptr(len(mem))
			_, stats, _ := planted(t, os.Getpid(), image.Options{}, processTricks{areas: func() { c.change(at, n) }})
			lost := 0
			for _, r := range stats.Unreadable {
				if r.First <= addr.Addr(at+n-1) && addr.Addr(at) <= r.Last {
					r.First, r.Last = max(r.First, addr.Addr(at)), min(r.Last, addr.Addr(at+n-1))
					lost += int(r.Size()) / page
				}
			}
			if lost != c.lost {
				t.Errorf("%d pages are lost, want %d", lost, c.lost)
			}
		})
	}
	t.Run("something else is there", func(t *testing.T) {
		mem, err := unix.Mmap(-1, 0, pages*page, readWrite, private|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		at, n := uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem))
		change := func() { fixed(at, n, file.Fd(), unix.MAP_SHARED) }
		img, err := open(t.Context(), os.Getpid(), image.Options{}, processTricks{areas: change})
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		for _, m := range img.Mappings {
			if m.Contains(addr.Addr(at)) && (m.State != engine.Present || m.Source.Name() != img.Path) {
				t.Errorf("%+v: it is not read from the process", m)
			}
		}
	})
}
