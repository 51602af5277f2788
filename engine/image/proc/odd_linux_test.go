package proc

import (
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// Memory that looks like something else, in kinds of processes: what is mapped has
// a name, a number or a mark that other memory has as well.

var _ = addKinds(map[string]func(*planter){
	// The first segment of SysV has inode 0, as if there were no file. Neither was
	// touched where it is attached.
	"sysv": func(p *planter) {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWIPC); err != nil {
			p.Skip = "a name space of IPC: " + err.Error()
			return
		}
		for _, name := range []string{"sysv-first", "sysv-second"} {
			p.attach(name)
		}
	},
	// A userfaultfd that guards against writing leaves marks on pages that were
	// never touched.
	"writeguard": func(p *planter) {
		shared := p.mapped(8192, readWrite, unix.MAP_SHARED|unix.MAP_ANON)
		p.put(shared, 40, 9, "guarded-shared")
		p.userfault(shared, guardWriting)
		private := p.mapped(8192, readWrite, anonymous)
		p.put(private, 40, 9, "guarded-private")
		p.userfault(private, guardWriting)
	},
	// What a userfaultfd is to supply of shared memory is not zero.
	"supplied": func(p *planter) {
		shared := p.mapped(64, readWrite, unix.MAP_SHARED|unix.MAP_ANON)
		p.put(shared, 40, 9, "supplied-shared")
		p.userfault(shared, supplyMissing)
	},
	// Files that are called as what cannot be read, or as what is zero.
	"misnamed": func(p *planter) {
		dir := filepath.Join(os.Getenv("VSCAN_TEST_DIR"), "mount")
		runtime.LockOSThread()
		if err := mountApart(dir); err != nil {
			p.Skip = "a file system of its own: " + err.Error()
			return
		}
		os.Mkdir(filepath.Join(dir, "dev"), 0o700)
		for _, name := range []string{"secretmem", "secretmem-notes", "dev/zero"} {
			p.untouched(filepath.Join(dir, name), strings.ReplaceAll(name, "/", "-"), 8)
		}
	},
	// A block device has its pages like a file, of which the last two are not there.
	"block": func(p *planter) {
		path := filepath.Join(os.Getenv("VSCAN_TEST_DIR"), "disk")
		os.WriteFile(path, make([]byte, 2048*os.Getpagesize()), 0o600)
		out, err := exec.Command("losetup", "--find", "--show", path).Output()
		if err != nil {
			p.Skip = "losetup: " + err.Error()
			return
		}
		device := strings.TrimSpace(string(out))
		p.untouched(device, "block", 2050)
		exec.Command("losetup", "--detach", device).Run() // once it is not mapped any more
	},
	// Rings of the kernel's have files that cannot be opened.
	"rings": func(p *planter) {
		const entries = 0x10000000 // IORING_OFF_SQES of linux include/uapi/linux/io_uring.h
		params := make([]byte, 120)
		fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 64, uintptr(unsafe.Pointer(&params[0])), 0)
		if errno != 0 {
			p.Skip = "io_uring: " + errno.Error()
			return
		}
		b, err := unix.Mmap(int(fd), entries, os.Getpagesize(), readWrite, unix.MAP_SHARED)
		if err != nil {
			p.Skip = "io_uring: " + err.Error()
			return
		}
		p.put(b, 0, 1000, "ring")
	},
	// It starts itself anew whenever it gets a signal.
	"execs": func(p *planter) {
		p.put(p.mapped(64, readWrite, anonymous), 40, 4090, "before-exec")
		round, _ := strconv.Atoi(os.Getenv(roundVar))
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, unix.SIGUSR1)
		go func() {
			<-asked
			os.Setenv(roundVar, strconv.Itoa(round+1))
			unix.Exec("/proc/self/exe", os.Args[:1], os.Environ())
		}()
		name := append([]byte(readyName+strconv.Itoa(round)), 0)
		unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
	},
})

// readyName is what the name of a process begins with that has put all in its
// place; how often it has started anew is the rest, and in roundVar.
const readyName, roundVar = "in-place-", "VSCAN_TEST_ROUND"

func addKinds(kinds map[string]func(*planter)) bool {
	maps.Copy(processKinds, kinds)
	return true
}

// attach writes into a new segment and attaches it anew, where nothing is touched.
func (p *planter) attach(name string) {
	size := 64 * os.Getpagesize()
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		p.Skip = "shmget: " + err.Error()
		return
	}
	b, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		p.Skip = "shmat: " + err.Error()
		return
	}
	p.put(b, 9, 5, name)
	again, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		p.Skip = "shmat: " + err.Error()
		return
	}
	unix.SysvShmDetach(b)
	unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	p.At[name] = uint64(uintptr(unsafe.Pointer(&again[9*os.Getpagesize()+5])))
}

// untouched maps pages of a file or device, into which a string is written, and
// does not touch them.
func (p *planter) untouched(path, name string, pages int) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		p.Skip = err.Error()
		return
	}
	defer f.Close()
	at := 3*os.Getpagesize() + 100
	p.plantInFile(f, at, name+"\x00")
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		f.Truncate(int64(pages * os.Getpagesize()))
	}
	b, err := unix.Mmap(int(f.Fd()), 0, pages*os.Getpagesize(), readWrite, unix.MAP_PRIVATE)
	if err != nil {
		p.Skip = path + ": " + err.Error()
		return
	}
	p.At[name] = uint64(uintptr(unsafe.Pointer(&b[at])))
}

