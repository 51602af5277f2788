package engine_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports has the packages of vscan that a package may import. A package that is not
// listed may import none.
var imports = map[string][]string{
	"vscan/engine/segtree":       {"addr", "interrupt"},
	"vscan/engine/shard":         {"segtree", "addr"},
	"vscan/engine/simd":          {"addr"},
	"vscan/engine/simd/sets":     {"simd", "interrupt"},
	"vscan/engine/simd/simdtest": {"testenv"}, // for tests
	"vscan/patterns":             {"automaton", "addr", "budget"},
	"vscan/patterns/automaton":   {"simd"}, // to find bytes of a set
	"vscan/patterns/sets":        {"patterns"},
	"vscan/patterns/yara":        {"patterns", "automaton", "interrupt", "addr", "budget"}, // its regular expressions are not RE2's
	"vscan/engine":               {"segtree", "shard", "simd", "sets", "patterns", "interrupt", "addr", "budget"},
	"vscan/internal/mmap":        {"memlimit"}, // a mapped file counts as address space
	"vscan/internal/interrupt":   nil,
	"vscan/internal/memlimit":    nil,
	"vscan/internal/throttle":    nil,
	"vscan/internal/nice":        nil,
	"vscan/engine/budget":        nil,
	"vscan/internal/testenv":     nil,                                      // for tests
	"vscan/engine/image":         {"engine", "patterns", "addr", "budget"}, // what patterns have to know of an image
	// Each format has a package, which stands on image, input and magic; formats is
	// the door.
	"vscan/engine/image/input":           {"image", "engine", "addr", "mmap", "interrupt", "outfile"}, // outfile: who may read a file
	"vscan/engine/image/magic":           {"image", "input"},
	"vscan/engine/image/blocks":          {"image", "input", "engine"}, // what formats share whose memory is packed
	"vscan/engine/image/raw":             {"image", "input", "engine", "addr"},
	"vscan/engine/image/lime":            {"image", "input", "magic", "blocks", "engine", "addr", "interrupt", "budget"}, // AVML compresses
	"vscan/engine/image/macho":           {"image", "input", "magic", "engine", "addr", "interrupt", "budget"},
	"vscan/engine/image/minidump":        {"image", "input", "magic", "elf", "proc", "engine", "addr", "interrupt", "budget"}, // elf, proc: maps of Linux, and where the names in them begin
	"vscan/engine/image/kdump":           {"image", "input", "magic", "blocks", "vmcoreinfo", "engine", "addr", "interrupt", "budget"},
	"vscan/engine/image/flattened":       {"image", "input", "magic", "kdump", "core", "elf", "engine", "addr", "interrupt"}, // what is flattened is a kdump or a core
	"vscan/engine/image/vmware":          {"image", "input", "magic", "raw", "engine", "addr", "interrupt"},                  // its memory is raw where it has no gaps
	"vscan/engine/image/windows":         {"image", "input", "magic", "engine", "addr"},
	"vscan/engine/image/zdmp":            {"image", "input", "magic", "blocks", "windows", "raw", "addr", "budget", "interrupt"}, // crash dumps are in it
	"vscan/engine/image/refused":         {"image", "magic", "addr"},
	"vscan/engine/image/elf":             {"image", "input", "magic", "raw", "engine", "addr", "interrupt", "budget"}, // a program that has no segments is raw
	"vscan/engine/image/core":            {"image", "input", "magic", "elf", "vmcoreinfo", "engine", "addr", "interrupt", "budget"},
	"vscan/engine/image/vmcoreinfo":      {"image"},
	"vscan/engine/image/proc":            {"image", "input", "elf", "engine", "addr", "interrupt"}, // programs tell the modules of a process, too
	"vscan/engine/image/formats":         {"image", "input", "magic", "raw", "lime", "macho", "minidump", "vmware", "windows", "zdmp", "packed", "refused", "elf", "core", "proc", "kdump", "flattened"},
	"vscan/engine/image/packed":          {"image", "input", "magic", "blocks", "engine", "interrupt", "memlimit"},                     // containers
	"vscan/engine/image/layer":           {"image", "input", "magic", "formats", "elf", "core", "engine", "addr", "wording", "budget"}, // formats: what is no memory is refused
	"vscan/engine/image/imagetest":       {"image", "input", "engine", "addr", "testenv"},                                              // for tests
	"vscan/engine/image/layered":         {"image", "formats", "layer", "where", "engine", "patterns", "addr", "budget"},
	"vscan/engine/where":                 {"engine", "addr", "wording"}, // names are taken as they are printed
	"vscan/engine/search":                {"layered", "where", "engine", "simd", "patterns", "yara", "addr", "budget", "image"},
	"vscan/engine/sweep":                 {"search", "layered", "where", "identity", "image", "engine", "simd", "patterns", "yara", "addr", "budget", "interrupt"},
	"vscan/engine/sweep/summary":         {"state", "addr", "webpage", "wording", "outfile"},
	"vscan/engine/sweep/state":           {"addr", "wording", "outfile"},
	"vscan/engine/sweep/lines":           {"state", "interrupt", "wording", "addr"},
	"vscan/engine/sweep/lines/linestest": {"state", "addr"}, // for tests
	"vscan/engine/sweep/compare":         {"lines", "state", "interrupt", "addr", "budget"},
	// The state of a sweep knows nothing of searches: it keeps what it is given.
	"vscan/engine/sweep/local": {"state", "sweep", "search", "layered", "image", "engine", "simd", "addr", "budget", "wording"},
	// Edges are what a scan for ptr finds; words, ranges and levels are those of
	// engine.
	"vscan/engine/graph":                   {"heap", "identity", "engine", "patterns", "simd", "wording", "addr", "mmap", "interrupt", "budget", "outfile"},
	"vscan/engine/identity":                {"engine", "interrupt"},
	"vscan/internal/outfile":               nil, // all files that are written
	"vscan/internal/webpage":               nil, // what pages for a browser share
	"vscan/internal/testenv/pagetest":      nil, // for tests
	"vscan/internal/testenv/noticetest":    nil, // for tests
	"vscan/engine/graph/view":              {"graph", "webpage", "wording", "addr", "budget"},
	"vscan/engine/heap":                    {"engine", "addr", "interrupt", "budget"},
	"vscan/engine/heap/heaptest":           {"engine", "addr"},          // for tests
	"vscan/engine/graph/graphtest":         {"graph", "engine", "addr"}, // for tests
	"vscan/internal/wording":               {"addr"},
	"vscan/cmd/vscan/internal/console":     nil,
	"vscan/cmd/vscan/internal/consoletest": nil, // for tests
	"vscan/cmd/vscan/internal/report":      {"console", "wording", "search", "layered", "image", "engine", "patterns", "yara", "addr"},
	"vscan/cmd/vscan/internal/cli":         {"console", "outfile", "wording", "search", "layered", "where", "graph", "image", "formats", "engine", "patterns", "simd", "addr", "budget", "memlimit", "mmap"},
	"vscan/cmd/vscan/internal/graphcmd":    {"cli", "report", "console", "wording", "rowstream", "view", "graph", "heap", "layered", "where", "image", "engine", "simd", "addr", "budget", "outfile", "companion"},
	"vscan/cmd/vscan":                      {"sweep", "graphcmd", "cli", "outfile", "memlimit", "throttle", "nice", "interrupt", "report", "docs", "console", "wording", "search", "layered", "where", "image", "engine", "patterns", "sets", "yara", "simd", "addr", "budget", "summary", "state", "compare", "export", "companion", "local"},
	"vscan/cmd/vscan/internal/companion":   {"rowstream", "console"},
	"vscan/cmd/vscan/internal/export":      {"lines", "state", "report", "companion", "rowstream", "outfile", "wording", "addr", "interrupt"},
	"vscan/docs":                           nil,
	// Programs beside vscan get tables from it, and know nothing of memory. Each is a module of
	// its own (programs).
	"vscan/cmd/vscan-parquet":                      {"parquetfile", "rowstream"},
	"vscan/cmd/vscan-parquet/internal/parquetfile": {"rowstream"},
	"vscan/bench":      {"image", "formats", "mmap", "engine", "patterns", "simd", "addr", "spin"},
	"vscan/bench/ways": {"spin"},
}

