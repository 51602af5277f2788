package engine

// A Source is what yields bytes: a file, a buffer, the memory of a process. Sources
// are compared with ==, so the dynamic type has to be comparable (a pointer). All
// methods must be safe for concurrent use.
//
// [BytesSource] makes one of bytes in memory, and [ReaderSource] one of whatever has a
// ReadAt. Any other one has a View of its own, whose bytes lie in memory already, or
// are written to buf.
type Source interface {
	// Name returns the name of the source in listings and errors: for a file, its
	// path.
	Name() string

	// View returns the n bytes at offset off. They are the source's own memory
	// where it is mapped, else buf[:n], filled; len(buf) ≥ n. The caller must not
	// write to them, and they are valid until the source is closed or buf is used
	// again.
	//
	// The caller sees to it that n is at least 1, and that off+n does not pass
	// 2^64−1, the most bytes that a source can have.
	//
	// Where View returns m < n bytes, the error says why the byte at off+m could
	// not be read; the m bytes before it are valid. An error beside all n bytes does
	// not count. A scan takes the bytes from off+m to the next offset that is a
	// multiple of PageSize for unreadable, and goes on there: they are in
	// Stats.Unreadable, whether each of them could be read or not. Space.Byte asks
	// for one byte, and its error is that of View.
	//
	// A scan calls View on goroutines of its own, so a View that panics ends the
	// program.
	//
	// Memory that is mapped from a file can fault when it is touched, as after the
	// file has shrunk. So whoever reads the bytes of a View does it in a [Guard].
	View(buf []byte, off uint64, n int) ([]byte, error)

	// Size returns the number of bytes that the source holds now. Bytes at offsets
	// below it can be expected to be readable; those from it on count as
	// unreadable, even where a mapping has them and View returns them. Size is
	// called again after reading, because a file can shrink meanwhile, and a
	// mapped file's last page then reads as zeros past the end without a fault.
	Size() uint64
}

// A HoleSource is a Source that can tell where it has holes: bytes that take no room where
// they are kept, and are zeros. A scan passes over those that nothing can match.
type HoleSource interface {
	Source

	// NextHole returns the first hole in [off, end) that it knows of, without the bytes
	// in front of off and from end on; off < end, and it has least bytes or more. Where
	// there is none up to some offset, it returns that twice: end, or an earlier one behind off
	// where there is more to look at. It may leave holes out. It is called before a scan,
	// and a hole that is filled meanwhile is a hole to the scan.
	NextHole(off, end, least uint64) (first, behind uint64)
}

// PageSize is the unit, in bytes, in which unreadable bytes of a source are passed
// over.
const PageSize = 4096
