package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/internal/interrupt"
)

// Open opens the memory of a live process as an image, by
// /proc/PID/smaps, /proc/PID/pagemap and /proc/PID/mem. It takes stock of the
// pages once, when it is called, and leaves the process as it is: pages that
// were never touched are not touched by reading them.
//
//   - Pages that are in memory or swapped out are read from the process; with
//     [image.Options.Resident], swapped ones are absent.
//   - Private anonymous pages that were never touched are zero.
//   - Pages of a mapped file that the process has not touched come from the file.
//     Where it cannot be opened, or is another file by now, they are read from the
//     process, and a note says so.
//   - What cannot be read by its nature is absent and not missing: guard pages,
//     mappings without any permission (unless [image.Options.ProtNone]), memory of
//     devices (the pages of block devices are those of a file), pages past the end of a mapped file, pages that a userfaultfd is to
//     supply.
//
// Where another program takes the place of the process's meanwhile (exec), stock
// is taken anew; where that goes on and on, it is an error.
//
// The process goes on running: what its memory is when it is read is what is
// found, and what is gone by then is unreadable. Of the options, those of files
// are not heeded. Where ctx ends before, the error is an [*image.InterruptedError].
func Open(ctx context.Context, pid int, o image.Options) (*image.Image, error) {
	return open(ctx, pid, o, processTricks{})
}

// processTricks make a test of what only some kernels do.
type processTricks struct {
	noPagemap bool   // pagemap cannot be read
	noScan    bool   // PAGEMAP_SCAN is not there
	noFiles   bool   // mapped files cannot be opened
	opened    func() // called when memory is opened, and nothing asked of it
	areas     func() // called when its areas are known, and not which of their pages are there
}

func open(ctx context.Context, pid int, o image.Options, tricks processTricks) (*image.Image, error) {
	path := fmt.Sprintf("pid:%d", pid)
	if pid <= 0 {
		return nil, fmt.Errorf("%s: want the number of a process, from 1", path)
	}
	dir := pidName(pid)
	if _, err := os.Stat(dir); err != nil {
		if _, err := os.Stat("/proc/self"); err != nil {
			return nil, fmt.Errorf("%s: /proc is not mounted, and live processes are read by it: %w", path, err)
		}
		return nil, fmt.Errorf("%s: there is no such process", path)
	}
	return stockOfOneProgram(ctx, path, dir, o, tricks)
}

// stockOfOneProgram takes stock of a process until no other program has taken its
// place meanwhile: the areas of the one say nothing of the memory of the other.
func stockOfOneProgram(ctx context.Context, path, dir string, o image.Options, tricks processTricks) (*image.Image, error) {
	const tries = 20
	for range tries {
		program := programOf(dir)
		img, mem, err := takeStock(ctx, path, dir, o, tricks)
		if ended := ctx.Err(); ended != nil {
			if err == nil {
				img.Close()
				err = ended
			}
			return nil, image.Interrupted(err, path, "taking stock of its memory")
		}
		same := program == programOf(dir)
		if same && (err != nil || mem.alive()) {
			return img, err
		}
		if err == nil {
			img.Close()
		}
	}
	return nil, fmt.Errorf("%s (%s): it starts one program after another, or ends, while stock of its memory is taken: stop it first (kill -STOP %s)", path, processName(dir), strings.TrimPrefix(path, "pid:"))
}

// takeStock makes the image of a process, if the process goes on with its
// program.
func takeStock(ctx context.Context, path, dir string, o image.Options, tricks processTricks) (*image.Image, *processSource, error) {
	name := processName(dir)
	dir = memoryDir(dir)
	f, err := os.Open(dir + "/mem") // first: what is read of it later is of this program or of none
	if errors.Is(err, unix.ESRCH) {
		return nil, nil, noMemory(path, name, dir)
	}
	if err != nil {
		return nil, nil, processError(path, name, err)
	}
	if tricks.opened != nil {
		tricks.opened()
	}
	mem := &processSource{path, f}
	img := &image.Draft{Image: image.Image{
		Path: path, Format: "live process", Live: true,
		Space: image.Virtual, Spaces: []image.AddressSpace{image.Virtual},
	}}
	img.Own(f)
	p := &process{ctx: ctx, watch: interrupt.New(ctx), Draft: img, dir: dir, mem: mem, opt: o, files: mappedFiles{dir: dir, none: tricks.noFiles}}
	img.TellThreads(p.readThreads)
	if err = p.take(name, tricks); errors.Is(err, errNoAreas) {
		err = noMemory(path, name, dir)
	} else if err != nil {
		err = processError(path, name, err)
	}
	if err != nil {
		img.Close()
		return nil, nil, err
	}
	return img.Finish(), mem, nil
}

