package core_test

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// Cores of real programs, as the kernel, gdb, qemu-user and valgrind write them,
// against what /proc/PID/maps says of the process.

// compile builds a program of testdata, or skips the test where it cannot be
// built.
func compile(t *testing.T, source, compiler string, flags ...string) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("testdata", source))
	if err != nil {
		t.Fatal(err)
	}
	prog := filepath.Join(t.TempDir(), "prog")
	cmd := exec.Command(imagetest.Needs(t, compiler), append(flags, "-O0", "-pthread", "-o", prog, source)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %v\n%s", cmd, err, out)
	}
	return prog
}

// stoppedProcess is a program that runs and is stopped, and its mappings.
type stoppedProcess struct {
	*exec.Cmd
	dir  string // its working directory, empty
	maps []imagetest.Area

	// untouched are the mappings without a page in memory, which gdb leaves out.
	untouched map[addr.Addr]bool
}

// run starts a program, whose cores go to its working directory, waits for its
// "ready" and stops it.
func run(t *testing.T, command ...string) *stoppedProcess {
	t.Helper()
	p := &stoppedProcess{dir: t.TempDir()}
	p.Cmd = exec.Command("sh", append([]string{"-c", `ulimit -c unlimited; exec "$@"`, "sh"}, command...)...)
	p.Dir = p.dir
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Skipf("%v does not run here: %q, %v", command, line, err)
	}
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	p.maps = imagetest.Areas(t, text)
	if text, err = os.ReadFile(fmt.Sprintf("/proc/%d/smaps", p.Process.Pid)); err != nil {
		t.Skip(err)
	}
	p.untouched = untouchedIn(text)
	return p
}

// untouchedIn reads smaps: the mappings without a page in memory, by their first
// addresses.
func untouchedIn(smaps []byte) map[addr.Addr]bool {
	out := map[addr.Addr]bool{}
	first := uint64(0)
	for line := range strings.Lines(string(smaps)) {
		f := strings.Fields(line)
		if lo, _, ok := strings.Cut(f[0], "-"); ok {
			first, _ = strconv.ParseUint(lo, 16, 64)
		} else if f[0] == "Rss:" && f[1] == "0" {
			out[addr.Addr(first)] = true
		}
	}
	return out
}

// gcore has gdb write the core of a process.
func (p *stoppedProcess) gcore(t *testing.T) *image.Image {
	t.Helper()
	core := filepath.Join(t.TempDir(), "gcore")
	cmd := exec.Command(imagetest.Needs(t, "gdb"), "-nx", "-batch", "-p", fmt.Sprint(p.Process.Pid), "-ex", "gcore "+core)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %v\n%s", cmd, err, out)
	}
	return openCore(t, core)
}

// kernelCore has the kernel write the core of a process, which dies of it.
func (p *stoppedProcess) kernelCore(t *testing.T) *image.Image {
	t.Helper()
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || strings.ContainsAny(string(pattern), "|/") {
		t.Skipf("the kernel writes cores elsewhere: core_pattern %q, %v", pattern, err)
	}
	p.Process.Signal(syscall.SIGABRT)
	p.Process.Signal(syscall.SIGCONT)
	p.Wait()
	cores, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil || len(cores) != 1 {
		t.Skipf("the kernel wrote no core: %q, %v, %v", cores, p.ProcessState, err)
	}
	return openCore(t, cores[0])
}

func openCore(t *testing.T, path string) *image.Image {
	t.Helper()
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	imagetest.CheckImage(t, img, img.FileSize)
	if img.Missing != 0 || len(img.Notes) > 0 {
		t.Errorf("%d bytes missing, notes %q", img.Missing, img.Notes)
	}
	return img
}

// within is what of the ranges the image has mappings for.
func within(img *image.Image, ranges []addr.Range) (out []addr.Range) {
	for _, r := range ranges {
		for _, m := range img.Mappings {
			if x, ok := r.Intersect(m.Range); ok {
				out = append(out, x)
			}
		}
	}
	return addr.Merge(out)
}

// checkNames compares the mappings that have a name in maps with those of the
// core, range by range, and checks that nothing else has one of these names.
func (p *stoppedProcess) checkNames(t *testing.T, img *image.Image, names ...string) {
	t.Helper()
	for _, name := range names {
		var want []addr.Range
		for _, v := range p.maps {
			if v.Name == name {
				want = append(want, v.Range)
			}
		}
		if got := imagetest.Called(img.Mappings, name); !slices.Equal(got, within(img, want)) {
			t.Errorf("%s is %v, in maps %v", name, got, want)
		}
	}
	for _, m := range img.Mappings {
		if strings.HasPrefix(m.Name, "[") && !strings.HasPrefix(m.Name, "[stack:") &&
			!slices.ContainsFunc(p.maps, func(v imagetest.Area) bool { return v.Name == m.Name && v.Covers(m.Range) }) {
			t.Errorf("%v is called %s, in maps it is not", m.Range, m.Name)
		}
	}
}

