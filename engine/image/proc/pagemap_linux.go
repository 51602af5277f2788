package proc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine/addr"
)

// What /proc/PID/pagemap says of the pages of a process: a word of 64 bits a
// page, and, since Linux 6.7, the ioctl PAGEMAP_SCAN, which yields runs of pages
// and passes over what was never touched without looking at each page of it.
// Source: linux Documentation/admin-guide/mm/pagemap.rst,
// include/uapi/linux/fs.h.

// pageKind says where the bytes of a page are.
type pageKind uint8

const (
	untouched pageKind = iota // neither of the others: the page has no entry
	resident                  // in memory
	swapped                   // in the swap
	guarded                   // a guard: to touch it is a fault
)

// pageRun is a run of pages of one kind.
type pageRun struct {
	addr.Range
	kind pageKind
}

const (
	pagemapPresent = 1 << 63
	pagemapSwapped = 1 << 62
	pagemapGuard   = 1 << 58 // set beside pagemapSwapped, since Linux 6.15

	// The entry of a page in the swap has which swap file in its first 5 bits, and
	// where in it in the next 50; 0 for whoever may not know. The last number of a file
	// is of none: the page has a mark, and where is which. Source: linux
	// include/linux/swap.h, swapops.h: SWP_PTE_MARKER, PTE_MARKER_UFFD_WP.
	pagemapWhere   = 1<<55 - 1
	pagemapGuarded = 1<<5 | 31 // a userfaultfd guards it against writing, and it was never touched
)

// kindOf returns what an entry says.
func kindOf(entry uint64) pageKind {
	switch {
	case entry&pagemapGuard != 0:
		return guarded
	case entry&pagemapPresent != 0:
		return resident
	case entry&pagemapSwapped != 0 && entry&pagemapWhere == pagemapGuarded:
		return untouched
	case entry&pagemapSwapped != 0:
		return swapped
	}
	return untouched
}

// pagemap asks about the pages of a process.
type pagemap struct {
	file   *os.File
	noScan bool   // PAGEMAP_SCAN is not there
	mask   uint64 // categories that PAGEMAP_SCAN is asked about
	vec    []pageRegion
	block  []byte
}

// pageRegion is struct page_region.
type pageRegion struct{ start, end, categories uint64 }

// pmScanArg is struct pm_scan_arg.
type pmScanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages       uint64
	categoryInverted, categoryMask, categoryAnyofMask, returnMask uint64
}

const (
	pagemapScan    = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg); the same on all 64-bit machines that have Go, but for MIPS and PowerPC
	pageIsPresent  = 1 << 3
	pageIsSwapped  = 1 << 4
	pageIsGuard    = 1 << 8 // since Linux 6.16
	pagemapEntries = 1 << 15
	pageRegions    = 1 << 12
)

// openPagemap opens the pagemap of a process.
func openPagemap(dir string) (*pagemap, error) {
	f, err := os.Open(dir + "/pagemap")
	if err != nil {
		return nil, err
	}
	odd := runtime.GOARCH == "ppc64" || runtime.GOARCH == "ppc64le" || runtime.GOARCH == "mips64" || runtime.GOARCH == "mips64le"
	return &pagemap{file: f, noScan: odd, mask: pageIsPresent | pageIsSwapped | pageIsGuard}, nil
}

func (p *pagemap) Close() error { return p.file.Close() }

// runs returns the runs of pages in r that are not untouched, ascending. r is
// whole pages. seldom says that r has no page that is in memory or swapped: then
// it is looked at only where that is cheap. marked says that pages that were never
// touched may have marks, which PAGEMAP_SCAN does not tell from swapped pages. The error
// may be that of ctx.
func (p *pagemap) runs(ctx context.Context, r addr.Range, seldom, marked bool) ([]pageRun, error) {
	if !p.noScan {
		runs, err := p.scan(ctx, r)
		if marked && err == nil {
			return p.withoutMarks(ctx, runs)
		}
		if !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EFAULT) {
			return runs, err
		}
		p.noScan = true
	}
	if seldom { // guards are newer than PAGEMAP_SCAN
		return nil, nil
	}
	return p.read(ctx, r)
}

