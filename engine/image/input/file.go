package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"vscan/engine/image"
	"vscan/internal/mmap"
	"vscan/internal/outfile"
)

// File is an opened file as a source of bytes: mapped into memory where that can be
// had, else read call by call.
type File struct {
	path   string
	file   *os.File
	size   uint64    // in bytes, when it was opened
	device bool      // a block device, whose size never changes
	live   bool      // the running kernel's memory, whose size is that of all offsets
	holes  *holes    // nil where it has none that are known
	opened *identity // what it was when it was opened; nil where it was adopted

	data    []byte   // the mapped file, or nil
	chooser *chooser // nil where it is always mapped, or always read
	pager   *pager   // nil where mapped pages are left to the system
	most    uint64   // what Size tells at most, in bytes; 0: there is no such bound
}

// Open opens a file to be read at any offset, without mapping it. It asks
// what the file is before it opens it, since opening a pipe would wait and
// opening a device may do something.
func Open(path string) (*File, error) {
	if path == "-" {
		return nil, errors.New("standard input cannot be scanned, for it can be read only once: save it to a file first (./- is a file of the name -)")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := checkKind(path, info); err != nil {
		return nil, err
	}
	// O_NONBLOCK: should a pipe have taken the file's place meanwhile.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil && isKcore(info) {
		return nil, fmt.Errorf("%w: the running kernel's memory can be read by root alone (CAP_SYS_RAWIO), and by nobody where the kernel is locked down (/sys/kernel/security/lockdown): else take a dump of it", err)
	}
	if err != nil {
		return nil, err
	}
	f := &File{path: path, file: file}
	if err := f.measure(); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// Adopt returns a file that is open already as a source of bytes, to be read
// call by call: its path as it is called, its size in bytes, and whether it is a
// block device, whose size never changes. Close closes it. Changed says nothing of it.
func Adopt(path string, file *os.File, size uint64, device bool) *File {
	f := &File{path: path, file: file, size: size, device: device}
	if info, err := file.Stat(); err == nil {
		f.holes = newHoles(file, info, size, device)
	}
	return f
}

// Reader returns what the reader of a format gets of the file.
func (f *File) Reader() Reader {
	return Reader{ReaderAt: f.file, Size: f.size, Source: f, Live: f.live, holes: f.holes}
}

// measure checks the opened file and sets its size.
func (f *File) measure() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if err := checkKind(f.path, info); err != nil {
		return err
	}
	if f.live = isKcore(info); f.live {
		f.size = math.MaxInt64
		return nil
	}
	size := info.Size()
	if f.device = !info.Mode().IsRegular(); f.device {
		if size, err = f.file.Seek(0, io.SeekEnd); err != nil {
			return fmt.Errorf("%s: the size of this device cannot be told: %w", f.path, err)
		}
	}
	if size <= 0 {
		return fmt.Errorf("%s is empty: there is nothing to scan", f.path)
	}
	f.size, f.opened = uint64(size), identify(f.file, info)
	f.holes = newHoles(f.file, info, f.size, f.device)
	return nil
}

// procMem is whose memory the file of /proc at path is: N, or self.
func procMem(path string) (pid string, ok bool) {
	pid, ok = strings.CutPrefix(path, "/proc/")
	if ok {
		pid, ok = strings.CutSuffix(pid, "/mem")
	}
	_, err := strconv.ParseUint(pid, 10, 64)
	return pid, ok && (err == nil || pid == "self")
}

// kcore is where the running kernel shows its memory.
const kcore = "/proc/kcore"

// isKcore reports whether a file is that.
func isKcore(info fs.FileInfo) bool {
	k, err := os.Stat(kcore)
	return err == nil && os.SameFile(info, k)
}

// checkKind refuses what is neither a regular file nor a block device, and
// the files of /proc that are memory in a form of their own.
func checkKind(path string, info fs.FileInfo) error {
	abs, err := filepath.Abs(path)
	if pid, ok := procMem(abs); err == nil && ok {
		n, _ := strconv.Atoi(pid) // of self there is none
		return &image.UnsupportedError{Path: path, Format: "live process", What: "the memory of a live process",
			Advice: "open the process itself", Live: true, PID: n}
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return fmt.Errorf("%s is a directory: name the image files in it", path)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("%s is a pipe, which can be read only once: save it to a file first", path)
	case mode&fs.ModeSocket != 0:
		return fmt.Errorf("%s is a socket: save what it sends to a file first", path)
	case mode&fs.ModeCharDevice != 0:
		return fmt.Errorf("%s is a character device: save its bytes to a file first; for the memory of this machine, take a dump with AVML or LiME", path)
	case mode&fs.ModeDevice != 0:
		return nil
	default:
		return fmt.Errorf("%s is not a regular file (%v): save its bytes to one first", path, mode.Type())
	}
}