// take fills in what the process has.
func (p *process) take(name string, tricks processTricks) error {
	vmas, err := readAreasOf(p.ctx, p.dir)
	if err != nil {
		return err
	}
	if len(vmas) == 0 {
		return errNoAreas
	}
	if tricks.areas != nil {
		tricks.areas()
	}
	if err := p.openPages(tricks); err != nil {
		return err
	}
	if err := p.layOut(vmas); err != nil {
		return err
	}
	if err := p.readGone(vmas); err != nil {
		return err
	}
	p.describe(name, len(vmas))
	return nil
}

// errNoAreas is of a process without memory.
var errNoAreas = errors.New("no mappings")

// noMemory returns the error of a process without memory.
func noMemory(path, name, dir string) error {
	stat, _ := os.ReadFile(dir + "/stat")
	return fmt.Errorf("%s (%s) has no memory of its own: %s", path, name, whyNoMemory(string(stat)))
}

// programOf tells the program that a process runs from those before and after
// it, by fields of /proc/PID/stat: when the process began, and where the code, the
// stack and the heap of the program do. Source: proc(5), fields 22, 26, 27, 28
// and 47.
func programOf(dir string) string {
	stat, _ := os.ReadFile(dir + "/stat")
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3
	if len(fields) < 45 {
		return ""
	}
	return strings.Join([]string{fields[19], fields[23], fields[24], fields[25], fields[44]}, " ")
}

// memoryDir returns the folder of /proc that has the memory of a process: its own, or,
// where its first thread has ended, that of another thread.
func memoryDir(dir string) string {
	if hasAreas(dir) {
		return dir
	}
	threads, _ := os.ReadDir(dir + "/task")
	for _, t := range threads {
		if other := "/proc/" + t.Name(); hasAreas(other) {
			return other
		}
	}
	return dir
}

// hasAreas reports whether /proc/PID/maps has a line.
func hasAreas(dir string) bool {
	f, err := os.Open(dir + "/maps")
	if err != nil {
		return false
	}
	defer f.Close()
	n, _ := f.Read(make([]byte, 1))
	return n > 0
}

// readAreasOf reads smaps, or, where the kernel has none, maps.
func readAreasOf(ctx context.Context, dir string) ([]vma, error) {
	vmas, err := readAreas(ctx, dir+"/smaps")
	if errors.Is(err, fs.ErrNotExist) {
		vmas, err = readAreas(ctx, dir+"/maps")
	}
	return vmas, err
}

// readAreas reads smaps or maps.
func readAreas(ctx context.Context, path string) ([]vma, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	vmas, err := parseMaps(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return vmas, nil
}

// whyNoMemory says why a process without mappings has none, by its
// /proc/PID/stat:
//
//	pid (name) state ppid pgrp session tty tpgid flags …
//
// The name can have anything in it. Source: proc(5).
func whyNoMemory(stat string) string {
	const kernelThread = 0x00200000 // PF_KTHREAD of linux include/linux/sched.h
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return "it has just ended"
	}
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	switch {
	case flags&kernelThread != 0:
		return "a kernel thread has none"
	case fields[0] == "Z":
		return "it has ended and waits for its parent (a zombie)"
	}
	return "it is ending, and has given its memory back"
}

// processName returns the name of the process as it is, or "?" where it cannot be read.
func processName(dir string) string {
	b, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(string(b), "\n")
}

// readExeHeader reads the ELF header of the program that the process runs.
func readExeHeader(dir string) (elf.Header, error) {
	f, err := os.Open(dir + "/exe")
	if err != nil {
		return elf.Header{}, err
	}
	defer f.Close()
	b := make([]byte, 64)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return elf.Header{}, err
	}
	if !elf.IsELF(b) {
		return elf.Header{}, errors.New("not an ELF file")
	}
	return elf.ParseHeader(b[:n])
}

// processError tells what to do where the memory of a process is refused.
func processError(path, name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() == 0:
		return fmt.Errorf("%s (%s): its memory may not be read, though this is root: the process is outside of what this root may trace (CAP_SYS_PTRACE is missing here, as in a container without it, or a security module such as SELinux or lockdown forbids it): %w", path, name, err)
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

// Name returns "pid:N".
func (s *processSource) Name() string { return s.path }

// View fills buf. The bytes before the first one that cannot be read are good.
func (s *processSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	m, err := s.pread(buf[:n], off)
	if m == n {
		return buf[:n], nil
	}
	return buf[:m], fmt.Errorf("%s: cannot read at address %#x: %w", s.path, off+uint64(m), err)
}

// PlaceOf is that of image.Placer: an address tells it.
func (s *processSource) PlaceOf(uint64) string { return "" }

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

// alive reports whether the program whose memory it is still runs. At an address
// where there is nothing, the kernel has an error for the memory of a program, and
// no bytes once that has gone.
func (s *processSource) alive() bool {
	n, err := unix.Pread(int(s.mem.Fd()), make([]byte, 1), 0)
	return n > 0 || err != nil
}

// Size returns all there are: how far a process has memory, its mappings say.
func (s *processSource) Size() uint64 { return math.MaxUint64 }
