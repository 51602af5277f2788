package proc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Processes whose memory is of one kind or another. The test program starts
// itself again with the kind in its environment: then it makes the memory, prints
// where it has put what, and waits for the end of its standard input.

const kindVar = "VSCAN_TEST_PROCESS"

func init() {
	kind := os.Getenv(kindVar)
	if kind == "" {
		return
	}
	made, ok := processKinds[kind]
	if !ok {
		os.Exit(3)
	}
	p := &planter{At: map[string]uint64{}}
	made(p)
	json.NewEncoder(os.Stdout).Encode(p)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// planter puts strings into memory.
type planter struct {
	At   map[string]uint64 // of each string that is there
	Gone []string          // that are not, since their pages are no more
	Skip string            // why the kind cannot be made here
}

func readString(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

const (
	adviseHuge    = 14
	advisePageOut = 21
	adviseGuard   = 102 // since Linux 6.13
)

// mapped maps so many pages of memory.
func (p *planter) mapped(pages, prot, flags int) []byte {
	b, err := unix.Mmap(-1, 0, pages*os.Getpagesize(), prot, flags)
	if err != nil {
		p.Skip = err.Error()
		return make([]byte, pages*os.Getpagesize())
	}
	return b
}

const markBackwards = "-DETNALP"

// mark returns what all planted strings begin with. It stands nowhere in the program.
func mark() string {
	b := []byte(markBackwards)
	slices.Reverse(b)
	return string(b)
}

// plant writes a string, and returns how many bytes it has. It makes no other copy of it,
// which would be found, too.
func plant(at []byte, name string) int {
	for i := range len(markBackwards) {
		at[len(markBackwards)-1-i] = markBackwards[i]
	}
	return len(markBackwards) + copy(at[len(markBackwards):], name)
}

// plantInFile writes a string into a file, at an offset in bytes.
func (p *planter) plantInFile(f *os.File, at int, name string) {
	b := p.mapped(1, readWrite, anonymous)
	f.WriteAt(b[:plant(b, name)], int64(at))
	unix.Munmap(b)
}

// put writes a string and notes where.
func (p *planter) put(b []byte, page, off int, name string) {
	at := b[page*os.Getpagesize()+off:]
	plant(at, name)
	p.At[name] = uint64(uintptr(unsafe.Pointer(&at[0])))
}

func (p *planter) advise(b []byte, page, pages, advice int) {
	size := os.Getpagesize()
	if err := unix.Madvise(b[page*size:(page+pages)*size], advice); err != nil {
		p.Skip = fmt.Sprintf("madvise %d: %v", advice, err)
	}
}

const (
	anonymous = unix.MAP_PRIVATE | unix.MAP_ANON
	readWrite = unix.PROT_READ | unix.PROT_WRITE
)

var processKinds = map[string]func(*planter){
	// A guard at the beginning, in the middle, and under stacks as a C library
	// makes them: none of them parts the mapping.
	"guards": func(p *planter) {
		b := p.mapped(256, readWrite, anonymous)
		p.advise(b, 0, 1, adviseGuard)
		p.put(b, 2, 0, "lost")
		p.put(b, 9, 4080, "across")
		p.put(b, 19, 40, "before")
		p.advise(b, 20, 1, adviseGuard)
		p.put(b, 21, 0, "after")
		for i := range 4 {
			stack := p.mapped(2048, readWrite, anonymous|unix.MAP_NORESERVE|unix.MAP_STACK)
			p.advise(stack, 0, 1, adviseGuard)
			p.put(stack, 2047, 1000, fmt.Sprintf("stack%d", i))
		}
	},
	"untouched": func(p *planter) {
		b := p.mapped(1<<19, readWrite, anonymous|unix.MAP_NORESERVE) // 2 GiB of 4 KiB pages
		p.put(b, 1<<18, 8, "one")
		p.put(b, 1<<19-1, 8, "last")
		_ = b[77*os.Getpagesize()] // the zero page
		shared := p.mapped(1<<16, readWrite, unix.MAP_SHARED|unix.MAP_ANON|unix.MAP_NORESERVE)
		p.put(shared, 1<<15, 8, "shared")
	},
	"none": func(p *planter) {
		b := p.mapped(4, readWrite, anonymous)
		p.put(b, 1, 0, "no-permission")
		unix.Mprotect(b, unix.PROT_NONE)
		w := p.mapped(4, readWrite, anonymous)
		p.put(w, 1, 0, "write-only")
		unix.Mprotect(w, unix.PROT_WRITE)
	},
	"userfault": func(p *planter) {
		const register, api, missing = 0xc020aa00, 0xc018aa3f, 1 // linux include/uapi/linux/userfaultfd.h
		b := p.mapped(16, readWrite, anonymous)
		p.put(b, 1, 0, "second")
		p.put(b, 9, 0, "tenth")
		fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
		if errno != 0 {
			p.Skip = "userfaultfd: " + errno.Error()
			return
		}
		about := [3]uint64{0xaa}
		unix.Syscall(unix.SYS_IOCTL, fd, api, uintptr(unsafe.Pointer(&about)))
		what := [4]uint64{uint64(uintptr(unsafe.Pointer(&b[0]))), uint64(len(b)), missing}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&what))); errno != 0 {
			p.Skip = "userfaultfd: " + errno.Error()
		}
	},
	"huge": func(p *planter) {
		b := p.mapped(4096, readWrite, anonymous)
		p.advise(b, 0, 4096, adviseHuge)
		p.put(b, 1500, 5, "huge")
		p.put(b, 3000, 5, "huge-too")
	},
	"files": func(p *planter) {
		page := os.Getpagesize()
		file := func(name string, pages int, tail string) (*os.File, string) {
			f, err := os.Create(filepath.Join(os.Getenv("VSCAN_TEST_DIR"), name))
			if err != nil {
				p.Skip = err.Error()
			}
			f.Truncate(int64(pages * page))
			f.WriteAt([]byte(tail), int64(pages*page))
			return f, f.Name()
		}
		open := func(name string, f *os.File, pages, flags int) []byte {
			b, err := unix.Mmap(int(f.Fd()), 0, pages*page, readWrite, flags)
			if err != nil {
				p.Skip = err.Error()
				return make([]byte, pages*page)
			}
			at := uint64(uintptr(unsafe.Pointer(&b[0])))
			p.plantInFile(f, 3*page+100, name+"-in-file")
			p.At[name+"-in-file"] = at + uint64(3*page+100)
			return b
		}
		f, _ := file("private", 8, "tail")
		b := open("private", f, 12, unix.MAP_PRIVATE) // three pages past the end
		p.put(b, 5, 7, "private-written")
		f, _ = file("shared", 64, "")
		b = open("shared", f, 64, unix.MAP_SHARED)
		p.put(b, 40, 7, "shared-written")
		f, path := file("deleted", 8, "")
		b = open("deleted", f, 8, unix.MAP_PRIVATE)
		p.put(b, 4, 7, "deleted-written")
		os.Remove(path)
		f, path = file("replaced", 8, "")
		open("replaced", f, 8, unix.MAP_PRIVATE)
		os.Remove(path)
		os.WriteFile(path, bytes.Repeat([]byte(mark()+"BY-ANOTHER"), 3000), 0o600)
		fd, err := unix.MemfdCreate("memory", 0)
		if err != nil {
			p.Skip = err.Error()
		}
		m := os.NewFile(uintptr(fd), "memfd")
		m.Truncate(int64(2048 * page))
		b = open("memfd", m, 2048, unix.MAP_SHARED)
		p.put(b, 1000, 7, "memfd-written")
	},
	"hugetlb": func(p *planter) {
		for _, flags := range []int{anonymous, unix.MAP_SHARED | unix.MAP_ANON} {
			b := p.mapped(1024, readWrite, flags|unix.MAP_HUGETLB)
			if p.Skip == "" {
				p.put(b, 700, 3, fmt.Sprintf("hugetlb-%x", flags))
			}
		}
	},
	// Memory that the kernel itself cannot reach.
	"secret": func(p *planter) {
		fd, _, errno := unix.Syscall(447, 0, 0, 0) // memfd_secret
		if errno != 0 {
			p.Skip = "memfd_secret: " + errno.Error()
			return
		}
		unix.Ftruncate(int(fd), 1<<20)
		b, err := unix.Mmap(int(fd), 0, 1<<20, readWrite, unix.MAP_SHARED)
		if err != nil {
			p.Skip = "memfd_secret: " + err.Error()
			return
		}
		p.put(b, 9, 3, "secret")
		p.put(p.mapped(4, readWrite, anonymous), 2, 0, "beside")
	},
	// The first thread has ended, the others go on.
	"leaderless": func(p *planter) {
		p.put(p.mapped(4, readWrite, anonymous), 2, 0, "left-behind")
		runtime.LockOSThread()
		go func() {
			for !strings.Contains(readString("/proc/self/stat"), ") Z ") {
				time.Sleep(time.Millisecond)
			}
			json.NewEncoder(os.Stdout).Encode(p)
			io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // no RawSyscall: the scheduler has to know that the thread is away
	},
	"many": func(p *planter) {
		b := p.mapped(65000, readWrite, anonymous)
		for page := 0; page < 65000; page += 2 {
			if page%1000 == 0 {
				p.put(b, page, 4090, fmt.Sprintf("page%d", page)) // on into the next, another mapping
			}
			if err := unix.Mprotect(b[page*4096:][:4096], unix.PROT_READ); err != nil {
				p.Skip = err.Error()
				return
			}
		}
	},
	"swapped": func(p *planter) {
		b := p.mapped(2048, readWrite, anonymous)
		p.put(b, 100, 0, "paged-out")
		p.advise(b, 0, 2048, advisePageOut)
		c := p.mapped(16, readWrite, anonymous)
		p.put(c, 3, 0, "stays")
	},
	"restless": func(p *planter) {
		b := p.mapped(1<<15, readWrite, anonymous)
		for page := range 1 << 15 {
			b[page*4096] = 1
		}
		p.put(b, 1<<15-1, 0, "rests")
		go func() {
			for i := 0; ; i++ {
				c, err := unix.Mmap(-1, 0, 1<<20, readWrite, anonymous)
				if err == nil {
					c[i%len(c)] = 1
					unix.Munmap(c)
				}
			}
		}()
	},
}

