package proc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Programs that other people wrote, with memory managers that reserve far more
// than they touch. Each prints a line when it has put the mark into its memory,
// built at run time so that it stands there and not in its text alone.
var programs = []struct {
	name   string
	needs  []string
	source string   // of main.EXT, to be built
	build  []string // $DIR is the folder
	run    []string
}{
	{
		name: "go", needs: []string{"go"},
		source: `package main
import ("fmt"; "os")
var kept [][]byte
func main() {
	m := []byte("-DETNALP")
	for i, j := 0, len(m)-1; i < j; i, j = i+1, j-1 { m[i], m[j] = m[j], m[i] }
	for i := range 100 { kept = append(kept, fmt.Appendf(nil, "%sgo-%d\x00", m, i)) }
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
}`,
		build: []string{"go", "build", "-o", "$DIR/program", "$DIR/main.go"},
		run:   []string{"$DIR/program"},
	},
	{
		name: "node", needs: []string{"node"},
		run: []string{"node", "-e", `const m = [...'-DETNALP'].reverse().join(''); globalThis.kept = []; for (let i = 0; i < 100; i++) kept.push(Buffer.from(m + 'node-' + i + '\0')); process.stdin.resume(); console.log('ready')`},
	},
	{
		name: "java", needs: []string{"java", "javac"},
		source: `import java.util.*;
public class main {
	static List<byte[]> kept = new ArrayList<>();
	public static void main(String[] a) throws Exception {
		String m = new StringBuilder("-DETNALP").reverse().toString();
		for (int i = 0; i < 100; i++) kept.add((m + "java-" + i + "\0").getBytes("ISO-8859-1"));
		System.out.println("ready");
		System.in.read();
	}
}`,
		build: []string{"javac", "-d", "$DIR", "$DIR/main.java"},
		run:   []string{"java", "-Xms256m", "-cp", "$DIR", "main"},
	},
	{
		name: "asan", needs: []string{"gcc"},
		source: `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
char *kept[100];
int main(void) {
	char m[] = "-DETNALP", r[9] = {0};
	for (int i = 0; i < 8; i++) r[i] = m[7-i];
	for (int i = 0; i < 100; i++) { kept[i] = malloc(40); sprintf(kept[i], "%sasan-%d", r, i); }
	puts("ready"); fflush(stdout);
	getchar();
}`,
		build: []string{"gcc", "-fsanitize=address", "-o", "$DIR/program", "$DIR/main.c"},
		run:   []string{"$DIR/program"},
	},
}

