package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func TestOpenProcess(t *testing.T) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	copy(mem[page-4:], "live bytes across pages")
	at := uint64(uintptr(unsafe.Pointer(&mem[0]))) + uint64(page) - 4

	img, err := Open(t.Context(), os.Getpid(), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	t.Log(img.Detail)
	if want := 8 * int(unsafe.Sizeof(uintptr(0))) / 8; img.WordSize != want || !img.OrderKnown || img.Space != image.Virtual || img.Missing != 0 {
		t.Errorf("%+v", img)
	}
	var found *engine.Mapping
	absent := map[string]bool{}
	for i, m := range img.Mappings {
		if m.Contains(addr.Addr(at)) {
			found = &img.Mappings[i]
		}
		if m.State != engine.Present {
			absent[m.Name] = true
		}
		if m.Name == "" || !m.Valid() || m.Perm&engine.PermKnown == 0 || m.State == engine.Present && m.Source.Name() == img.Path && m.Offset != uint64(m.First) {
			t.Errorf("mapping %+v", m)
		}
	}
	t.Log(absent)
	if found == nil || found.State != engine.Present {
		t.Fatalf("no mapping at %#x", at)
	}
	buf := make([]byte, 4*page)
	got, err := found.Source.View(buf, at, 23)
	if err != nil || string(got) != "live bytes across pages" {
		t.Errorf("%q, %v", got, err)
	}
	runtime.KeepAlive(mem)

	// A hole in the middle: the bytes before it are good.
	if err := unix.Mprotect(mem[2*page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	hole, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	start := uint64(uintptr(unsafe.Pointer(&hole[0])))
	if err := unix.Munmap(hole); err != nil {
		t.Fatal(err)
	}
	if got, err := found.Source.View(buf, start, 2*page); err == nil && len(got) == 2*page && bytes.Count(got, []byte{0}) < len(got) {
		t.Logf("the hole was taken by something else")
	} else if err != nil && len(got) >= 2*page {
		t.Errorf("%d bytes with error %v", len(got), err)
	}
	for _, off := range []uint64{0, 1 << 63, math.MaxUint64} {
		if got, err := found.Source.View(buf, off, 1); err == nil || len(got) != 0 {
			t.Errorf("View(%#x) = %q, %v", off, got, err)
		}
	}
}

func TestOpenProcessErrors(t *testing.T) {
	for pid, want := range map[int]string{
		0:             "want the number of a process",
		-1:            "want the number of a process",
		math.MaxInt32: "there is no such process",
	} {
		_, err := Open(t.Context(), pid, image.Options{})
		imagetest.CheckError(t, err, want)
	}
	if _, err := os.Stat("/proc/2/maps"); err == nil {
		if name := processName("/proc/2"); name == "kthreadd" {
			_, err := Open(t.Context(), 2, image.Options{})
			imagetest.CheckError(t, err, "pid:2 (kthreadd)")
		}
	}
	// A process that has ended and is not waited for.
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	info := new(unix.Siginfo)
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Skip(err)
	}
	_, err := Open(t.Context(), cmd.Process.Pid, image.Options{})
	imagetest.CheckError(t, err, "(a zombie)")
	cmd.Wait()

	err = processError("pid:1", "init", &fs.PathError{Op: "open", Path: "/proc/1/mem", Err: unix.EACCES})
	if os.Geteuid() == 0 {
		imagetest.CheckError(t, err, "though this is root")
	} else {
		imagetest.CheckError(t, err, "ptrace_scope")
	}
	if !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	imagetest.CheckError(t, processError("pid:1", "init", unix.ESRCH), "the process has ended")
}

func TestWhyNoMemory(t *testing.T) {
	for stat, want := range map[string]string{
		"":                                      "it has just ended",
		"7 (x) S 2 0":                           "it has just ended",
		"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0": "a kernel thread has none",
		"9 (Z) S) Z 1 9 9 0 -1 4227084 0":       "a zombie",
		"9 (a) Z 1 2 3 4 5 2129984) D 1 9 9 0 -1 12 0": "it is ending",
		"9 (node) X 1 9 9 0 -1 4194308 0":              "it is ending",
	} {
		if got := whyNoMemory(stat); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", stat, got, want)
		}
	}
}
