package layer

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// What a core and the files of its process show together is what gdb reads,
// byte by byte and page by page, and what the process had.

const gdbLib = `
long lib_table[3000] = {7, 8, 9};
int lib_zeros[5000];
const char *lib_name = "library text 4711";
int lib_go(int x) { lib_zeros[3] = x; return x + 1; }
`

// The program maps a part of itself as well, and a file that is no ELF file
// over its end.
const gdbProg = `
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
extern int lib_go(int);
extern const char *lib_name;
long table[3000] = {1, 2, 3, 4, 5};
char text[9000] = "data that is preset";
int zeros[20000];
const char *names[] = {"alpha", "beta"};
int main(int argc, char **argv) {
	char *heap = malloc(100);
	strcpy(heap, names[1]);
	zeros[10] = lib_go(4);
	table[2000] = 5;
	mmap(0, 8192, PROT_READ, MAP_SHARED, open(argv[0], O_RDONLY), 4096);
	mmap(0, 16384, PROT_READ, MAP_PRIVATE, open(argv[2], O_RDONLY), 4096);
	mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	puts(lib_name);
	fflush(stdout);
	if (argv[1][0] == 'a')
		abort();
	pause();
	return heap[0];
}
`

// runTool runs a command in a folder and returns what it prints.
func runTool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// buildPrograms makes the library, both kinds of program and the other file.
func buildPrograms(t *testing.T) string {
	t.Helper()
	gcc := imagetest.Needs(t, "gcc")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"lib.c": gdbLib, "prog.c": gdbProg, "other": strings.Repeat("no ELF file\n", 900)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runTool(t, dir, gcc, "-O1", "-shared", "-fPIC", "-Wl,--build-id", "-o", "libt.so", "lib.c")
	for name, flags := range map[string][]string{"pie": {"-fPIE", "-pie"}, "fixed": {"-no-pie"}} {
		args := append(flags, "-O1", "-Wl,--build-id", "-o", name, "prog.c", "-L.", "-lt", "-Wl,-rpath,"+dir)
		runTool(t, dir, gcc, args...)
	}
	return dir
}

// coreFilters are values of /proc/PID/coredump_filter: what a kernel has by
// default, ELF headers alone, anonymous memory alone, everything.
var coreFilters = []string{"0x33", "0x10", "0x3", "0x7f"}

func TestModulesAgainstGDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	gdb := imagetest.Needs(t, "gdb")
	gcore := imagetest.Needs(t, "gcore")
	dir := buildPrograms(t)
	for _, prog := range testenv.Some(t, 1, []string{"pie", "fixed"}) {
		p, ok := startPaused(t, dir, prog)
		if !ok {
			continue
		}
		filters := coreFilters
		if prog == "fixed" {
			filters = filters[:2]
		}
		for _, filter := range testenv.Some(t, 2, filters) {
			t.Run("gcore "+prog+" "+filter, func(t *testing.T) {
				setFilter(t, strconv.Itoa(p.Process.Pid), filter)
				runTool(t, dir, gcore, "-o", "g"+filter, strconv.Itoa(p.Process.Pid))
				core := filepath.Join(dir, fmt.Sprintf("g%s.%d", filter, p.Process.Pid))
				checkCore(t, gdb, core, filepath.Join(dir, prog), p.Process.Pid)
			})
			t.Run("kernel "+prog+" "+filter, func(t *testing.T) {
				checkCore(t, gdb, kernelCore(t, dir, prog, filter), filepath.Join(dir, prog), 0)
			})
		}
	}
}

// startPaused starts a program that waits once it is ready.
func startPaused(t *testing.T, dir, prog string) (*exec.Cmd, bool) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, prog), "pause", "other")
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var b [64]byte
	_, err = out.Read(b[:])
	return cmd, err == nil
}

func setFilter(t *testing.T, pid, filter string) {
	t.Helper()
	if err := os.WriteFile("/proc/"+pid+"/coredump_filter", []byte(filter), 0); err != nil {
		t.Skip(err)
	}
}

// kernelCore has the kernel write a core, where core_pattern lets it.
func kernelCore(t *testing.T, dir, prog, filter string) string {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.TrimSpace(string(pattern)) != "core" {
		t.Skipf("cores do not go to the file core here: %q, %v", pattern, err)
	}
	in := t.TempDir()
	script := fmt.Sprintf("ulimit -c unlimited || exit 9; echo %s > /proc/self/coredump_filter || exit 9; exec %s/%s abort %s/other", filter, dir, prog, dir)
	cmd := exec.Command(imagetest.Needs(t, "sh"), "-c", script)
	cmd.Dir = in
	cmd.Run() // it ends with SIGABRT
	found, _ := filepath.Glob(filepath.Join(in, "core*"))
	if len(found) != 1 {
		t.Skipf("the kernel wrote no core: %v", cmd.ProcessState)
	}
	return found[0]
}