// startKind starts a process of a kind, stopped once all is in its place.
func startKind(t *testing.T, kind string) (pid int, p *planter) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), kindVar+"="+kind, "VSCAN_TEST_DIR="+t.TempDir(), "GODEBUG=asyncpreemptoff=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
	p = &planter{}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, p) != nil {
		t.Fatalf("%s: %q, %v", kind, line, err)
	}
	if p.Skip != "" {
		t.Skipf("%s cannot be made here: %s", kind, p.Skip)
	}
	return cmd.Process.Pid, p
}

// stop stops a process for as long as the test goes on.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 60_000 {
		if strings.HasPrefix(statusOf(t, pid, "State"), "T") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not stop")
}

// statusOf returns a line of /proc/PID/status.
func statusOf(t *testing.T, pid int, key string) string {
	t.Helper()
	b, err := os.ReadFile(pidName(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if k, v, _ := strings.Cut(line, ":"); k == key {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %s in status", key)
	return ""
}

// residentKiB returns how much of a process is in memory.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(statusOf(t, pid, "VmRSS"), " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// planted finds what was planted in a process, by the engine.
func planted(t *testing.T, pid int, o image.Options, tricks processTricks) (map[string]uint64, engine.Stats, *image.Image) {
	t.Helper()
	img, err := open(t.Context(), pid, o, tricks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	checkProcessImage(t, img)
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := patterns.Parse("re:" + mark() + "[a-z0-9-]+\x00")
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{pattern}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint64{}
	stats, err := sc.Scan(context.Background(), func(h engine.Hit) bool {
		found[string(h.Bytes[len(mark()):h.Len-1])] = uint64(h.Addr)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, stats, img
}

// checkProcessImage checks that mappings ascend, do not overlap, and go on with
// the offsets in what they name.
func checkProcessImage(t *testing.T, img *image.Image) {
	t.Helper()
	for i := range img.Mappings {
		m := &img.Mappings[i]
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
		if i == 0 {
			continue
		}
		before := &img.Mappings[i-1]
		if m.First <= before.Last {
			t.Errorf("%v after %v", m.Range, before.Range)
		}
		if m.Continuation && !m.Continues(before) {
			t.Errorf("%v of %s at %#x does not go on from %v", m.Range, m.Name, m.NameOffset, before.Range)
		}
	}
}

// Each kind: what was planted is found where it is, nothing else is, the account
// has nothing unreadable, and the process has no more memory than before.
func TestProcessKinds(t *testing.T) {
	rng := testenv.Rand(t)
	absent := map[string][]string{"none": {"no-permission"}, "secret": {"secret"}}
	for _, kind := range testenv.Some(t, 8, slices.Sorted(maps.Keys(processKinds))) {
		if kind == "swapped" || kind == "restless" || kind == "leaderless" || kind == "execs" {
			continue // they have tests of their own
		}
		byPage := rng.IntN(2) == 0
		for name, tricks := range map[string]processTricks{"": {}, ", page by page": {noScan: true}} {
			if !testenv.Long() && tricks.noScan != byPage {
				continue
			}
			t.Run(kind+name, func(t *testing.T) {
				pid, p := startKind(t, kind)
				stop(t, pid)
				before := residentKiB(t, pid)
				found, stats, img := planted(t, pid, image.Options{}, tricks)
				if after := residentKiB(t, pid); after > before+1024 {
					t.Errorf("%d KiB in memory before, %d after", before, after)
				}
				if !stats.Complete() || img.Missing != 0 {
					t.Errorf("%+v, %d missing", stats, img.Missing)
				}
				want := maps.Clone(p.At)
				for _, name := range absent[kind] {
					delete(want, name)
				}
				if !maps.Equal(found, want) {
					t.Errorf("found %#x\nwant  %#x", found, want)
				}
				t.Log(img.Detail, len(img.Mappings), img.Notes)
				comparePageByPage(t, pid, img)
			})
		}
	}
}

// comparePageByPage reads a process as /proc/PID/mem gives it and holds every
// page of the image against that. What is absent must not be readable, but for
// what has no permission.
func comparePageByPage(t *testing.T, pid int, img *image.Image) {
	t.Helper()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(pidName(pid) + "/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	want, got := make([]byte, 4096), make([]byte, 4096)
	for v := range space.Intervals(addr.All) {
		if v.Mapping == nil || v.Mapping.Perm == engine.PermKnown || v.Size() > 512<<20 || v.Mapping.Name == "[vsyscall]" {
			continue
		}
		for at := v.First; ; at += 4096 {
			n, err := mem.ReadAt(want[:min(4096, uint64(v.Last-at)+1)], int64(at))
			if v.State() == engine.Absent {
				if n > 0 && !strings.HasPrefix(v.Mapping.Name, "[vvar") {
					t.Fatalf("%v of %s is absent and can be read", at, v.Mapping.Name)
				}
			} else if m, err2 := space.Read(got[:n], at); n == 0 || m != n || !bytes.Equal(got[:n], want[:n]) {
				t.Fatalf("%v of %s, %v: %d bytes of the process (%v), %d of the image (%v), equal %v", at, v.Mapping.Name, v.State(), n, err, m, err2, bytes.Equal(got[:m], want[:m]))
			}
			if v.Last-at < 4096 {
				break
			}
		}
	}
}

// Without permissions for a mapping, a debugger reads it all the same.
func TestProtNone(t *testing.T) {
	pid, p := startKind(t, "none")
	found, stats, _ := planted(t, pid, image.Options{ProtNone: true}, processTricks{})
	if !maps.Equal(found, p.At) || !stats.Complete() {
		t.Errorf("found %#x, want %#x; %+v", found, p.At, stats)
	}
}

// Where pages cannot be asked about, or files cannot be opened, memory is read
// all the same, and a note says so.
func TestProcessWithoutPagemap(t *testing.T) {
	for _, c := range []struct {
		kind   string
		tricks processTricks
		note   string
	}{
		{"files", processTricks{noPagemap: true}, "which pages are in memory cannot be told"},
		{"files", processTricks{noFiles: true}, "cannot be opened"},
		{"huge", processTricks{noPagemap: true, noFiles: true}, "which pages"},
	} {
		pid, p := startKind(t, c.kind)
		stop(t, pid)
		found, stats, img := planted(t, pid, image.Options{}, c.tricks)
		if !strings.Contains(strings.Join(img.Notes, "\n"), c.note) {
			t.Errorf("notes %q", img.Notes)
		}
		if !maps.Equal(found, p.At) {
			t.Errorf("%s: found %#x, want %#x; %+v", c.kind, found, p.At, stats)
		}
	}
}

// Swapped pages belong to the process; Resident leaves them out.
func TestSwappedPages(t *testing.T) {
	if b, err := os.ReadFile("/proc/swaps"); err != nil || bytes.Count(b, []byte("\n")) < 2 {
		t.Skip("no swap is in use (/proc/swaps)")
	}
	pid, p := startKind(t, "swapped")
	if n := statusOf(t, pid, "VmSwap"); n == "0 kB" {
		t.Skip("the pages were not swapped out")
	}
	stop(t, pid)
	found, stats, img := planted(t, pid, image.Options{Resident: true}, processTricks{})
	if _, ok := found["paged-out"]; ok || found["stays"] != p.At["stays"] || !stats.Complete() || stats.Absent == 0 {
		t.Errorf("resident: %#x, %+v", found, stats)
	}
	t.Log(img.Detail)
	found, stats, img = planted(t, pid, image.Options{}, processTricks{})
	if !maps.Equal(found, p.At) || !stats.Complete() {
		t.Errorf("found %#x, want %#x; %+v", found, p.At, stats)
	}
	t.Log(img.Detail)
	comparePageByPage(t, pid, img)
}

// A process that maps, unmaps and ends while it is scanned: what rests is found,
// and what was lost is told.
func TestRestlessProcess(t *testing.T) {
	pid, p := startKind(t, "restless")
	for range 10 {
		if found, _, _ := planted(t, pid, image.Options{}, processTricks{}); found["rests"] != p.At["rests"] {
			t.Fatalf("%#x", found)
		}
	}
	img, err := Open(t.Context(), pid, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	pattern, _ := patterns.Parse("u8:1")
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{pattern}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(context.Background(), space, set, engine.Options{ShardSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	killed := false
	stats, err := sc.Scan(context.Background(), func(engine.Hit) bool {
		if !killed {
			syscall.Kill(pid, syscall.SIGKILL)
			killed = true
			for i := 0; i < 60_000 && !isGone(pid); i++ {
				time.Sleep(time.Millisecond)
			}
		}
		return true
	})
	if err != nil || stats.Complete() || len(stats.Unreadable) == 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	_, err = Open(t.Context(), pid, image.Options{})
	if err == nil || !strings.Contains(err.Error(), "zombie") && !strings.Contains(err.Error(), "no such process") && !strings.Contains(err.Error(), "ending") {
		t.Errorf("of a process that was killed: %v", err)
	}
}

// A process goes on when its first thread has ended.
func TestLeaderlessProcess(t *testing.T) {
	pid, p := startKind(t, "leaderless")
	found, stats, img := planted(t, pid, image.Options{}, processTricks{})
	if !maps.Equal(found, p.At) || !stats.Complete() {
		t.Errorf("found %#x, want %#x; %+v; %s", found, p.At, stats, img.Detail)
	}
}

// Asking a process for its threads touches no page that was never touched, as opening it
// does not.
func TestThreadsTouchNothing(t *testing.T) {
	for _, kind := range []string{"huge", "files"} {
		pid, _ := startKind(t, kind)
		stop(t, pid)
		var states [][]engine.Mapping
		for range 2 {
			img, err := Open(t.Context(), pid, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			threads, err := img.Threads(t.Context())
			if err != nil || len(threads) == 0 || !slices.ContainsFunc(threads, func(th image.Thread) bool { return th.SP != 0 }) {
				t.Fatal(threads, err)
			}
			img.Close()
			for i := range img.Mappings {
				img.Mappings[i].Source = nil // of each opening its own
			}
			states = append(states, img.Mappings)
		}
		if !slices.Equal(states[0], states[1]) {
			t.Errorf("%s: pages were touched:\n%v\n%v", kind, states[0], states[1])
		}
	}
}
