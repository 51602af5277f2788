package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// process is a live process while it is opened.
type process struct {
	*image.Draft
	ctx   context.Context // of the opening
	watch *interrupt.Watch
	dir   string // of /proc
	mem   *processSource
	opt   image.Options
	pages *pagemap // nil: it cannot be read
	files mappedFiles

	absent   uint64 // bytes that cannot be read by their nature
	zero     uint64
	resident uint64
	swapped  uint64
	filed    uint64 // bytes that come from mapped files
}

// openPages opens the pagemap. Where there is none, the process is read without.
func (p *process) openPages(tricks processTricks) error {
	if tricks.noPagemap {
		p.noteNoPages(errors.ErrUnsupported)
		return nil
	}
	pages, err := openPagemap(p.dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		p.noteNoPages(err)
		return nil
	}
	if err != nil {
		return err
	}
	pages.noScan = pages.noScan || tricks.noScan
	p.pages = pages
	p.Own(pages)
	return nil
}

func (p *process) noteNoPages(err error) {
	p.Note("which pages are in memory cannot be told (%v): all of it is read, which makes memory that was never touched resident, and guard pages count as unreadable", err)
}

// layOut makes the mappings.
func (p *process) layOut(vmas []vma) error {
	defer p.files.report(p.Draft)
	if err := p.setBases(vmas); err != nil {
		return err
	}
	for i := range vmas {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if err := p.area(&vmas[i]); err != nil {
			return err
		}
	}
	return nil
}

// area makes the mappings of one area: what its pages have where they are
// untouched, and what lies in memory between.
//
//	area     |----------------------------------------------|
//	pages          |resident|      |guard|       |swapped|
//	mappings |-base|-present-|-base-|-absent|-base-|-present-|
func (p *process) area(v *vma) error {
	base := p.baseOf(v)
	if base == baseRead || p.closed(v) {
		p.lay(v, v.Range, base)
		return nil
	}
	seldom := v.known && !v.used && v.flags&vmaHuge == 0
	runs, err := p.pages.runs(p.ctx, v.Range, seldom, v.flags&vmaGuarded != 0)
	if err != nil {
		return err
	}
	rest, more := v.Range, true
	for _, run := range runs {
		if err := p.watch.Step(1); err != nil {
			return err
		}
		r, ok := run.Intersect(rest)
		if !ok || !more {
			continue
		}
		if r.First > rest.First {
			p.lay(v, addr.Range{First: rest.First, Last: r.First - 1}, base)
		}
		p.lay(v, r, p.baseIn(v, base, run.kind))
		if more = r.Last < rest.Last; more {
			rest.First = r.Last + 1
		}
	}
	if more {
		p.lay(v, rest, base)
	}
	return nil
}

// base says where the bytes of pages come from.
type base uint8

const (
	baseAbsent  base = iota // from nowhere
	baseZero                // they are zero
	baseRead                // from the process, whatever is there
	baseFile                // from the mapped file
	baseMemory              // from the process, where they are in memory
	baseSwapped             // from the process, which brings them back into memory
)

// baseIn returns where the bytes of pages come from that are not untouched, in an area
// whose untouched pages come from elsewhere.
func (p *process) baseIn(v *vma, untouched base, kind pageKind) base {
	switch {
	case kind == swapped && v.shared && untouched == baseFile:
		return baseFile // all of it is the file's; a userfaultfd that guards against writing leaves such marks
	case kind == guarded, kind == swapped && p.opt.Resident:
		return baseAbsent
	case kind == swapped:
		return baseSwapped
	}
	return baseMemory
}

// baseOf returns where the bytes of an area's untouched pages come from.
func (p *process) baseOf(v *vma) base {
	switch {
	case p.closed(v):
		return baseAbsent
	case p.pages == nil:
		return baseRead
	case v.anonymous():
		return v.baseZero()
	case v.hasFile():
		return p.baseOfFile(v)
	}
	return baseRead
}

// baseOfFile is baseOf of an area with a file behind it.
func (p *process) baseOfFile(v *vma) base {
	f := p.files.open(v)
	switch {
	case f == nil:
		return baseRead
	case f.zeros && !v.shared:
		return v.baseZero()
	case f.zeros:
		return baseRead
	}
	return baseFile
}

// baseZero returns where the bytes of pages come from that are zero until they are
// written, or that a userfaultfd is to supply.
func (v *vma) baseZero() base {
	if v.flags&vmaMissing != 0 {
		return baseAbsent
	}
	return baseZero
}

// closed reports whether an area cannot be read by its nature.
func (p *process) closed(v *vma) bool {
	switch {
	case v.flags&(vmaIO|vmaPFN) != 0, v.name == "[vsyscall]", strings.HasPrefix(v.name, "[vvar"):
		return true
	case strings.HasPrefix(v.name, "/secretmem") && strings.HasPrefix(v.dev, "00:") && !p.mem.readable(v): // memfd_secret, which the kernel itself cannot reach; or a file of that name
		return true
	case v.perm == engine.PermKnown:
		return !p.opt.ProtNone
	}
	// Without VmFlags, devices are known by what happens.
	return p.pages == nil && !v.anonymous() && !p.mem.readable(v)
}