// checkMapped checks that the core has all that is mapped, but for what writers
// of cores leave out by their nature, and files by their names.
func (p *stoppedProcess) checkMapped(t *testing.T, img *image.Image, optional func(imagetest.Area) bool) {
	t.Helper()
	for _, v := range p.maps {
		have := within(img, []addr.Range{v.Range})
		if whole := len(have) == 1 && have[0] == v.Range; !whole && !optional(v) {
			t.Errorf("%v %v %s: the core has %v", v.Range, v.Perm, v.Name, have)
		}
		for _, m := range img.Mappings {
			if m.Overlaps(v.Range) && strings.HasPrefix(v.Name, "/") != strings.HasPrefix(m.Name, "/") ||
				m.Overlaps(v.Range) && strings.HasPrefix(v.Name, "/") && m.Name != v.Name {
				t.Errorf("%v is called %s, in maps %v %s", m.Range, m.Name, v.Range, v.Name)
			}
		}
	}
	// One byte is in one mapping.
	sorted := slices.SortedFunc(slices.Values(img.Mappings), func(a, b engine.Mapping) int { return cmp.Compare(a.First, b.First) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].Overlaps(sorted[i].Range) {
			t.Errorf("%v %s and %v %s overlap", sorted[i-1].Range, sorted[i-1].Name, sorted[i].Range, sorted[i].Name)
		}
	}
}

// ofGDB reports whether gdb leaves a mapping out.
func (p *stoppedProcess) ofGDB(v imagetest.Area) bool {
	return strings.HasPrefix(v.Name, "[v") || v.Perm&engine.PermRead == 0 || p.untouched[v.First]
}

// checkThreads checks that the stack of each thread, and only that, holds its
// string.
func checkThreads(t *testing.T, img *image.Image, process int) {
	t.Helper()
	found := map[string]string{}
	for _, m := range img.Mappings {
		if m.State != engine.Present || !strings.HasPrefix(m.Name, "[stack") {
			continue
		}
		b, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"main", "thread 0", "thread 1", "thread 2"} {
			if strings.Contains(string(b), "stack string of "+text+"\x00") {
				found[text] = m.Name
			}
		}
	}
	names := map[string]bool{}
	for text, name := range found {
		names[name] = true
		if (name == "[stack]") != (text == "main") {
			t.Errorf("the stack of %s is called %s", text, name)
		}
	}
	if len(found) != 4 || len(names) != 4 {
		t.Errorf("stacks %v of process %d", found, process)
	}
}

// Variants of programs, whose heaps lie in different places.
func TestCoreHeaps(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("what is written of processes here is of x86-64")
	}
	fixed := []string{"setarch", "-R"}
	for _, c := range testenv.Some(t, 6, []struct {
		name, source, compiler string
		flags                  []string
		heap                   bool
		before                 []string
	}{
		{"default", "threads.c", "gcc", nil, true, nil},
		{"fixed", "plain.c", "gcc", []string{"-DHEAP=2"}, true, fixed},
		{"no-pie", "plain.c", "gcc", []string{"-no-pie", "-DHEAP=2"}, true, nil},
		{"no-pie fixed", "threads.c", "gcc", []string{"-no-pie"}, true, fixed},
		{"static", "plain.c", "gcc", []string{"-static", "-DHEAP=2"}, true, nil},
		{"static fixed", "plain.c", "gcc", []string{"-static", "-DHEAP=2"}, true, fixed},
		{"static-pie", "plain.c", "gcc", []string{"-static-pie", "-DHEAP=2"}, true, nil},
		{"static-pie fixed", "plain.c", "gcc", []string{"-static-pie", "-DHEAP=2"}, true, fixed},
		{"by ld.so", "plain.c", "gcc", []string{"-DHEAP=2"}, true, []string{"/lib64/ld-linux-x86-64.so.2"}},
		{"no heap", "plain.c", "gcc", []string{"-DHEAP=0"}, false, nil},
		{"no heap fixed", "plain.c", "gcc", []string{"-DHEAP=0"}, false, fixed},
		{"sbrk", "plain.c", "gcc", []string{"-DHEAP=1"}, true, nil},
		{"sbrk fixed", "plain.c", "gcc", []string{"-DHEAP=1"}, true, fixed},
		{"split", "plain.c", "gcc", []string{"-DHEAP=3"}, true, nil},
		{"split static", "plain.c", "gcc", []string{"-DHEAP=3", "-static"}, true, nil},
		{"musl", "plain.c", "musl-gcc", []string{"-DHEAP=2"}, true, nil},
		{"musl static", "plain.c", "musl-gcc", []string{"-DHEAP=2", "-static"}, true, nil},
	}) {
		t.Run(c.name, func(t *testing.T) {
			prog := compile(t, c.source, c.compiler, c.flags...)
			p := run(t, append(slices.Clone(c.before), prog)...)
			heap := slices.ContainsFunc(p.maps, func(v imagetest.Area) bool { return v.Name == "[heap]" })
			if heap != c.heap {
				t.Skipf("the kernel calls something [heap]: %v", heap)
			}
			if len(c.before) == 0 { // gdb takes its time
				img := p.gcore(t)
				p.checkNames(t, img, "[heap]", "[stack]", "[vdso]", "[vsyscall]")
				p.checkMapped(t, img, p.ofGDB)
				if c.source == "threads.c" {
					checkThreads(t, img, p.Process.Pid)
				}
			}
			img := p.kernelCore(t)
			p.checkNames(t, img, "[heap]", "[stack]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")
			p.checkMapped(t, img, func(imagetest.Area) bool { return false })
		})
	}
}