// dependencies has the packages of vscan that may import a package from outside.
// Tests may import any.
var dependencies = map[string][]string{
	"golang.org/x/sync/errgroup":          {"vscan/engine", "vscan/engine/graph"},
	"golang.org/x/sys/unix":               {"vscan/internal/mmap", "vscan/internal/outfile", "vscan/engine/image/proc", "vscan/engine/simd/simdtest", "vscan/cmd/vscan/internal/consoletest"},
	"pgregory.net/rapid":                  {"vscan/internal/testenv"}, // for tests
	"github.com/BobuSumisu/aho-corasick":  {"vscan/bench"},
	"github.com/hanwen/go-fuse/v2/fs":     {"vscan/engine/image/imagetest/fusetest", "vscan/bench/ways"}, // for tests, and for measuring
	"github.com/hanwen/go-fuse/v2/fuse":   {"vscan/engine/image/imagetest/fusetest", "vscan/bench/ways"}, // for tests, and for measuring
	"github.com/klauspost/cpuid/v2":       {"vscan/engine/simd"},
	"modernc.org/sqlite":                  {"vscan/engine/sweep/state", "vscan/cmd/vscan/internal/export"},
	"modernc.org/sqlite/lib":              {"vscan/engine/sweep/state", "vscan/cmd/vscan/internal/export"},
	"github.com/klauspost/compress/zstd":  {"vscan/engine/sweep/state", "vscan/engine/image/kdump", "vscan/engine/image/packed", "vscan/engine/image/imagetest"}, // imagetest: for tests
	"github.com/klauspost/compress/zlib":  {"vscan/engine/image/kdump", "vscan/engine/image/packed"},
	"github.com/klauspost/compress/s2":    {"vscan/engine/image/kdump", "vscan/engine/image/lime", "vscan/engine/image/packed", "vscan/engine/image/imagetest"},
	"github.com/anchore/go-lzo":           {"vscan/engine/image/kdump"},
	"github.com/parquet-go/parquet-go":    {"vscan/cmd/vscan-parquet/internal/parquetfile"},
	"github.com/spf13/cobra":              {"vscan/cmd/vscan", "vscan/cmd/vscan/internal/cli", "vscan/cmd/vscan/internal/graphcmd"},
	"github.com/spf13/pflag":              {"vscan/cmd/vscan", "vscan/cmd/vscan/internal/cli"},
	"golang.org/x/term":                   {"vscan/cmd/vscan/internal/cli", "vscan/cmd/vscan/internal/console"},
	"github.com/klauspost/compress/flate": {"vscan/engine/image/packed"},
	"github.com/klauspost/compress/gzip":  {"vscan/engine/image/packed"},
	"github.com/pierrec/lz4/v4":           {"vscan/engine/image/packed"},
	"github.com/therootcompany/xz":        {"vscan/engine/image/packed"},
}

