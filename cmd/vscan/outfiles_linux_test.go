package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/internal/testenv"
)

// secretCore is a core that only its owner can read, with pointers enough for a graph.
func secretCore(t *testing.T, dir string) string {
	t.Helper()
	var spec strings.Builder
	for i := range 64 {
		fmt.Fprintf(&spec, "%#x rw- m%d =SECRET.. 0010000000000000 %s\n", 0x1000*(i+1), i, strings.Repeat("0020000000000000 ", 100))
	}
	core, err := makeCore(spec.String())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "core")
	if err := os.WriteFile(path, core, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shell runs a line of sh in a folder, where $0 is vscan, and returns its exit code and what
// it said.
func shell(t *testing.T, dir, line string) (int, string) {
	t.Helper()
	exe := program(t)
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(bin, "vscan")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", line, filepath.Join(bin, "vscan"))
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// Nobody reads what is made of an image that cannot read the image, whatever the umask.
func TestModesOfWhatIsWritten(t *testing.T) {
	dir := t.TempDir()
	secretCore(t, dir)
	line := `umask 0
for mode in 600 644; do
	mkdir $mode; chmod $mode core; echo layer > $mode/layer; chmod 640 $mode/layer
	$0 graph build core -o $mode/graph && $0 graph export $mode/graph --to csv -o $mode/csv && $0 graph export $mode/graph --to jsonl -o $mode/jsonl
	$0 graph export $mode/graph --to dot --target 0x1000 -o $mode/dot; $0 graph export $mode/graph --to parquet -o $mode/parquet
	$0 graph view $mode/graph -o $mode/page; $0 graph objects $mode/graph core --save; $0 find SECRET core --summary $mode/summary
	$0 graph build core --map $mode/layer@0x100000+0 -o $mode/layered
	$0 task plan SECRET core -o $mode/plan && $0 task run $mode/plan 0 -o $mode/result
done
chmod 644 core; $0 graph build pid:self -o 600/live; exit 0`
	if code, said := shell(t, dir, line); code != 0 {
		t.Fatalf("%d, %s", code, said)
	}
	for _, c := range []struct {
		folder, names string
		mode          fs.FileMode
	}{
		{"600", "graph csv jsonl dot parquet page graph.objects summary live layered plan result", 0o600},
		{"644", "graph csv jsonl dot parquet page graph.objects summary plan result", 0o644},
		{"644", "layered", 0o640},
	} {
		for _, name := range strings.Fields(c.names) {
			if info, err := os.Stat(filepath.Join(dir, c.folder, name)); err != nil || info.Mode() != c.mode || info.Size() == 0 {
				t.Errorf("%s/%s: %v, %v, want %v", c.folder, name, info, err, c.mode)
			}
		}
	}
}

// No file is written over the image, a layer or the graph that it is made of, by any name.
func TestWritesOverNothingThatItReads(t *testing.T) {
	dir := t.TempDir()
	core := secretCore(t, dir)
	before, err := os.ReadFile(core)
	if err != nil {
		t.Fatal(err)
	}
	laid := []byte("SECRET of a layer")
	if err := os.WriteFile(filepath.Join(dir, "layer"), laid, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := shell(t, dir, `$0 graph build core -o graph && ln core hard && ln -s core soft && ln graph hardgraph && ln -s graph softgraph && ln layer hardlayer && $0 task plan SECRET core -o plan && $0 task run plan 0 -o result`); code != 0 {
		t.Fatal(said)
	}
	graph, err := os.ReadFile(filepath.Join(dir, "graph"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"graph build core -o core", "graph build core -o hard", "graph build core -o soft", "graph build layer@0x10000 --word 8 --endian little -o hardlayer",
		"graph build core --map layer@0x100000+0 -o layer", "graph build core --under layer@0x100000+0 -o hardlayer",
		"find SECRET core --summary core", "find SECRET core --summary hard", "find SECRET layer@0x10000 --summary hardlayer", "find SECRET core --map layer@0x100000+0 --summary hardlayer",
		"graph export graph --to csv -o graph", "graph export graph --to csv -o hardgraph", "graph export graph --to parquet -o softgraph", "graph export graph --to parquet -o hardgraph",
		"graph export graph --to dot --target 0x1000 -o hardgraph", "graph view graph -o hardgraph",
		"task plan SECRET core -o core", "task plan SECRET core -o hard", "task plan SECRET layer@0x10000 -o hardlayer", "task run plan 0 -o hard", "task run plan 0 -o plan",
		"task stitch plan result --summary hard", "task stitch plan result --summary plan", "task stitch plan result --summary result",
		"graph export graph --to parquet -o bin", "graph build core -o /dev/null", "graph build core -o bin", "graph view graph -o no/page", "graph build core -o no/graph",
	} {
		code, said := shell(t, dir, "$0 "+line)
		out := line[strings.LastIndex(line, " ")+1:]
		refused := strings.Contains(said, out+" is a file that is read for this") || strings.Contains(said, out+" is the ") || strings.Contains(said, out+" is an image")
		if out == "bin" || out == "/dev/null" {
			refused = strings.Contains(said, "regular file")
		} else if strings.HasPrefix(out, "no/") {
			refused = strings.Contains(said, out+": ") && strings.Contains(said, "make the folder first")
		}
		if code != cli.ExitError || !refused {
			t.Errorf("vscan %s: %d, %s", line, code, said)
		}
	}
	if code, said := shell(t, dir, "ln core graph.objects; $0 graph objects graph core --save"); code != cli.ExitError || !strings.Contains(said, "write over the image") {
		t.Errorf("--save: %d, %s", code, said)
	}
	for name, want := range map[string][]byte{"core": before, "layer": laid, "graph": graph} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s is not what it was, %v", name, err)
		}
	}
	// Links are followed, and standard output and pipes are written to where that makes sense.
	code, said := shell(t, dir, `ln -s made link && $0 graph export graph --to csv -o link && test -h link && test -s made &&
$0 graph export graph --to csv -o /dev/stdout | cmp - made && $0 graph export graph --to parquet -o /dev/stdout | head -c 4 | grep -q PAR1 &&
mkfifo pipe && { cat pipe > got & $0 graph export graph --to csv -o pipe && wait && cmp got made; } && $0 find -q SECRET core && $0 find SECRET core --summary /dev/stderr 2>&1 >/dev/null | grep -q '"type":"summary"'`)
	if code != 0 {
		t.Errorf("%d, %s", code, said)
	}
}

// A limit of a file's size, as a disk that is full, ends with an error that names the file. What
// was there is whole, and nothing else is left.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	secretCore(t, dir)
	if code, said := shell(t, dir, `$0 graph build core -o graph && mkdir out && for f in graph csv parquet page; do echo old > out/$f; done`); code != 0 {
		t.Fatal(said)
	}
	for name, line := range map[string]string{
		"graph":   "graph build core -o out/graph --memory 1",
		"csv":     "graph export graph --to csv -o out/csv",
		"parquet": "graph export graph --to parquet -o out/parquet",
		"page":    "graph view graph -o out/page",
	} {
		code, said := shell(t, dir, "ulimit -f 1; exec $0 "+line)
		last := strings.TrimSpace(said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:])
		if code != cli.ExitError || !strings.Contains(last, "out/"+name) && name != "graph" || !strings.Contains(last, "file too large") {
			t.Errorf("vscan %s: %d, %s", line, code, said)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if b, err := os.ReadFile(filepath.Join(dir, "out", e.Name())); err != nil || string(b) != "old\n" {
			t.Errorf("%s: %q, %v", e.Name(), b, err)
		}
	}
}

// A command that is killed, or interrupted, leaves what was there, or a whole file.
func TestKilledLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secretCore(t, dir)
	if code, said := shell(t, dir, `mkdir out && $0 graph build core -o graph && $0 graph export graph --to csv -o all`); code != 0 {
		t.Fatal(said)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "all"))
	if err != nil {
		t.Fatal(err)
	}
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	rnd := testenv.Rand(t)
	for i := range rounds {
		sent := []os.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM}[i%3]
		args := [][]string{{"graph", "export", "graph", "--to", "csv", "-o", fmt.Sprintf("out/csv%d", i)}, {"graph", "build", "core", "-o", fmt.Sprintf("out/graph%d", i)}, {"graph", "export", "graph", "--to", "parquet", "-o", fmt.Sprintf("out/parquet%d", i)}}[i/3%3]
		cmd := exec.Command(filepath.Join(dir, "bin", "vscan"), args...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rnd.IntN(60)) * time.Millisecond)
		cmd.Process.Signal(sent)
		cmd.Wait()
	}
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, "out", e.Name()))
		if err != nil || strings.HasPrefix(e.Name(), ".") || len(b) == 0 || strings.HasPrefix(e.Name(), "csv") && !bytes.Equal(b, whole) {
			t.Errorf("%s is left, %d bytes, %v", e.Name(), len(b), err)
		}
		if strings.HasPrefix(e.Name(), "graph") {
			if code, said := shell(t, dir, "$0 graph info out/"+e.Name()); code != 0 {
				t.Errorf("%s: %s", e.Name(), said)
			}
		}
	}
}