// Name returns the path.
func (f *File) Name() string { return f.path }

// View is bounded by the mapped memory, or by what the file holds now where it
// is read call by call.
func (f *File) View(buf []byte, off uint64, n int) ([]byte, error) {
	if f.data != nil {
		return f.viewMapped(off, n)
	}
	return f.read(buf, off, n)
}

// Peek does what View does, for a look here and there: pages around it are neither entered
// nor let go, and a pass that follows is not taken to go on from there.
func (f *File) Peek(buf []byte, off uint64, n int) ([]byte, error) { return f.read(buf, off, n) }

// viewMapped does what View does, in mapped memory.
func (f *File) viewMapped(off uint64, n int) ([]byte, error) {
	if off >= uint64(len(f.data)) {
		return nil, f.unreadable(off, io.ErrUnexpectedEOF)
	}
	rest := f.data[off:]
	if n > len(rest) {
		return rest, f.unreadable(off+uint64(len(rest)), io.ErrUnexpectedEOF)
	}
	if f.pager != nil {
		f.pager.touch(off, n)
	}
	return rest[:n:n], nil
}

// read does what View does, by reading.
func (f *File) read(buf []byte, off uint64, n int) ([]byte, error) {
	if off > math.MaxInt64 {
		return nil, f.unreadable(off, io.ErrUnexpectedEOF)
	}
	m, err := f.file.ReadAt(buf[:n], int64(off))
	if m == n {
		return buf[:n], nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return buf[:m], f.unreadable(off+uint64(m), err)
}

func (f *File) unreadable(off uint64, err error) error {
	return fmt.Errorf("%s: cannot read %s: %w", f.path, f.PlaceOf(off), err)
}

// PlaceOf is that of image.Placer.
func (f *File) PlaceOf(off uint64) string { return fmt.Sprintf("at file offset %#x", off) }

// Stat returns what the system tells of the opened file, with a mode that permits nobody what
// an access list of the file does not.
func (f *File) Stat() (fs.FileInfo, error) { return outfile.Stat(f.file) }

// Size returns what the file holds now, as far as it is mapped or was so small that it is not;
// 0 where it cannot be asked any more.
func (f *File) Size() uint64 {
	if f.device || f.live {
		return f.size
	}
	info, err := f.file.Stat()
	if err != nil {
		return 0
	}
	size := uint64(max(info.Size(), 0))
	if f.data != nil {
		size = min(size, uint64(len(f.data)))
	}
	if f.most > 0 {
		size = min(size, f.most)
	}
	return size
}

// tail returns the file as a source of what it holds by now, to be read call by call, and
// whether that goes on behind an offset. It is the same open file, so nothing closes it.
func (f *File) tail(end uint64) (*File, bool) {
	info, err := f.file.Stat()
	if err != nil || f.device || f.live || info.Size() <= 0 || uint64(info.Size()) <= end {
		return nil, false
	}
	return &File{path: f.path, file: f.file, size: uint64(info.Size())}, true
}

// Close unmaps and closes the file.
func (f *File) Close() error {
	var err error
	if f.pager != nil {
		f.pager.close()
		f.pager = nil
	}
	if f.data != nil {
		err = mmap.Unmap(f.data)
		f.data = nil
	}
	return errors.Join(err, f.file.Close())
}

// fewPages is the size of the largest file that is not worth mapping, in bytes.
const fewPages = 32 << 10

// Map makes the file ready to be gone through, as the options have it: it maps it into
// memory, unless they forbid that. Where that
// fails it stays as it is, to be read call by call. So does a file that another program or
// machine hands out: a thread that waits for a page of it cannot be stopped, and the
// runtime, which stops all threads now and then, would wait with it, and so would whoever
// wants to end the program. And so does one of a few pages, unless it is to be mapped always: to
// map it, to wait for its pages and to unmap it takes more than to read it.
func (f *File) Map(o image.Options) {
	if f.live {
		return // it cannot be mapped
	}
	if f.opened != nil && f.opened.times.remote {
		return
	}
	if f.size <= fewPages && o.Mmap != image.MmapAlways && o.Mmap != image.MmapNever {
		f.most = f.size
		return
	}
	if o.Sequential {
		mmap.Sequential(f.file)
	}
	if o.Mmap == image.MmapNever {
		return
	}
	data, err := mmap.Map(f.file, f.size)
	if err != nil {
		return
	}
	f.data = data
	if o.Mmap != image.MmapAlways {
		f.chooser = newChooser(f.size)
	}
	if o.Sequential && f.size >= pagerKept*pagerStep {
		f.pager = newPager(data, f.chooser.helped)
		if f.chooser != nil {
			f.chooser.rest = f.pager.rest
		}
	}
}