// anonymous reports whether an area is private memory without a file behind it.
// Areas of the kernel's own, such as [vdso], are not.
func (v *vma) anonymous() bool {
	if v.hasFile() {
		return false
	}
	named := strings.HasPrefix(v.name, "[") && v.name != "[heap]" && !strings.HasPrefix(v.name, "[stack") && !strings.HasPrefix(v.name, "[anon")
	return !named
}

// hasFile reports whether an area has a file behind it. The number of its inode
// may be 0: that of the first SysV segment is.
func (v *vma) hasFile() bool { return v.inode != 0 || v.dev != "00:00" || v.shared }

// readable reports whether the first byte of an area can be read.
func (s *processSource) readable(v *vma) bool {
	var b [1]byte
	n, _ := s.pread(b[:], uint64(v.First))
	return n == 1
}

// lay makes the mappings of a part of an area.
func (p *process) lay(v *vma, r addr.Range, from base) {
	m := engine.Mapping{Range: r, Perm: v.perm, Name: v.name, NameOffset: uint64(r.First - v.base), Continuation: r.First > v.First}
	switch from {
	case baseAbsent:
		m.State = engine.Absent
		p.absent += r.Size()
	case baseZero:
		m.State = engine.Zero
		p.zero += r.Size()
	case baseFile:
		p.layFile(v, m)
		return
	default:
		m.Source, m.Offset = p.mem, uint64(r.First)
		if from == baseSwapped {
			p.swapped += r.Size()
		} else {
			p.resident += r.Size()
		}
	}
	p.Mappings = append(p.Mappings, m)
}

// layFile makes the mappings of untouched pages of a file: its bytes, holes of it
// as zeros, zeros from its end to the end of the page, and nothing beyond, where
// to touch a page is a fault.
func (p *process) layFile(v *vma, m engine.Mapping) {
	f := p.files.open(v)
	page := uint64(os.Getpagesize())
	part := func(n uint64, set func(*engine.Mapping)) (more bool) {
		q := m
		if n-1 < uint64(m.Last-m.First) {
			q.Last = m.First + addr.Addr(n-1)
			m.First, more = q.Last+1, true
			m.NameOffset += n
			m.Continuation = true
		}
		set(&q)
		p.Mappings = append(p.Mappings, q)
		return more
	}
	absent := func(q *engine.Mapping) { q.State = engine.Absent; p.absent += q.Size() }
	zero := func(q *engine.Mapping) { q.State = engine.Zero; p.zero += q.Size() }
	off := v.offset + uint64(m.First-v.First)
	for size := f.size; off < size; {
		hole, n := f.extent(off)
		more := part(n, func(q *engine.Mapping) {
			switch {
			case hole && v.flags&vmaMissing != 0:
				absent(q)
				return
			case hole:
				zero(q)
				return
			}
			q.Source, q.Offset = f, off
			p.filed += q.Size()
		})
		if !more {
			return
		}
		off += n
	}
	if tail := -off % page; tail > 0 && off == f.size && !part(tail, zero) {
		return
	}
	part(^uint64(0), absent)
}

// describe fills in what the image says of itself.
func (p *process) describe(name string, areas int) {
	what := ""
	if h, err := readExeHeader(p.dir); err == nil {
		p.WordSize, p.Order, p.OrderKnown = h.WordSize(), h.Order, true
		machine, _ := elf.MachineName(h.Machine)
		what = fmt.Sprintf("%d-bit %s-endian %s, ", 8*h.WordSize(), h.Order, machine)
		p.Tell("machine", machine)
	}
	p.tellFacts(name)
	p.Detail = fmt.Sprintf("%s%s, %s: %d KiB in memory", what, name, input.Plural(areas, "mapping"), p.resident/1024)
	for _, part := range []struct {
		bytes uint64
		what  string
	}{{p.swapped, "swapped out"}, {p.filed, "in mapped files alone"}, {p.zero, "never touched"}, {p.absent, "not readable by nature"}} {
		if part.bytes > 0 {
			p.Detail += fmt.Sprintf(", %d KiB %s", part.bytes/1024, part.what)
		}
	}
}

// mappedFiles are the files that a process has mapped.
type mappedFiles struct {
	dir    string // of the process in /proc
	none   bool   // none can be opened
	known  map[mappedFile]*processFile
	refuse int   // how many cannot be opened
	why    error // of the first
	at     string
}

// mappedFile tells a file from others. SysV segments choose their inodes
// themselves, so the name belongs to it.
type mappedFile struct {
	dev, name string
	inode     uint64
}

// open opens the file behind an area, once; nil where that cannot be done.
func (s *mappedFiles) open(v *vma) *processFile {
	key := mappedFile{v.dev, v.name, v.inode}
	f, known := s.known[key]
	if known {
		return f
	}
	f, err := s.openAnew(v)
	if err != nil && !errors.Is(err, errNoFile) {
		if s.refuse++; s.refuse == 1 {
			s.why, s.at = err, v.name
		}
	}
	if s.known == nil {
		s.known = map[mappedFile]*processFile{}
	}
	s.known[key] = f
	return f
}