// Imports run one way.
func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "windows"} {
		cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "vscan/...")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p struct {
				ImportPath string
				Imports    []string
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(p.ImportPath, "/testdata/") {
				continue
			}
			for _, i := range p.Imports {
				checkImport(t, p.ImportPath, i)
			}
		}
	}
}

// programs are the folders, below the top one, of programs beside vscan that are modules of their
// own: who uses vscan as a library gets none of what they require, and its tests compile none of it.
var programs = []string{"cmd/vscan-parquet"}

// Imports run one way in modules of their own, too. Their files are read, for go list would want
// the modules that they require.
func TestImportsOfPrograms(t *testing.T) {
	for _, program := range programs {
		for _, file := range goFiles(t, os.DirFS("../"+program), false) {
			f, err := parser.ParseFile(token.NewFileSet(), "../"+program+"/"+file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				to, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				checkImport(t, path.Join("vscan", program, path.Dir(file)), to)
			}
		}
	}
}

// A module of its own has the version of Go that vscan has and the same versions of all that both require, so that
// what is tested there is what vscan uses, and nothing is compiled twice. What it alone requires, vscan
// does not have in its go.sum.
func TestModulesAgree(t *testing.T) {
	vscan := readModule(t, "..")
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		m := readModule(t, "../"+program)
		if m.Go != vscan.Go || m.Toolchain != vscan.Toolchain {
			t.Errorf("%s: go %s %s, and vscan has go %s %s", program, m.Go, m.Toolchain, vscan.Go, vscan.Toolchain)
		}
		if m.Module.Path != "vscan/"+program {
			t.Errorf("%s is the module %s", program, m.Module.Path)
		}
		for other, version := range m.versions() {
			if want, both := vscan.versions()[other]; both && version != want {
				t.Errorf("%s requires %s %s, and vscan %s", program, other, version, want)
			} else if !both && other != "vscan" && strings.Contains(string(sums), "\n"+other+" ") {
				t.Errorf("%s requires %s, and vscan, which does not, has a sum of it: go mod tidy", program, other)
			}
		}
	}
}

// module is what a go.mod says.
type module struct {
	Module        struct{ Path string }
	Go, Toolchain string
	Require       []struct{ Path, Version string }
}

func readModule(t *testing.T, folder string) (m module) {
	t.Helper()
	edit := exec.Command("go", "mod", "edit", "-json")
	edit.Dir = folder
	out, err := edit.Output()
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// versions returns the versions that a module requires of others, by their paths.
func (m module) versions() map[string]string {
	all := map[string]string{}
	for _, r := range m.Require {
		all[r.Path] = r.Version
	}
	return all
}

func checkImport(t *testing.T, from, to string) {
	if strings.HasPrefix(to, "vscan/") {
		if !slices.Contains(imports[from], to[strings.LastIndexByte(to, '/')+1:]) {
			t.Errorf("%s imports %s: may import %v; see ARCHITECTURE.md, or add it here with a reason", from, to, imports[from])
		}
		return
	}
	first, _, _ := strings.Cut(to, "/")
	if strings.Contains(first, ".") && !slices.Contains(dependencies[to], from) {
		t.Errorf("%s imports %s: only %v may", from, to, dependencies[to])
	}
	if to == "C" {
		t.Errorf("%s uses cgo", from)
	}
}

// What vscan links is what every start of it costs, whichever command is run. SQLite and zstd,
// which the state of sweeps needs, cost 1 ms and 6 MB of program.
func TestLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "vscan/cmd/vscan").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, no := range []string{"github.com/parquet-go", "google.golang.org/protobuf", "net/http", "crypto/tls"} {
			if p == no || strings.HasPrefix(p, no+"/") {
				t.Errorf("vscan links %s: put what needs it into a program beside vscan", p)
			}
		}
	}
}

