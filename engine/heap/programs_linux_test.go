package heap_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/internal/testenv"
)

// These programs write down which blocks their malloc has given out, libc's own among them
// (testdata/heaps.c). What is found in their cores is compared with that, block by block.

// build is how the program is built.
type build struct {
	name  string
	flags []string
}

var wrapped = []string{"-static", "-DWRAP", "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=memalign,--wrap=aligned_alloc,--wrap=posix_memalign,--wrap=free"}

var (
	dynamic   = build{"dynamic", nil}
	static    = build{"static", wrapped}
	dynamic32 = build{"dynamic32", []string{"-m32"}}
	static32  = build{"static32", append([]string{"-m32"}, wrapped...)}
)

// builder builds each program once.
type builder struct {
	mu    sync.Mutex
	dir   string
	built map[string]string
}

// program is the path of the program, or the test is skipped where it cannot be
// built.
func (b *builder) program(t *testing.T, how build) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if path, ok := b.built[how.name]; ok {
		if path == "" {
			t.Skip("it cannot be built here")
		}
		return path
	}
	b.built[how.name] = ""
	path := filepath.Join(b.dir, how.name)
	cmd := exec.Command(needs(t, "gcc"), append(slices.Clone(how.flags), "-O1", "-w", "-pthread", "-o", path, "testdata/heaps.c")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %v\n%s", cmd, err, out)
	}
	b.built[how.name] = path
	return path
}

// needs returns the path of a tool. Where it is missing, the test is skipped.
func needs(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s is not here: %v", tool, err)
	}
	return path
}

// block is a block that the program has written down.
type block struct{ size, usable uint64 }

// taking is how the memory of a program is taken.
type taking string

const (
	byKernel taking = "kernel" // the core that the kernel writes
	byGDB    taking = "gdb"    // the one that gdb writes
	live     taking = "live"   // not at all: it is read as it runs
)

