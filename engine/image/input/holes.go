package input

import (
	"io/fs"
	"os"
)

// Holes of a file: ranges that were never written, which read as zeros and take no room on
// disk. A file of some KiB can have a hole of terabytes, so what a header says that there
// is of something is bounded by where the file has data, and not by its size.
//
// Systems tell holes by lseek(2), SEEK_HOLE and SEEK_DATA. Where they do not, a file that
// takes less room on disk than it has bytes is thin: zeros of it may be a hole.

// holes tells where a file has holes.
type holes struct {
	file *os.File
	size uint64
	told bool // the system tells them
	thin bool // there may be holes that it does not tell
}

// newHoles asks what there is to know of a file that is open. Most files have no hole,
// and are never asked again: nil.
func newHoles(file *os.File, info fs.FileInfo, size uint64, device bool) *holes {
	h := &holes{file: file, size: size}
	onDisk, known := bytesOnDisk(info)
	if !device && known && onDisk >= size {
		return nil
	}
	hole, err := h.seek(0, seekHole)
	h.told = err == nil && hole < size
	h.thin = !h.told
	return h
}

// seek returns the first offset from off on that lseek tells of.
func (h *holes) seek(off uint64, whence int) (uint64, error) {
	if whence == 0 {
		return 0, fs.ErrInvalid
	}
	at, err := h.file.Seek(int64(off), whence)
	return uint64(at), err
}

// Extent returns whether the file has a hole at an offset, and the offset at which that
// ends: where its data do not end before, or it cannot be told, the size of the file.
func (in Reader) Extent(off uint64) (end uint64, hole bool) {
	h := in.holes
	switch {
	case in.extent != nil && off < in.Size:
		return in.extent(off)
	case h == nil || !h.told || off >= in.Size:
		return in.Size, false
	}
	data, err := h.seek(off, seekData)
	switch {
	case isNoMore(err):
		return in.Size, true
	case err != nil:
		return in.Size, false
	case data > off:
		return min(data, in.Size), true
	}
	next, err := h.seek(off, seekHole)
	if err != nil || next <= off {
		return in.Size, false
	}
	return min(next, in.Size), false
}

// Thin reports whether zeros of the file may be a hole that the system does not tell.
func (in Reader) Thin() bool { return in.holes != nil && in.holes.thin }

// LastData returns where the last data of the file end that Extent tells of.
func (in Reader) LastData() uint64 {
	if in.extent == nil && (in.holes == nil || !in.holes.told) {
		return in.Size
	}
	from := in.Size
	for step := uint64(1 << 20); from > 0; step *= 2 {
		from -= min(step, from)
		if end, hole := in.Extent(from); !hole || end < in.Size {
			break
		}
	}
	last := uint64(0)
	for off := from; off < in.Size; {
		end, hole := in.Extent(off)
		if !hole {
			last = end
		}
		off = end
	}
	return last
}

// A scan does not ask for holes of less than holeLeast bytes, nor at more than one place in as
// many, so that it asks but a few times for each MiB even of a file that has a hole beside
// every block. It looks at holeLooks places in one call.
const (
	holeLeast = 1 << 20
	holeLooks = 1 << 10
)

// NextHole is that of engine.HoleSource. Bytes that a scan passes over are missed where there is
// no hole, so nothing is known of the holes of a file where the file system cannot be relied on
// (fileTimes.holes): one that another program or machine hands out, or that is not known.
func (f *File) NextHole(off, end, least uint64) (first, behind uint64) {
	if f.holes == nil || !f.holes.told || f.opened == nil || !f.opened.times.holes() {
		return end, end
	}
	size := f.Size() // what lies behind is unreadable, and no hole
	least = max(least, holeLeast)
	in := Reader{Size: min(size, f.size), holes: f.holes}
	for range holeLooks {
		if off >= end || end-off < least || off >= in.Size {
			return end, end
		}
		to, hole := in.Extent(off)
		to = min(to, end)
		switch {
		case hole && to-off >= least:
			return off, to
		case hole: // a small one: the next place
			to = max(to, min(off+holeLeast, end))
		case to >= in.Size:
			return end, end
		}
		off = to
	}
	return off, off
}