// startProgram builds and starts a program, and stops it once it is ready.
func startProgram(t *testing.T, name, source string, needs, build, run []string) (pid int) {
	t.Helper()
	for _, tool := range needs {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	dir := t.TempDir()
	in := func(args []string) *exec.Cmd {
		var words []string
		for _, a := range args {
			words = append(words, strings.ReplaceAll(a, "$DIR", dir))
		}
		return exec.Command(words[0], words[1:]...)
	}
	if source != "" {
		ext := map[string]string{"go": ".go", "java": ".java"}[name]
		if ext == "" {
			ext = ".c"
		}
		if err := os.WriteFile(filepath.Join(dir, "main"+ext), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := in(build).CombinedOutput(); err != nil {
			t.Skipf("cannot be built here: %v: %s", err, out)
		}
	}
	cmd := in(run)
	stdin, err := cmd.StdinPipe()
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
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready") {
		t.Skipf("%s does not run here: %q, %v", name, line, err)
	}
	time.Sleep(100 * time.Millisecond) // for what goes on behind: compilers, collectors
	stop(t, cmd.Process.Pid)
	return cmd.Process.Pid
}

// Every program: the mark is found wherever a read of all its pages finds it,
// and the scan leaves it as large as it was.
func TestProcessPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	for _, p := range testenv.Some(t, 2, programs) {
		t.Run(p.name, func(t *testing.T) {
			pid := startProgram(t, p.name, p.source, p.needs, p.build, p.run)
			before := residentKiB(t, pid)
			img, err := Open(t.Context(), pid, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			checkProcessImage(t, img)
			got, stats := findMark(t, img)
			after := residentKiB(t, pid)
			if after > before+1024 {
				t.Errorf("%d KiB in memory before, %d after", before, after)
			}
			if !stats.Complete() {
				t.Errorf("%+v", stats)
			}
			t.Logf("%d hits, %s, %d mappings, %d KiB then %d, %v", len(got), img.Detail, len(img.Mappings), before, after, stats.Elapsed)
			if want := markPageByPage(t, pid); len(want) < 100 || !slices.Equal(got, want) {
				t.Errorf("found %d, page by page %d: %#x, %#x", len(got), len(want), got, want)
			}
		})
	}
}

// findMark finds the mark by the engine.
func findMark(t *testing.T, img *image.Image) (at []addr.Addr, stats engine.Stats) {
	t.Helper()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := patterns.Parse("text:" + mark())
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
	stats, err = sc.Scan(context.Background(), func(h engine.Hit) bool { at = append(at, h.Addr); return true })
	if err != nil {
		t.Fatal(err)
	}
	return at, stats
}

// markPageByPage finds the mark by reading each page of a process that has any in
// memory, or a file behind it, in the plainest way.
func markPageByPage(t *testing.T, pid int) (at []addr.Addr) {
	t.Helper()
	vmas, err := readAreasOf(t.Context(), pidName(pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(pidName(pid) + "/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var run []byte
	var first, next addr.Addr
	search := func() {
		for off := 0; ; off++ {
			i := bytes.Index(run[off:], []byte(mark()))
			if i < 0 {
				break
			}
			off += i
			at = append(at, first+addr.Addr(off))
		}
		run = run[:0]
	}
	page := make([]byte, 4096)
	for _, v := range vmas {
		// Of what was never touched, most is not looked at: it is terabytes.
		if v.perm == engine.PermKnown || !v.used && !v.hasFile() || v.Size() > 4<<30 {
			continue
		}
		for a := v.First; a <= v.Last; a += 4096 {
			n, _ := mem.ReadAt(page, int64(a))
			if a != next || n < 4096 {
				search()
				first = a
			}
			run, next = append(run, page[:n]...), a+4096
		}
	}
	search()
	return at
}

// A debugger sees what the image has.
func TestProcessAgainstGDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("no gdb here")
	}
	for _, kind := range []string{"guards", "none", "files"} {
		pid, p := startKind(t, kind)
		img, err := Open(t.Context(), pid, image.Options{ProtNone: true})
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"-nx", "-batch", "-p", strconv.Itoa(pid)}
		for _, name := range slices.Sorted(maps.Keys(p.At)) {
			at := p.At[name]
			args = append(args, "-ex", "x/s "+strconv.FormatUint(at, 10),
				"-ex", fmt.Sprintf("find %#x, +%d, %s", at&^0xfff, at&0xfff+16, quotedBytes(mark()))) // to gdb, a string in quotes is one of the process's language
		}
		out, err := exec.Command(gdb, args...).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("ptrace: ")) {
			t.Skipf("gdb cannot attach: %v", err)
		}
		for name, a := range p.At {
			s, err := space.CString(addr.Addr(a), 100)
			if want := strconv.Quote(string(s)); err != nil || string(s) != mark()+name || !strings.Contains(string(out), want) {
				t.Errorf("%s: %q, %v; gdb: %s", name, s, err, out)
			}
			if found := fmt.Sprintf("\n%#x", a); !strings.Contains(string(out), found) {
				t.Errorf("%s: gdb does not find it at %#x: %s", name, a, out)
			}
		}
	}
}

// quotedBytes returns bytes as gdb's find takes them, one by one.
func quotedBytes(s string) string {
	var out []string
	for _, c := range []byte(s) {
		out = append(out, fmt.Sprintf("(char)%d", c))
	}
	return strings.Join(out, ", ")
}