// One file imports cpuid, and libraries neither print nor exit nor read flags; they
// read no environment variable but VSCAN_KERNEL.
func TestSources(t *testing.T) {
	rules := []struct {
		what   string
		re     *regexp.Regexp
		except string // files where it may be
	}{
		{"asks cpuid", regexp.MustCompile(`klauspost/cpuid`), `^simd/cpu\.go$`},
		{"prints", regexp.MustCompile(`\bfmt\.Print|os\.Stdout|os\.Stderr|\bprintln\(`), `^simd/mk(rank|code)\.go$`},
		{"exits", regexp.MustCompile(`os\.Exit|log\.Fatal`), `^simd/mk(rank|code)\.go$`},
		{"reads flags", regexp.MustCompile(`"flag"`), `^simd/mk(rank|code)\.go$`},
		{"reads the environment", regexp.MustCompile(`os\.(Getenv|LookupEnv|Environ)`), `^simd/(level|simdtest/simdtest)\.go$`},
		{"uses debug/elf", regexp.MustCompile(`"debug/elf"`), `^simd/mkcode\.go$`},
	}
	for _, root := range []string{".", "../patterns"} {
		fsys := os.DirFS(root)
		for _, file := range goFiles(t, fsys, false) {
			text, err := os.ReadFile(root + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rules {
				if r.re.Match(text) && !regexp.MustCompile(r.except).MatchString(file) {
					t.Errorf("%s/%s %s", root, file, r.what)
				}
			}
		}
	}
}

// Files are written by outfile alone: it knows what may be written over, who may read what is
// written, and how nothing of it is left when it was not to be.
func TestWritesFiles(t *testing.T) {
	writes := regexp.MustCompile(`\bos\.(Create|CreateTemp|WriteFile|Rename|Link|Symlink|Truncate|Chmod|Mkdir|MkdirAll|MkdirTemp|Remove|RemoveAll)\(|\bos\.OpenFile\([^)]*\bO_(WRONLY|RDWR|CREATE|TRUNC|APPEND)|\bioutil\.|\bunix\.(Open|Openat|Creat|Linkat|Renameat)\(|\bsyscall\.(Open|Creat|Rename|Link)\(`)
	except := regexp.MustCompile(`^(internal/outfile/|bench/|engine/simd/mk(rank|code)\.go$|engine/image/imagetest/|engine/heap/heaptest/|engine/graph/graphtest/|engine/simd/simdtest/|cmd/vscan/internal/consoletest/|internal/testenv/)`)
	for _, file := range goFiles(t, os.DirFS(".."), false) {
		text, err := os.ReadFile("../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if what := writes.Find(text); what != nil && !except.MatchString(file) {
			t.Errorf("%s: %s: files are written by internal/outfile", file, what)
		}
	}
}

// No test passes or fails by the clock: tests count what is done, and a limit of
// time, of a minute or more, only guards against a hang. Benchmarks may measure time.
func TestNoTestComparesTime(t *testing.T) {
	files := token.NewFileSet()
	for _, file := range goFiles(t, os.DirFS(".."), true) {
		f, err := parser.ParseFile(files, "../"+file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range clockComparisons(f) {
			t.Errorf("%v: compares how long something took: count what is done instead", files.Position(at))
		}
	}
}

// goFiles returns the Go files below fsys that are tests, or those that are not.
func goFiles(t *testing.T, fsys fs.FS, tests bool) (files []string) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && strings.HasSuffix(path, "_test.go") == tests {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// The places in the code that the documents for makers name are there.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	place := regexp.MustCompile("`((?:internal|engine|patterns|cmd|docs|bench)/[A-Za-z0-9_./-]+)`")
	for _, name := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		named := place.FindAllSubmatch(text, -1)
		if len(named) == 0 {
			t.Errorf("%s names no place", name)
		}
		for _, m := range named {
			if _, err := os.Stat("../" + string(m[1])); err != nil {
				t.Errorf("%s names %s: %v", name, m[1], err)
			}
		}
	}
}