// The kernel leaves out what coredump_filter says, and names stay.
func TestKernelCores(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	prog := compile(t, "threads.c", "gcc")
	for _, filter := range []string{"0", "0x1", "0x10", "0x33", "0x7f"} {
		for _, before := range [][]string{nil, {"setarch", "-R"}} {
			t.Run(filter+strings.Join(before, " "), func(t *testing.T) {
				command := append([]string{"sh", "-c", "echo " + filter + ` >/proc/self/coredump_filter; exec "$@"`, "sh"}, before...)
				p := run(t, append(command, prog)...)
				img := p.kernelCore(t)
				p.checkNames(t, img, "[heap]", "[stack]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")
				p.checkMapped(t, img, func(imagetest.Area) bool { return false })
				if filter == "0x33" || filter == "0x7f" {
					checkThreads(t, img, p.Process.Pid)
				}
			})
		}
	}
}

// qemu-user writes neither NT_FILE nor a mapping for each of the program's: the
// program's headers tell what of it is a file, and where the heap begins behind
// its .bss.
func TestQemuUserCore(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	qemu := imagetest.Needs(t, "qemu-x86_64-static")
	prog := compile(t, "threads.c", "gcc")
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `ulimit -c unlimited; exec "$@"`, "sh", qemu, prog, "abort")
	cmd.Dir = dir
	cmd.Run()
	cores, _ := filepath.Glob(filepath.Join(dir, "qemu_*.core"))
	if len(cores) != 1 {
		t.Skipf("qemu-user wrote no core: %q, %v", cores, cmd.ProcessState)
	}
	img := openCore(t, cores[0])
	checkThreads(t, img, 0)
	checkLoads(t, img)
	heap, file := imagetest.Called(img.Mappings, "[heap]"), imagetest.Called(img.Mappings, prog)
	if len(heap) != 1 || len(file) != 1 || !holds(t, img, heap[0], "heap string\x00") || heap[0].First <= file[0].Last+65536 {
		t.Errorf("heap %v, program %v", heap, file)
	}
}

// valgrind writes no auxiliary vector.
func TestValgrindCore(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	valgrind := imagetest.Needs(t, "valgrind")
	prog := compile(t, "threads.c", "gcc")
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `ulimit -c unlimited; exec "$@"`, "sh", valgrind, "-q", prog, "abort")
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	cores, _ := filepath.Glob(filepath.Join(dir, "vgcore.*"))
	if len(cores) != 1 {
		t.Skipf("valgrind wrote no core: %q, %v\n%s", cores, cmd.ProcessState, out)
	}
	img := openCore(t, cores[0])
	checkLoads(t, img)
	// It does not tell which of its threads is the first.
	stacks := 0
	for _, m := range img.Mappings {
		if strings.HasPrefix(m.Name, "[stack:") && holds(t, img, m.Range, "stack string of ") {
			stacks++
		} else if strings.HasPrefix(m.Name, "[") {
			t.Errorf("%v is called %s", m.Range, m.Name)
		}
	}
	if stacks != 4 {
		t.Errorf("%d stacks: %v", stacks, imagetest.Show(img.Mappings))
	}
}

// checkLoads checks that each load segment is mapped and nothing else.
func checkLoads(t *testing.T, img *image.Image) {
	t.Helper()
	b, err := os.ReadFile(img.Path)
	if err != nil {
		t.Fatal(err)
	}
	if missing := imagetest.CompareLoads(t, img.Path, b, img.Mappings); missing != 0 {
		t.Errorf("%d bytes missing", missing)
	}
}

// holds reports whether what of a range is saved has the text.
func holds(t *testing.T, img *image.Image, r addr.Range, text string) bool {
	t.Helper()
	for _, m := range img.Mappings {
		if m.State != engine.Present || !r.Covers(m.Range) {
			continue
		}
		b, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}

// The stacks of goroutines are in Go's heap, and no mapping is called after them.
func TestGoCore(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	prog := filepath.Join(t.TempDir(), "prog")
	if out, err := exec.Command(imagetest.Needs(t, "go"), "build", "-o", prog, "./testdata/goroutines").CombinedOutput(); err != nil {
		t.Skipf("%v\n%s", err, out)
	}
	img := run(t, prog).gcore(t)
	for _, m := range img.Mappings {
		if strings.HasPrefix(m.Name, "[stack:") || m.Name == "[heap]" {
			t.Errorf("%v is called %s", m.Range, m.Name)
		}
	}
}