// errNoFile is of what is mapped and has no bytes to be read at an offset.
var errNoFile = errors.New("neither a regular file nor a block device")

// openAnew opens the file by /proc/PID/map_files, which is the file itself
// wherever it has gone, or else by its path in the process's own view, if it is
// still the same file there.
func (s *mappedFiles) openAnew(v *vma) (*processFile, error) {
	if s.none {
		return nil, fs.ErrPermission
	}
	f, err := openMapped(fmt.Sprintf("%s/map_files/%x-%x", s.dir, uint64(v.First), uint64(v.Last)+1), v)
	if err == nil || errors.Is(err, errNoFile) {
		return f, err
	}
	byPath, pathErr := openMapped(s.dir+"/root"+v.name, v)
	switch {
	case errors.Is(pathErr, errNoFile):
		return nil, errNoFile
	case pathErr != nil:
		return nil, err
	case !byPath.is(v):
		byPath.Close()
		return nil, err
	}
	return byPath, nil
}

// openMapped opens a regular file, or a block device, whose pages are kept as
// those of a file, and nothing else: to open another device may do something, to
// open a pipe may wait. The zero device is not opened; what it is, is known.
func openMapped(path string, v *vma) (*processFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &processFile{info: info}
	if isZeroDevice(info) {
		f.zeros = true
		return f, nil
	}
	device := info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0
	if !device && !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f.file, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENXIO) { // of the kernel's own, such as the rings of io_uring
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	if err := f.look(device); err != nil {
		f.file.Close()
		return nil, err
	}
	f.File = input.Adopt(v.name, f.file, f.size, device)
	return f, nil
}

// isZeroDevice reports whether a file is /dev/zero, wherever it lies. Source: linux
// Documentation/admin-guide/devices.txt.
func isZeroDevice(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && uint64(st.Rdev) == unix.Mkdev(1, 5)
}

// look asks the opened file what it is and how large.
func (f *processFile) look(device bool) (err error) {
	if f.info, err = f.file.Stat(); err != nil {
		return err
	}
	size := f.info.Size()
	if device {
		if size, err = f.file.Seek(0, io.SeekEnd); err != nil {
			return err
		}
	}
	f.size = uint64(max(size, 0))
	return nil
}

// is reports whether a file is the one that an area says.
func (f *processFile) is(v *vma) bool {
	st, ok := f.info.Sys().(*syscall.Stat_t)
	if !ok || st.Ino != v.inode {
		return false
	}
	dev := uint64(st.Dev)
	return fmt.Sprintf("%02x:%02x", unix.Major(dev), unix.Minor(dev)) == v.dev
}

// Close closes the file, if it is open.
func (f *processFile) Close() error {
	if f.zeros {
		return nil
	}
	return f.File.Close()
}

// report notes which files could not be opened, and has the image close the
// others.
func (s *mappedFiles) report(img *image.Draft) {
	for _, f := range s.known {
		if f != nil {
			img.Own(f)
		}
	}
	if s.refuse > 0 {
		img.Note("%s cannot be opened (%s: %v), so their pages are read from the process, which makes those resident that it has not touched", input.Plural(s.refuse, "mapped file"), s.at, s.why)
	}
}

// processFile is a file that a process has mapped.
type processFile struct {
	*input.File
	file    *os.File
	info    fs.FileInfo
	size    uint64   // in bytes, when it was opened
	zeros   bool     // it is the zero device, and not open
	extents []extent // where it has been asked
	asked   bool
}

// extent is a run of a file's bytes, or a hole of it.
type extent struct {
	end  uint64 // exclusive
	hole bool
}

// maxExtents is how many extents of a file are told apart; what comes behind
// them is read.
const maxExtents = 1 << 16

// extent says whether the file has a hole at off, which is before its end, and
// how far that holds.
func (f *processFile) extent(off uint64) (hole bool, n uint64) {
	if !f.asked {
		f.asked = true
		f.findExtents()
	}
	i, _ := slices.BinarySearchFunc(f.extents, off, func(e extent, off uint64) int {
		if e.end > off {
			return 1
		}
		return -1
	})
	if i == len(f.extents) {
		return false, f.size - off
	}
	return f.extents[i].hole, f.extents[i].end - off
}

// findExtents asks the file system where the file has holes.
func (f *processFile) findExtents() {
	const seekData, seekHole = 3, 4 // linux include/uapi/linux/fs.h
	for at := uint64(0); at < f.size && len(f.extents) < maxExtents; {
		data, err := unix.Seek(int(f.file.Fd()), int64(at), seekData)
		if errors.Is(err, unix.ENXIO) {
			data = int64(f.size)
		} else if err != nil {
			return // it cannot be asked: all of it is read
		}
		if uint64(data) > at {
			f.extents = append(f.extents, extent{min(uint64(data), f.size), true})
		}
		if uint64(data) >= f.size {
			return
		}
		hole, err := unix.Seek(int(f.file.Fd()), data, seekHole)
		if err != nil || hole <= data {
			return
		}
		f.extents = append(f.extents, extent{min(uint64(hole), f.size), false})
		at = uint64(hole)
	}
}