// withoutMarks returns runs of which those that seem to be swapped were looked at page by
// page: what has a mark is untouched.
func (p *pagemap) withoutMarks(ctx context.Context, runs []pageRun) (out []pageRun, err error) {
	for _, run := range runs {
		if run.kind != swapped {
			out = append(out, run)
			continue
		}
		pages, err := p.read(ctx, run.Range)
		if err != nil {
			return nil, err
		}
		out = append(out, pages...)
	}
	return out, nil
}

// scan returns runs by PAGEMAP_SCAN.
func (p *pagemap) scan(ctx context.Context, r addr.Range) (runs []pageRun, err error) {
	if p.vec == nil {
		p.vec = make([]pageRegion, pageRegions)
	}
	// The region behind the last page may be the end of all addresses.
	for at, end := uint64(r.First), uint64(r.Last)+1; at < end; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		arg := &pmScanArg{start: at, end: end, vec: uint64(uintptr(unsafe.Pointer(&p.vec[0]))), vecLen: uint64(len(p.vec)), categoryAnyofMask: p.mask, returnMask: p.mask}
		arg.size = uint64(unsafe.Sizeof(*arg))
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, p.file.Fd(), pagemapScan, uintptr(unsafe.Pointer(arg)))
		runtime.KeepAlive(p.vec)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EINVAL && p.mask&pageIsGuard != 0: // a kernel that does not tell guards
			p.mask &^= pageIsGuard
			continue
		case errno != 0:
			return nil, fmt.Errorf("%s: PAGEMAP_SCAN of %v: %w", p.file.Name(), r, errno)
		}
		for _, region := range p.vec[:n] {
			runs = appendRun(runs, addr.Range{First: addr.Addr(region.start), Last: addr.Addr(region.end - 1)}, kindOfCategories(region.categories))
		}
		if arg.walkEnd <= at { // it always gets on
			return nil, fmt.Errorf("%s: PAGEMAP_SCAN of %v stops at %#x", p.file.Name(), r, at)
		}
		at = arg.walkEnd
	}
	return runs, nil
}

func kindOfCategories(c uint64) pageKind {
	switch {
	case c&pageIsGuard != 0:
		return guarded
	case c&pageIsPresent != 0:
		return resident
	}
	return swapped
}

// read returns runs by reading the entries, in blocks.
func (p *pagemap) read(ctx context.Context, r addr.Range) (runs []pageRun, err error) {
	if p.block == nil {
		p.block = make([]byte, 8*pagemapEntries)
	}
	page := uint64(os.Getpagesize())
	for first, last := uint64(r.First)/page, uint64(r.Last)/page; first <= last; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := p.block[:8*min(pagemapEntries, last-first+1)]
		n, err := p.file.ReadAt(b, int64(8*first))
		if n < 8 {
			return nil, fmt.Errorf("cannot read %s at %#x: %w", p.file.Name(), 8*first, err)
		}
		for ; n >= 8; n -= 8 {
			if kind := kindOf(binary.NativeEndian.Uint64(b)); kind != untouched {
				runs = appendRun(runs, addr.Range{First: addr.Addr(first * page), Last: addr.Addr(first*page + page - 1)}, kind)
			}
			b, first = b[8:], first+1
		}
	}
	return runs, nil
}

// appendRun adds a run above all others, or makes the last one longer.
func appendRun(runs []pageRun, r addr.Range, kind pageKind) []pageRun {
	if n := len(runs); n > 0 && runs[n-1].kind == kind && runs[n-1].Last+1 == r.First {
		runs[n-1].Last = r.Last
		return runs
	}
	return append(runs, pageRun{r, kind})
}

// pidName returns a process as a path of /proc has it.
func pidName(pid int) string { return "/proc/" + strconv.Itoa(pid) }