// runProgram runs a program, whose second argument is the file that it tells
// something in, and returns that and its heaps.
func runProgram(t *testing.T, by taking, env []string, command ...string) (h found, truth string) {
	t.Helper()
	dir := t.TempDir()
	truth = filepath.Join(dir, "truth")
	command = append(slices.Clone(command[:2]), append([]string{truth}, command[2:]...)...)
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -c unlimited; exec "$@"`, "sh"}, command...)...)
	cmd.Dir = filepath.Join(dir, "cores")
	if err := os.Mkdir(cmd.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	pid := 0
	if _, err2 := fmt.Sscanf(line, "ready %d", &pid); err != nil || err2 != nil {
		t.Skipf("%v does not run here: %q, %v", command, line, err)
	}
	switch by {
	case live:
		img, err := formats.OpenProcess(t.Context(), pid, image.Options{})
		if err != nil {
			t.Skip(err)
		}
		return heapsOf(t, img), truth
	case byGDB:
		core := filepath.Join(cmd.Dir, "core")
		g := exec.Command(needs(t, "gdb"), "-nx", "-batch", "-p", fmt.Sprint(pid), "-ex", "gcore "+core)
		if text, err := g.CombinedOutput(); err != nil {
			t.Skipf("%v: %v\n%s", g, err, text)
		}
		return openCore(t, core), truth
	}
	return openCore(t, kernelCore(t, cmd, pid)), truth
}

// kernelCore makes the kernel write the core of a process of cmd, which ends.
func kernelCore(t *testing.T, cmd *exec.Cmd, pid int) string {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "|/") {
		t.Skipf("the kernel writes cores elsewhere: core_pattern %q, %v", pattern, err)
	}
	syscall.Kill(pid, syscall.SIGABRT)
	cmd.Wait() // a child's parent waits for it
	cores, err := filepath.Glob(filepath.Join(cmd.Dir, "*"))
	if err != nil || len(cores) != 1 {
		t.Skipf("the kernel wrote no core: %q, %v", cores, err)
	}
	return cores[0]
}

func readBlocks(t *testing.T, path string) map[addr.Addr]block {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[addr.Addr]block{}
	for line := range strings.Lines(string(text)) {
		var at, size, usable uint64
		if _, err := fmt.Sscanf(line, "%x %x %x", &at, &size, &usable); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		blocks[addr.Addr(at)] = block{size, usable}
	}
	if len(blocks) == 0 {
		t.Fatal("the program told no blocks")
	}
	return blocks
}

// openCore opens a core and finds its heaps.
func openCore(t *testing.T, path string) found {
	t.Helper()
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return heapsOf(t, img)
}

// found is heaps, and what they were found in.
type found struct {
	*heap.Heaps
	space *engine.Space
	arch  addr.Arch
}

func heapsOf(t *testing.T, img *image.Image) found {
	t.Helper()
	t.Cleanup(func() { img.Close() })
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	arch, err := img.Arch()
	if err != nil {
		t.Fatal(err)
	}
	threads, err := img.Threads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pointers []addr.Addr
	for _, t := range threads {
		if t.Pointer != 0 {
			pointers = append(pointers, t.Pointer)
		}
	}
	h, err := heap.Find(t.Context(), space, arch, heap.Options{ThreadPointers: pointers})
	if err != nil {
		t.Fatal(err)
	}
	return found{h, space, arch}
}

// checkBlocks compares the objects in use with the blocks that the program has:
// these, each with its usable size, and malloc's own, and no others.
func checkBlocks(t *testing.T, h *heap.Heaps, blocks map[addr.Addr]block) {
	t.Helper()
	for at, b := range blocks {
		i := h.Index(at)
		if i < 0 {
			t.Errorf("block %v of %d bytes: in no object", at, b.size)
			continue
		}
		if o := h.Objects()[i]; o.First != at || o.Size() != b.usable || o.Size() < b.size || o.State != heap.Used {
			t.Errorf("block %v of %d bytes, %d usable: the object is %v, %d bytes, %v", at, b.size, b.usable, o.Range, o.Size(), o.State)
		}
	}
	own := h.Internal()
	for _, o := range h.Objects() {
		if _, ok := blocks[o.First]; o.State == heap.Used && !ok && !slices.ContainsFunc(own, func(r addr.Range) bool { return r.Covers(o.Range) }) {
			t.Errorf("object %v of %d bytes is in use, and the program has no such block", o.First, o.Size())
		}
	}
	if t.Failed() {
		t.Logf("%+v", *h.Account())
	}
}

func TestProgramsBlockByBlock(t *testing.T) {
	if testing.Short() {
		t.Skip("runs other programs")
	}
	whats := []string{"free-chunk", "large", "fast", "cached", "foreign", "brk-fails", "mapped", "trimmed", "stdio", "options", "random", "random-main", "forked", "shrunk", "exited", "no-mapping", "namespaces", "brk-fails-threads", "stacks", "cache-mapped"}
	type run struct {
		build
		what string
		by   taking
		env  []string
	}
	var runs []run
	for _, what := range whats {
		runs = append(runs, run{dynamic, what, byKernel, nil})
	}
	for _, how := range []build{static, dynamic32, static32} {
		for _, what := range []string{"foreign", "brk-fails", "mapped", "random"} {
			runs = append(runs, run{how, what, byKernel, nil})
		}
	}
	runs = append(runs,
		run{dynamic, "random", byGDB, nil},
		run{dynamic, "forked", byGDB, nil},
		run{dynamic32, "large", byGDB, nil},
		run{static, "cached", byGDB, nil},
		run{dynamic32, "brk-fails-threads", byKernel, nil},
		run{static, "stacks", byKernel, nil},
		run{dynamic32, "stacks", byKernel, nil},
		run{dynamic, "stacks", byGDB, nil},
		run{dynamic, "random", live, nil},
		run{dynamic, "mapped", live, nil},
		run{dynamic32, "forked", live, nil},
		run{dynamic, "cached", byKernel, []string{"MALLOC_ARENA_MAX=1"}},
		run{dynamic, "random", byKernel, []string{"MALLOC_ARENA_MAX=2", "GLIBC_TUNABLES=glibc.malloc.mxfast=0"}},
		run{dynamic, "fast", byKernel, []string{"GLIBC_TUNABLES=glibc.malloc.tcache_count=0"}},
		run{dynamic, "random", byKernel, []string{"GLIBC_TUNABLES=glibc.malloc.tcache_count=100"}},
	)
	b := builder{dir: t.TempDir(), built: map[string]string{}}
	slots := make(chan struct{}, runtime.NumCPU())
	t.Run("all", func(t *testing.T) { // what is built has to last until all have run
		for _, r := range testenv.Some(t, 8, runs) {
			name := fmt.Sprintf("%s/%s/%s/%s", r.name, r.what, r.by, strings.Join(r.env, ","))
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				h, truth := runProgram(t, r.by, r.env, b.program(t, r.build), r.what)
				checkBlocks(t, h.Heaps, readBlocks(t, truth))
				checkWhole(t, h.Heaps, r.what)
			})
		}
	})
}

// checkWhole checks what the account says of a heap without damage.
func checkWhole(t *testing.T, h *heap.Heaps, what string) {
	t.Helper()
	a := h.Account()
	for _, x := range a.Arenas {
		if x.Refused != "" {
			t.Errorf("%v arena %v: %s", x.Kind, x.At, x.Refused)
		}
	}
	if n := len(a.Gaps); what == "foreign" && n != 2 || what != "foreign" && n != 0 {
		t.Errorf("%d gaps: %v", n, a.Gaps)
	}
	if a.Understood == 0 || a.Understood > a.Writable {
		t.Errorf("%d bytes understood of %d", a.Understood, a.Writable)
	}
	if !slices.IsSortedFunc(h.Internal(), func(x, y addr.Range) int { return int(x.First>>1) - int(y.First>>1) }) {
		t.Errorf("own: %v", h.Internal())
	}
}

// Of CPython with threads, all that malloc itself counts is understood, in all arenas, and the memory of
// CPython's own allocator is told.
func TestCPython(t *testing.T) {
	if testing.Short() {
		t.Skip("runs other programs")
	}
	script, err := filepath.Abs("testdata/threads.py")
	if err != nil {
		t.Fatal(err)
	}
	h, info := runProgram(t, byGDB, nil, needs(t, "python3"), script)
	text, err := os.ReadFile(info)
	if err != nil {
		t.Fatal(err)
	}
	last := string(text)
	last = last[strings.LastIndex(last, "</heap>")+1:] // of all heaps
	field := func(of, name string) (n uint64) {
		_, after, _ := strings.Cut(last, of)
		_, after, _ = strings.Cut(after, name+`="`)
		fmt.Sscan(after[:strings.IndexByte(after, '"')], &n)
		return n
	}
	counted := field(`<system type="current"`, "size") + field(`<total type="mmap"`, "size")
	a := h.Account()
	if a.Understood < counted/100*99 || a.Understood > counted/100*103 {
		t.Errorf("malloc counts %d bytes, and %d are understood: %+v", counted, a.Understood, a)
	}
	arenas := 0
	for _, x := range a.Arenas {
		if x.Refused != "" {
			t.Errorf("%+v", x)
		}
		if x.Kind != heap.ArenaMapped {
			arenas++
		}
	}
	if n := strings.Count(string(text), "<heap nr="); arenas != n || len(a.Gaps) > 0 {
		t.Errorf("%d arenas of %d, gaps %v", arenas, n, a.Gaps)
	}
	if !slices.ContainsFunc(a.OtherAllocators, func(o heap.OtherAllocator) bool { return o.Name == "CPython" && o.Bytes > 1<<20 }) {
		t.Errorf("CPython's pools are not told: %v", a.OtherAllocators)
	}
}