// checkCore compares each page of a core, its files laid under it, with gdb,
// and with the process where that still waits.
func checkCore(t *testing.T, gdb, core, prog string, pid int) {
	var read map[addr.Addr]string
	for _, flag := range []string{"--modules", "--sysroot", "--under"} {
		img, err := formats.Open(t.Context(), core, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := layAs(img, flag, prog)
		if err != nil {
			t.Fatalf("%s: %v", flag, err)
		}
		c := comparison{img: img, space: underSpace(t, img, l), layer: l, flag: flag, gdb: read}
		c.pages(t)
		if read == nil {
			c.askGDB(t, gdb, prog, core)
			read = c.gdb
		}
		c.compare(t)
		if pid != 0 && flag != "--sysroot" {
			c.compareLive(t, pid)
		}
		l.Close()
		img.Close()
	}
}

func layAs(img *image.Image, flag, prog string) (*Layer, error) {
	switch flag {
	case "--modules":
		return OpenModules(context.Background(), img, "", image.Options{})
	case "--sysroot":
		return OpenModules(context.Background(), img, "/", image.Options{})
	}
	return Open(context.Background(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
}

type comparison struct {
	img   *image.Image
	space *engine.Space
	layer *Layer
	flag  string
	at    []addr.Addr          // pages that were mapped
	gdb   map[addr.Addr]string // what gdb reads of each; "" where it cannot
}

// pages lists all pages that the core or the files have.
func (c *comparison) pages(t *testing.T) {
	for v := range c.space.Intervals(addr.All) {
		if v.Mapping == nil {
			continue
		}
		for a := v.First.AlignDown(elf.PageSize); a <= v.Last; a += elf.PageSize {
			if n := len(c.at); n == 0 || c.at[n-1] < a {
				c.at = append(c.at, a)
			}
			if a > addr.Max-elf.PageSize {
				break
			}
		}
	}
	for _, m := range c.img.Modules {
		for _, r := range m.Ranges {
			if !c.space.IsMappedRange(r.Range) && c.flag != "--under" {
				t.Errorf("%s: %v of %s is not mapped", c.flag, r.Range, m.Path)
			}
		}
	}
}

const gdbScript = `
import gdb
inferior = gdb.selected_inferior()
with open("pages") as pages, open("read", "w") as out:
    for line in pages:
        try:
            out.write(bytes(inferior.read_memory(int(line, 16), 4096)).hex())
        except gdb.MemoryError:
            pass
        out.write("\n")
`

func (c *comparison) askGDB(t *testing.T, gdb, prog, core string) {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	for _, a := range c.at {
		fmt.Fprintf(&list, "%v\n", a)
	}
	os.WriteFile(filepath.Join(dir, "pages"), []byte(list.String()), 0o644)
	os.WriteFile(filepath.Join(dir, "ask.py"), []byte(gdbScript), 0o644)
	log := runTool(t, dir, gdb, "-nx", "-batch", "-ex", "set auto-load off", "-ex", "source ask.py", prog, core)
	out, err := os.ReadFile(filepath.Join(dir, "read"))
	if err != nil {
		t.Skipf("gdb does not run scripts here: %s", log)
	}
	c.gdb = map[addr.Addr]string{}
	for i, line := range strings.Split(string(out), "\n")[:len(c.at)] {
		b, _ := hex.DecodeString(line)
		c.gdb[c.at[i]] = string(b)
	}
}

// compare fails for every page that gdb reads otherwise, unless there is a
// reason.
func (c *comparison) compare(t *testing.T) {
	t.Helper()
	if len(c.at) < 50 {
		t.Errorf("%s: only %d pages", c.flag, len(c.at))
	}
	reasons := map[string]int{}
	failed := 0
	for _, a := range c.at {
		mine, _ := c.space.Bytes(a, elf.PageSize)
		theirs := c.gdb[a]
		if string(mine) == theirs {
			reasons["equal"]++
			continue
		}
		if why := c.reason(a, mine, theirs); why != "" {
			reasons[why]++
		} else if failed++; failed < 10 {
			t.Errorf("%s: page %v: %d bytes, gdb reads %d, the first that differs is %d; %v shows", c.flag, a, len(mine), len(theirs), firstOther(mine, theirs), c.space.At(a).Mapping)
		}
	}
	t.Logf("%s: %d pages: %v; %q", c.flag, len(c.at), reasons, c.layer.Notes)
}

func firstOther(a []byte, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// reason says why a page may differ from what gdb reads.
func (c *comparison) reason(a addr.Addr, mine []byte, theirs string) string {
	at := c.space.At(a)
	zeros := strings.Repeat("\x00", elf.PageSize)
	n := addr.Addr(firstOther(mine, theirs))
	switch {
	case len(mine) == 0 && theirs == zeros && at.State() == engine.Absent:
		return "gdb reads as zeros what the core did not save and no file has"
	case len(mine) == 0 && c.flag == "--under" && at.Mapping.Name != filepath.Base(c.layer.Modules[0].Path):
		return "of a file that was not laid"
	case len(mine) < elf.PageSize:
		return ""
	case theirs == "" && string(mine) == zeros && at.State() == engine.Zero:
		return "gdb does not know of .bss that has no segment in the core"
	case at.State() == engine.Present && c.endsIn(at) && (theirs == "" || theirs == zeros):
		return "gdb reads nothing of the page in which a file ends"
	case theirs != "" && c.space.At(a+n).State() == engine.Zero && string(mine[n:]) == zeros[n:] && c.space.At(a+n).Mapping.Perm&engine.PermWrite != 0:
		return "gdb reads from the file what the loader cleared behind the data"
	case theirs == "" && c.endsIn(at):
		return "gdb reads nothing of the page in which a file ends"
	}
	return ""
}

// endsIn reports whether a file that was laid ends with an interval, or is cleared
// from there on.
func (c *comparison) endsIn(v engine.Interval) bool {
	src := v.Mapping.Source
	return src != nil && src != core.Of(c.img).Source && (v.Mapping.OffsetOf(v.Last)+1 == src.Size() || src.Size()-v.Mapping.OffsetOf(v.Last) < elf.PageSize)
}

// compareLive compares with the memory of the process: what it could not write
// is what it has.
func (c *comparison) compareLive(t *testing.T, pid int) {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	var page [elf.PageSize]byte
	for _, a := range c.at {
		mine, _ := c.space.Bytes(a, elf.PageSize)
		if a > 1<<47 || len(mine) < elf.PageSize || c.couldWrite(a) || strings.HasSuffix(c.space.At(a).Mapping.Name, "/other") {
			continue // gcore saves zeros where it meets the end of a mapped file
		}
		if _, err := mem.ReadAt(page[:], int64(a)); err != nil {
			t.Errorf("%s: page %v is shown and the process cannot read it: %v", c.flag, a, err)
			continue
		}
		if !bytes.Equal(mine, page[:]) {
			t.Errorf("%s: page %v is not what the process has; %v shows", c.flag, a, c.space.At(a).Mapping)
		}
	}
}

// couldWrite reports whether the process could write to a page at some time.
func (c *comparison) couldWrite(a addr.Addr) bool {
	for _, m := range c.layer.writable {
		if m.Contains(a) {
			return true
		}
	}
	return c.space.At(a).Mapping.Perm&engine.PermWrite != 0
}

// A program that is laid at the address where it runs shows what it has there,
// but for what it has written.
func TestProgramAgainstProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	dir := buildPrograms(t)
	for _, prog := range []string{"pie", "fixed", "libt.so"} {
		runs := prog
		if prog == "libt.so" {
			runs = "pie"
		}
		p, ok := startPaused(t, dir, runs)
		if !ok {
			t.Fatal("no process")
		}
		base := mappedAt(t, p.Process.Pid, filepath.Join(dir, prog))
		img, err := formats.Open(t.Context(), filepath.Join(dir, prog), image.Options{Base: &base})
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		s, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.Process.Pid))
		if err != nil {
			t.Skip(err)
		}
		defer mem.Close()
		written, all := 0, 0
		for v := range s.Intervals(addr.All) {
			if v.Mapping == nil {
				continue
			}
			mine, _ := s.Bytes(v.First, int(v.Size()))
			theirs := make([]byte, len(mine))
			if _, err := mem.ReadAt(theirs, int64(v.First)); err != nil {
				t.Fatalf("%s: %v: %v", prog, v.Range, err)
			}
			for i := range mine {
				all++
				if mine[i] == theirs[i] {
					continue
				}
				if written++; v.Mapping.Perm&engine.PermWrite == 0 {
					t.Fatalf("%s: %v: %#x is shown, the process has %#x", prog, v.First+addr.Addr(i), mine[i], theirs[i])
				}
			}
		}
		if all < 20000 || written > 1000 {
			t.Errorf("%s: %d of %d bytes differ", prog, written, all)
		}
		t.Logf("%s: %d of %d bytes were written", prog, written, all)
	}
}

// mappedAt returns the lowest address where a process has a file.
func mappedAt(t *testing.T, pid int, path string) addr.Addr {
	t.Helper()
	for range 6000 { // a guard of a minute and more
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		for _, v := range imagetest.Areas(t, text) {
			if v.Name == path {
				return v.First
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s is not mapped", path)
	return 0
}
