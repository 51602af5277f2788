package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/internal/testenv"
)

// compilePlaces compiles the program of testdata/places and its library. The name of
// the library has all that names may hold.
func compilePlaces(t *testing.T, dir string, flags ...string) (prog, lib string) {
	t.Helper()
	prog, lib = filepath.Join(dir, "pla ces"), filepath.Join(dir, "lib a+1.so..2->3")
	for _, args := range [][]string{
		{"-shared", "-fPIC", "-o", lib, "testdata/places/lib.c"},
		append([]string{"-O0", "-o", prog, "testdata/places/prog.c", "-ldl"}, flags...),
	} {
		if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Skipf("gcc: %v\n%s", err, out)
		}
	}
	return prog, lib
}

// stopped starts a program, waits until it is ready, and stops it.
func stopped(t *testing.T, prog string, args ...string) (pid string) {
	t.Helper()
	cmd := exec.Command(prog, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Skipf("the program does not run here: %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(cmd.Process.Pid)
}

// gcore writes the core of a process.
func gcore(t *testing.T, pid, core string) {
	t.Helper()
	if out, err := exec.Command("gdb", "-nx", "-batch", "-p", pid, "-ex", "gcore "+core).CombinedOutput(); err != nil {
		t.Skipf("gdb: %v\n%s", err, out)
	}
}

// placesPrinted returns the places that commands print of an image, with the addresses
// that stand beside them.
func placesPrinted(t *testing.T, image, graph string) map[string]string {
	t.Helper()
	printed := map[string]string{}
	ask := func(addr, place int, args ...string) {
		n := 0
		for line := range strings.Lines(string(vscan(t, []int{0, 1}, args...))) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if n++; n%7 == 1 && len(f) > place {
				printed[f[place]] = f[addr]
			}
		}
		if n == 0 {
			t.Errorf("%q: nothing", args)
		}
	}
	ask(0, 2, "find", "-e", "text:of the program", "-e", "text:of the library", "-e", "text:st node", "--in", "rw-", image)
	for _, where := range []string{"[heap]", "[stack]", "pla ces", "libc.so.6", "lib a+1.so..2->3"} {
		ask(0, 2, "refs", "-m", "40", "--in", where, image, "@mapped")
	}
	ask(0, 2, "refs", image, "pla ces+0x0..pla ces+0xfff")
	for _, name := range []string{"[heap]", "pla ces", "[vdso]"} {
		ask(0, 1, "graph", "to", graph, name, "-m", "60")
		ask(2, 3, "graph", "to", graph, name, "-m", "60")
	}
	ask(0, 1, "graph", "from", graph, "[stack]", "-m", "60")
	ask(2, 3, "graph", "from", graph, "pla ces")
	for line := range strings.Lines(string(vscan(t, []int{0}, "graph", "top", graph, "-m", "30"))) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		printed[f[3]+"+"+f[4]] = f[1]
	}
	return printed
}

// readBack reads a place as it was printed. It reports whether the place is one
// address: where several modules have its name, the error has to list them.
func readBack(t *testing.T, image, place, addr string) bool {
	t.Helper()
	var got, stderr bytes.Buffer
	code := run([]string{"read", image, place, "1", "--as", "u8"}, strings.NewReader(""), &got, &stderr)
	if code == cli.ExitError && strings.Contains(stderr.String(), "modules or mappings have this name: ") {
		return false
	}
	var want, ignored bytes.Buffer
	wantCode := run([]string{"read", image, addr, "1", "--as", "u8"}, strings.NewReader(""), &want, &ignored)
	if code != wantCode || got.String() != want.String() || code == cli.ExitError && !strings.Contains(stderr.String(), " "+addr+": ") {
		t.Errorf("%s: %s: %d, %q, %s; %s: %d, %q", image, place, code, got.String(), stderr.String(), addr, wantCode, want.String())
	}
	return true
}

// checkChains follows chains as they are printed.
func checkChains(t *testing.T, image, graph, target, window string) (n int) {
	t.Helper()
	for line := range strings.Lines(string(vscan(t, []int{0, 1}, "graph", "chains", graph, target, "--depth", "3", "--window="+window, "-m", "20"))) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for _, chain := range []string{f[0] + " " + f[1], strings.ReplaceAll(f[0]+"->"+strings.TrimPrefix(f[1], "-> "), " ->", "->")} {
			var stdout, stderr bytes.Buffer
			code := run([]string{"read", image, chain, "1", "--as", "u8"}, strings.NewReader(""), &stdout, &stderr)
			several := code == cli.ExitError && strings.Contains(stderr.String(), "have this name")
			if !several && (code != 0 || !strings.HasPrefix(stdout.String(), f[2]+"\t")) {
				t.Errorf("%s: %q: %d, %q, %s, want %s", image, chain, code, stdout.String(), stderr.String(), f[2])
			}
			if !several {
				n++
			}
		}
	}
	return n
}

// Every place that is printed of a process or of its core is taken as an argument, and is the
// address beside it, unless several modules have its name.
func TestPlacesRoundTrip(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	for _, c := range testenv.Some(t, 1, []struct {
		name  string
		flags []string
		libs  int // how many times the library is loaded
	}{{"position-independent", nil, 1}, {"fixed", []string{"-no-pie"}, 2}}) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			prog, lib := compilePlaces(t, dir, c.flags...)
			pid := stopped(t, prog, slices.Repeat([]string{lib}, c.libs)...)
			core := filepath.Join(dir, "core")
			gcore(t, pid, core)
			var bss []string // by image: the place of a variable in .bss
			for _, image := range []string{core, "pid:" + pid} {
				graph := filepath.Join(dir, "graph")
				vscan(t, []int{0}, "graph", "build", image, "-o", graph)
				printed := placesPrinted(t, image, graph)
				several := map[string]bool{}
				for place, addr := range printed {
					if !readBack(t, image, place, addr) {
						several[place[:strings.LastIndexByte(place, '+')]] = true
					}
				}
				delete(several, "[anon]")
				twice := slices.Sorted(maps.Keys(several))
				for _, name := range twice {
					if of := filepath.Base(name); c.libs < 2 || of != filepath.Base(lib) && of != "libc.so.6" {
						t.Errorf("%s: several have the name of %v", image, twice)
						break
					}
				}
				if len(printed) < 40 {
					t.Errorf("%s: %d places", image, len(printed))
				}
				hit := strings.Split(string(vscan(t, []int{0}, "find", "text:first node", "--in", "[heap]", image)), "\t")[2]
				if n := checkChains(t, image, graph, hit, "0..1023"); n == 0 {
					t.Errorf("%s: no chain to %s", image, hit)
				}
				checkChains(t, image, graph, hit, "-64..64")
				bss = append(bss, strings.Split(string(vscan(t, []int{0}, "find", "bss of the program", "--in", "rw-", image)), "\t")[2])
			}
			if bss[0] != bss[1] || !strings.HasPrefix(bss[0], "pla ces+0x") {
				t.Errorf(".bss is %s of the core, and %s of the process", bss[0], bss[1])
			}
		})
	}
}
