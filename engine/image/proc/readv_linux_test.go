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
			if err := unix.MunmapPtr(unsafe.Pointer(&b[page<<12]), uintptr(n<<12)); err != nil {
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
	defer fast.Close()
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
	defer source.Close()
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

// The child of vfork has the memory of its parent until it runs another program: from then on
// nothing is read of it, though the parent still has that memory.
func TestReadvOfSharedMemory(t *testing.T) {
	pid, parent := sharingChild(t)
	dir := pidName(pid)
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	source := newProcessSource("shares", dir, mem)
	defer source.Close()
	if !mayShareMemory(pid) || source.stat == nil {
		t.Errorf("process %d has the memory of its parent, %d", pid, parent)
	}
	areas, err := readAreasOf(t.Context(), pidName(parent))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	read := func() (n int) {
		for _, a := range areas {
			if a.Size() >= readvLeast {
				n += source.readv(buf[:min(uint64(len(buf)), a.Size())], uint64(a.First))
			}
		}
		return n
	}
	if source.pid.Load() != 0 && read() == 0 {
		t.Error("process_vm_readv is not used")
	}
	before := programOf(dir)
	if err := unix.Kill(pid, unix.SIGUSR1); err != nil { // it runs sleep
		t.Fatal(err)
	}
	for i := 0; i < 60_000 && programOf(dir) == before; i++ {
		time.Sleep(time.Millisecond)
	}
	if !source.alive() {
		t.Error("the parent has ended")
	}
	if areas, err = readAreasOf(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if n := read(); n > 0 {
		t.Errorf("%d bytes of another program", n)
	}
}

// sharingChild starts a process that has the memory of its parent and runs sleep when it gets
// SIGUSR1: the child of a clone as that of vfork, but that the parent goes on, and waits.
func sharingChild(t *testing.T) (pid, parent int) {
	t.Helper()
	dir := t.TempDir()
	main := dir + "/main.c"
	if err := os.WriteFile(main, []byte(sharing), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", dir+"/shares", main).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v %s", err, out)
	}
	cmd := exec.Command(dir + "/shares")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Kill(pid, unix.SIGKILL)
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, &pid); err != nil {
		t.Fatal(err)
	}
	return pid, cmd.Process.Pid
}

const sharing = `#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static char stack[1 << 16] __attribute__((aligned(16)));
static void run(int s) { execlp("sleep", "sleep", "1000", (char *)0); }
static int child(void *p) { for (;;) pause(); }
int main(void) {
	signal(SIGUSR1, run);
	printf("%d\n", clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, 0));
	fflush(stdout);
	for (;;) pause();
}
`