// mountApart mounts memory at dir where only this thread sees it.
func mountApart(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("none", dir, "tmpfs", 0, "")
}

// What a userfaultfd is to do. Source: linux include/uapi/linux/userfaultfd.h.
const (
	supplyMissing = 1 << 0
	guardWriting  = 1 << 1
)

// userfault registers memory with a userfaultfd, and guards it if that is what it
// is for.
func (p *planter) userfault(b []byte, mode uint64) {
	const api, register, writeProtect = 0xc018aa3f, 0xc020aa00, 0xc018aa06
	const guardShared, guardUntouched = 1 << 12, 1 << 13
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
	call := func(request uintptr, arg unsafe.Pointer) {
		if errno == 0 {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		}
	}
	about, start := [3]uint64{0xaa}, uint64(uintptr(unsafe.Pointer(&b[0])))
	if mode == guardWriting {
		about[1] = guardShared | guardUntouched
	}
	call(api, unsafe.Pointer(&about))
	call(register, unsafe.Pointer(&[4]uint64{start, uint64(len(b)), mode}))
	if mode == guardWriting {
		call(writeProtect, unsafe.Pointer(&[3]uint64{start, uint64(len(b)), 1}))
	}
	if errno != 0 {
		p.Skip = "userfaultfd: " + errno.Error()
	}
}

// What has no file to be opened, and what is zero by itself, is no reason to warn.
func TestProcessRingsNotes(t *testing.T) {
	pid, _ := startKind(t, "rings")
	if _, _, img := planted(t, pid, image.Options{}, processTricks{}); len(img.Notes) > 0 && os.Geteuid() == 0 {
		t.Errorf("notes %q", img.Notes)
	}
}

// execNow makes a process of the kind execs start anew, and waits until all is in
// its place again.
func execNow(t *testing.T, pid int) {
	t.Helper()
	dir := pidName(pid)
	before := processName(dir)
	if err := syscall.Kill(pid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for range 60_000 {
		if name := processName(dir); name != before && strings.HasPrefix(name, readyName) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not start anew")
}

// A program that takes the place of another while stock is taken: the areas of the
// one are never read from the other.
func TestProcessExecs(t *testing.T) {
	pid, _ := startKind(t, "execs")
	times := 0
	tricks := processTricks{opened: func() {
		if times++; times == 1 {
			execNow(t, pid)
		}
	}}
	found, stats, _ := planted(t, pid, image.Options{}, tricks)
	if found["before-exec"] == 0 || !stats.Complete() || times != 2 {
		t.Errorf("found %#x, %+v, %d times", found, stats, times)
	}
	_, err := open(t.Context(), pid, image.Options{}, processTricks{opened: func() { execNow(t, pid) }})
	imagetest.CheckError(t, err, "stop it first (kill -STOP")
	_, err = open(t.Context(), pid, image.Options{}, processTricks{opened: func() {
		syscall.Kill(pid, syscall.SIGKILL)
		for i := 0; i < 60_000 && !isGone(pid); i++ {
			time.Sleep(time.Millisecond)
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "has ended") { // whichever of its threads was asked
		t.Errorf("killed while stock is taken: %v", err)
	}
}

// isGone reports whether a process has ended with all of its threads, which end one
// after another, and each of which still has the memory.
func isGone(pid int) bool {
	threads, _ := os.ReadDir(pidName(pid) + "/task")
	return len(threads) <= 1 && strings.Contains(readString(pidName(pid)+"/stat"), ") Z ")
}

// Where smaps says nothing of what is in memory, all pages are asked about.
func TestAreasWithoutCounts(t *testing.T) {
	for text, want := range map[string]vma{
		"1000-2000 rw-p 0 00:00 0\n":                        {},
		"1000-2000 rw-p 0 00:00 0\nRss: 0 kB\n":             {known: true},
		"1000-2000 rw-p 0 00:00 0\nRss: 4 kB\nSwap: 0 kB\n": {known: true, used: true},
	} {
		vmas, err := parseMaps(t.Context(), strings.NewReader(text))
		if err != nil || len(vmas) != 1 || vmas[0].known != want.known || vmas[0].used != want.used {
			t.Errorf("%q: %+v, %v", text, vmas, err)
		}
	}
}

// What has a file behind it is told by more than the number of an inode.
func TestHasFile(t *testing.T) {
	for line, want := range map[string]bool{
		"1000-2000 rw-p 00000000 00:00 0":                          false,
		"1000-2000 rw-p 00000000 00:00 0 [heap]":                   false,
		"1000-2000 rw-s 00000000 00:01 0 /SYSV00000000 (deleted)":  true,
		"1000-2000 rw-p 00000000 00:2a 0 /odd/file/system":         true,
		"1000-2000 rw-s 00000000 00:01 1025 /dev/zero (deleted)":   true,
		"1000-2000 rw-p 00000000 00:06 4 /dev/zero":                true,
		"1000-2000 r-xp 00000000 fe:00 918 /lib/ld-linux-x86.so.2": true,
	} {
		v, err := parseMapsLine([]byte(line))
		if err != nil || v.hasFile() != want {
			t.Errorf("%q: %v, %v", line, v.hasFile(), err)
		}
	}
}
