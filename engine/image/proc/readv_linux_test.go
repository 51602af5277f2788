package proc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/internal/testenv"
)

// oddMemory is memory of this process: pages that may be read and such that may not, and
// holes. It returns where it begins.
func oddMemory(t *testing.T, pages int) uintptr {
	t.Helper()
	b, err := unix.Mmap(-1, 0, pages<<12, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	rnd := testenv.Rand(t)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	at := uintptr(unsafe.Pointer(&b[0]))
	for page := 0; page < pages; page++ {
		switch n := 1 + rnd.IntN(min(9, pages-page)); rnd.IntN(4) {
		case 0:
			if err := unix.Mprotect(b[page<<12:(page+n)<<12], unix.PROT_NONE); err != nil {
				t.Fatal(err)
			}
			page += n
		case 1:
			if err := unix.MunmapPtr(unsafe.Pointer(at+uintptr(page<<12)), uintptr(n<<12)); err != nil {
				t.Fatal(err)
			}
			page += n
		default:
			page += n
		}
	}
	return at
}

// What is read by process_vm_readv, and by the file of /proc where that ends, is what the file
// alone gives: the bytes, how many they are, and what is wrong with the next one.
func TestReadvAgreesWithFile(t *testing.T) {
	const pages = 256
	dir := fmt.Sprintf("/proc/%d", os.Getpid())
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	fast, slow := newProcessSource("fast", dir, mem), &processSource{path: "slow", mem: mem}
	if fast.pid.Load() == 0 {
		t.Skip("process_vm_readv is not used here")
	}
	at := uint64(oddMemory(t, pages))
	rnd := testenv.Rand(t)
	got, want := make([]byte, pages<<12), make([]byte, pages<<12)
	used := 0
	for range testenv.Rounds(300, 3000, 30000) {
		off := rnd.IntN(pages<<12 - readvLeast)
		n := 1 + rnd.IntN(pages<<12-off)
		if rnd.IntN(2) == 0 {
			n = min(n, 64<<10)
		}
		used += fast.readv(got[:n], at+uint64(off))
		m, errFast := fast.pread(got[:n], at+uint64(off))
		k, errSlow := slow.pread(want[:n], at+uint64(off))
		if m != k || errFast != errSlow || !bytes.Equal(got[:m], want[:k]) {
			t.Fatalf("%d bytes at +%#x: %d, %v; the file gives %d, %v", n, off, m, errFast, k, errSlow)
		}
	}
	if used == 0 {
		t.Error("process_vm_readv was never used")
	}
}

// A process that runs another program, and one that has ended, have no memory any more, also
// where another has the number by now.
func TestReadvOfAnotherProgram(t *testing.T) {
	pid, _ := startKind(t, "execs")
	dir := pidName(pid)
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	source := newProcessSource("execs", dir, mem)
	areas, err := readAreasOf(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	read := func() (n int) {
		for _, a := range areas {
			m, _ := source.pread(buf[:min(uint64(len(buf)), a.Size())], uint64(a.First))
			n += m
		}
		return n
	}
	if read() == 0 {
		t.Fatal("nothing can be read")
	}
	execNow(t, pid)
	if n := read(); n > 0 {
		t.Errorf("%d bytes of another program", n)
	}
	// The number belongs to another process.
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	source.pid.Store(int64(other.Process.Pid))
	time.Sleep(10 * time.Millisecond)
	if areas, err = readAreasOf(t.Context(), pidName(other.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	if n := read(); n > 0 {
		t.Errorf("%d bytes of another process", n)
	}
}

// While a process has its memory together with its parent, and where /proc tells nothing of
// it, the number is not used.
func TestSharesMemory(t *testing.T) {
	if sharesMemory(os.Getpid()) {
		t.Skip("who this process shares its memory with cannot be asked")
	}
	if !sharesMemory(1 << 30) {
		t.Error("a process that is not there")
	}
	pid := sharingChild(t)
	if !sharesMemory(pid) {
		t.Errorf("process %d has the memory of its parent", pid)
	}
	if s := newProcessSource("x", pidName(pid), nil); s.pid.Load() != 0 {
		t.Error("process_vm_readv is used for it")
	}
}

// sharingChild starts a process that has the memory of its parent: the child of vfork, which
// waits.
func sharingChild(t *testing.T) int {
	t.Helper()
	dir := t.TempDir()
	main := dir + "/main.c"
	if err := os.WriteFile(main, []byte("#include <unistd.h>\nint main(void) { if (vfork() == 0) { pause(); _exit(0); } return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-w", "-o", dir+"/shares", main).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v %s", err, out)
	}
	cmd := exec.Command(dir + "/shares")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 10_000 {
		var child int
		fmt.Sscan(readString(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)), &child)
		if child > 0 {
			t.Cleanup(func() { unix.Kill(child, unix.SIGKILL) }) // first, for the parent waits for it
			return child
		}
		time.Sleep(time.Millisecond)
	}
	t.Skip("the child cannot be found")
	return 0
}
