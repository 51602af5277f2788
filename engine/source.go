package engine

// Source is what yields bytes: a file, a buffer, the memory of a process.
// Sources are compared with ==, so the dynamic type has to be comparable (a
// pointer). All methods are safe for concurrent use.
//
// [BytesSource] is one of bytes in memory, and [ReaderSource] one of whatever has
// a ReadAt. Who has neither writes a View, whose bytes lie in memory already, or
// are made in buf.
type Source interface {
	// Name tells the source in listings and errors: for a file, its path.
	Name() string

	// View returns the n bytes at offset off. They are the source's own
	// memory where it is mapped, else buf[:n], filled; len(buf) ≥ n. The
	// caller must not write to them, and they hold until the source is
	// closed or buf is used again.
	//
	// n is at least 1, and off+n does not pass 2^64−1, the number of bytes that
	// a source can have at most.
	//
	// A result of m < n bytes comes with an error that tells why the byte at
	// off+m could not be read; the m bytes before it are good. The bytes after
	// it cannot be read either, up to the next multiple of PageSize, wherever
	// the view begins. A scan goes on there; that it cannot read a byte is in
	// Stats.Unreadable, why not is the error of Space.Byte.
	//
	// Memory that is mapped from a file can fault when it is touched, as
	// after the file has shrunk. Readers of a View guard themselves: see
	// [Guard].
	View(buf []byte, off uint64, n int) ([]byte, error)

	// Size is the number of bytes that the source holds now: bytes at
	// offsets below it can be expected to be readable, and those past it are
	// unreadable, also where a mapping speaks of them and View has them. It is
	// asked again after reading, because a file can shrink meanwhile, and a mapped
	// file's last page then reads as zeros past the end without a fault.
	Size() uint64
}

// PageSize is the granule in which unreadable bytes of a source are skipped.
const PageSize = 4096