// The heaps of programs were overwritten at 100 places each: objects away from these are found as before,
// but for few next to them.
func TestDamagedPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs other programs")
	}
	script, err := filepath.Abs("testdata/threads.py")
	if err != nil {
		t.Fatal(err)
	}
	b := builder{dir: t.TempDir(), built: map[string]string{}}
	for _, name := range testenv.Some(t, 1, []string{"random", "CPython"}) {
		t.Run(name, func(t *testing.T) {
			var h found
			if name == "random" {
				h, _ = runProgram(t, byKernel, nil, b.program(t, dynamic), "random-main")
			} else {
				h, _ = runProgram(t, byKernel, nil, needs(t, "python3"), script)
			}
			h.damageAll(t)
		})
	}
}

// damageAll damages the heaps many times over.
func (h found) damageAll(t *testing.T) {
	t.Helper()
	rnd := testenv.Rand(t)
	for range testenv.Rounds(1, 1, 50) {
		h.damageSome(t, rnd)
	}
}

// damageSome damages the heaps some times over.
func (h found) damageSome(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	const times, places = 8, 100
	var missed, invented, state int
	for range times {
		damaged, hit := h.damaged(t, rnd, places)
		d, err := heap.Find(t.Context(), damaged, h.arch, heap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range h.Objects() {
			k := d.Index(o.First)
			switch {
			case hit[i]:
			case k < 0 || d.Objects()[k].Range != o.Range:
				missed++
			case d.Objects()[k].State != o.State:
				state++
			}
		}
		for _, o := range d.Objects() {
			if k := h.Index(o.First); k < 0 || h.Objects()[k].First != o.First {
				invented++
			}
		}
	}
	t.Logf("%d objects, %d heads overwritten in %d runs: of objects not beside these %d are missed and %d of another state; %d are leftovers", len(h.Objects()), times*places, times, missed, state, invented)
	if missed > times*places || invented > times*places/8 {
		t.Errorf("%d missed, %d invented", missed, invented)
	}
}

// damaged is the space with the sizes of so many chunks overwritten, and which objects
// these and their neighbours are.
func (h found) damaged(t *testing.T, rnd *rand.Rand, places int) (*engine.Space, []bool) {
	t.Helper()
	const page = engine.PageSize
	objects := h.Objects()
	hit := make([]bool, len(objects))
	pages := map[addr.Addr][]byte{}
	w := h.arch.WordSize()
	for range places {
		i := rnd.IntN(len(objects))
		b := make([]byte, w)
		switch rnd.IntN(4) {
		case 0:
			h.arch.Order().PutUint(b, rnd.Uint64())
		case 1:
			copy(b, "AAAAAAAA")
		case 2: // a single zero, behind text for example
			b = b[:1]
		case 3:
			h.arch.Order().PutUint(b, uint64(objects[rnd.IntN(len(objects))].First))
		}
		at := objects[i].First - addr.Addr(w)
		first := at &^ (page - 1)
		if pages[first] == nil {
			text, err := h.space.Bytes(first, page)
			if err != nil {
				t.Fatal(err)
			}
			pages[first] = text
		}
		copy(pages[first][at-first:], b)
		for k := max(0, i-1); k < min(len(objects), i+2); k++ {
			hit[k] = true
		}
	}
	var over []engine.Mapping
	for first, text := range pages {
		v := h.space.At(first)
		m, err := engine.BytesMapping(v.Mapping.Name, first, text)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = v.Mapping.Perm
		over = append(over, m)
	}
	space, err := h.space.Add(over...)
	if err != nil {
		t.Fatal(err)
	}
	return space, hit
}
