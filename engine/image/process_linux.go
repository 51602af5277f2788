package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vscan/engine"
)

// OpenProcess opens the memory of a live process as an image, by
// /proc/PID/maps and /proc/PID/mem. Mappings that cannot be read by their
// nature (without any permission, of the kernel, of a device) are absent and
// not missing. The process goes on running: what its memory is when it is read
// is what is found, and a mapping that is gone by then is unreadable.
func OpenProcess(pid int) (*Image, error) {
	path := fmt.Sprintf("pid:%d", pid)
	if pid <= 0 {
		return nil, fmt.Errorf("%s: want the number of a process, from 1", path)
	}
	dir := "/proc/" + strconv.Itoa(pid)
	if _, err := os.Stat(dir); err != nil {
		if _, err := os.Stat("/proc/self"); err != nil {
			return nil, fmt.Errorf("%s: /proc is not mounted, and live processes are read by it: %w", path, err)
		}
		return nil, fmt.Errorf("%s: there is no such process", path)
	}
	name := processName(dir)
	text, err := os.ReadFile(dir + "/maps")
	if err != nil {
		return nil, processError(path, name, err)
	}
	vmas, err := parseMaps(text)
	if err != nil {
		return nil, fmt.Errorf("%s (%s): %s/maps: %w", path, name, dir, err)
	}
	if len(vmas) == 0 {
		why := "a kernel thread has none"
		if isZombie(dir) {
			why = "it has ended and waits for its parent (a zombie)"
		}
		return nil, fmt.Errorf("%s (%s) has no memory of its own: %s", path, name, why)
	}
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		return nil, processError(path, name, err)
	}
	src := &processSource{path, mem}
	img := &Image{
		Path: path, Format: "live process",
		Space: Virtual, Spaces: []string{Virtual},
		closers: []io.Closer{mem},
	}
	absent := 0
	for _, v := range vmas {
		m := engine.Mapping{Range: v.Range, Perm: v.perm, Name: v.name}
		if m.Name == "" {
			m.Name = "[anon]"
		}
		if src.readable(v) {
			m.Source, m.Offset = src, uint64(v.First)
		} else {
			m.State = engine.Absent
			absent++
		}
		img.Mappings = append(img.Mappings, m)
	}
	what := ""
	if h, err := readExeHeader(dir); err == nil {
		img.WordSize, img.Order, img.OrderKnown = h.wordSize(), h.order, true
		machine, _ := machineName(h.machine)
		what = fmt.Sprintf("%d-bit %s-endian %s, ", 8*h.wordSize(), h.order, machine)
	}
	img.Detail = fmt.Sprintf("%s%s, %s, %d of them not readable", what, name, plural(len(vmas), "mapping"), absent)
	return img, nil
}

// readable says whether a mapping can be read by its nature.
func (s *processSource) readable(v vma) bool {
	if v.perm == engine.PermKnown || v.name == "[vsyscall]" || strings.HasPrefix(v.name, "[vvar") {
		return false
	}
	var b [1]byte
	n, _ := s.pread(b[:], uint64(v.First))
	return n == 1
}

// processName is the name of the process, or "?".
func processName(dir string) string {
	b, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return "?"
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "?")
}

func isZombie(dir string) bool {
	b, _ := os.ReadFile(dir + "/status")
	return strings.Contains(string(b), "\nState:\tZ")
}

// readExeHeader reads the ELF header of the program that the process runs.
func readExeHeader(dir string) (elfHeader, error) {
	f, err := os.Open(dir + "/exe")
	if err != nil {
		return elfHeader{}, err
	}
	defer f.Close()
	b := make([]byte, 64)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return elfHeader{}, err
	}
	if !at(0, "\x7fELF")(b) {
		return elfHeader{}, errors.New("not an ELF file")
	}
	return parseELFHeader(b[:n])
}

// processError tells what to do where the memory of a process is refused.
func processError(path, name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		scope := "unknown"
		if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil {
			scope = strings.TrimSpace(string(b))
		}
		return fmt.Errorf("%s (%s): its memory may not be read: run as root (CAP_SYS_PTRACE), or as the user of the process where /proc/sys/kernel/yama/ptrace_scope is 0 (here: %s): %w", path, name, scope, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return fmt.Errorf("%s (%s): the process has ended: %w", path, name, err)
	}
	return fmt.Errorf("%s (%s): %w", path, name, err)
}

// processSource is the memory of a live process. Offsets are its addresses.
type processSource struct {
	path string
	mem  *os.File
}

// Name is "pid:N".
func (s *processSource) Name() string { return s.path }

// View fills buf. The bytes before the first one that cannot be read are good.
func (s *processSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	m, err := s.pread(buf[:n], off)
	if m == n {
		return buf[:n], nil
	}
	return buf[:m], fmt.Errorf("%s: cannot read at address %#x: %w", s.path, off+uint64(m), err)
}

// pread reads until buf is full or a byte cannot be read. The kernel may stop
// at any page; only a read that gets nothing tells why. EIO is memory that is
// not there, 0 bytes is a process that has ended.
func (s *processSource) pread(buf []byte, off uint64) (int, error) {
	m := 0
	for m < len(buf) {
		pos := off + uint64(m)
		if pos > math.MaxInt64 {
			return m, unix.EINVAL
		}
		n, err := unix.Pread(int(s.mem.Fd()), buf[m:], int64(pos))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return m, err
		case n == 0:
			return m, io.ErrUnexpectedEOF
		default:
			m += n
		}
	}
	return m, nil
}

// Size is all there are: how far a process has memory, its mappings say.
func (s *processSource) Size() uint64 { return math.MaxUint64 }
