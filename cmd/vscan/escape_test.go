package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"vscan/internal/wording"
)

// attacks are names that an image, a folder or a rule file has in order to do something to
// whoever looks at what is printed. Each stands for a way to do so.
func attacks() []string {
	return []string{
		"/x/\x1b]0;title\a", "/x/\x1b[31mred\x1b[0m", "/x/\u009b31m", "/x/\u202egpj.exe", "/x/\u2066i\u2069", "/x/two\nlines", "/x/cr\rcr", "/x/tab\ttab",
		"/x/a\xff", `/x/a\xff`, `/x/a\\xff`, "=cmd|'/C calc'!A0", "+1+1", "-1", "@SUM(1)", "\uff1dcmd", "\t=cmd", "\r=cmd", "/x/b \u2028\u2029", "/x/\U000e0041\U000e0042",
		"/x/v\ufe0f", "\u0301joins", "/x/z\u200b\u200d\ufeff", "[heap]\x7f", "/x/u\\u202e", "/x/&#27;&lt;<b>\"'", "/x/\xed\xa0\x80\xc0\x80",
		"/x/" + strings.Repeat("long\x1b", 800), "/x/ blank  blanks ",
	}
}

// attacked is files in a folder whose names, and what they hold, are attacks.
type attacked struct {
	dir, image, graph, raw, rules, list, plan, result string
	names                                             []string // of mappings
}

func newAttacked(t *testing.T) attacked {
	t.Helper()
	a := attacked{dir: t.TempDir(), names: attacks()}
	file := func(name, text string) string {
		path := filepath.Join(a.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Skipf("files cannot have such names here: %v", err)
		}
		return path
	}
	var spec strings.Builder
	for i, name := range a.names {
		q := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprintf("%q", name), " ", `\x20`), "\u00a0", `\u00a0`)
		fmt.Fprintf(&spec, "%#x %s %s 0010000000000000 %x00 0020000000000000\n", 0x1000*(i+1), []string{"rw-", "r-x", "-w-"}[i%3], q, "SECRET\x1b]0;x\a\u202e\u009b=1\xff")
	}
	core, err := makeCore(spec.String())
	if err != nil {
		t.Fatal(err)
	}
	nasty := "\x1b]0;t\a\u202e\u009b\n\xff\\xff=1"
	a.image = file("core"+nasty, string(core))
	a.raw = file("=raw"+nasty, strings.Repeat("0123SECRET\x1b[31m\tafter a tab, \u202e", 10))
	a.graph = filepath.Join(a.dir, "graph"+nasty)
	a.plan, a.result = filepath.Join(a.dir, "plan"+nasty), filepath.Join(a.dir, "result"+nasty)
	a.list = file("list"+nasty, "SECRET\x1b]0;x\a\nSECRET\n\u202etext\n=cmd\nhex:5345\n")
	a.rules = file("rules"+nasty+".yar", "rule r { meta: m = \"\\x1b]0;\u202e\x1b[31m\xff\" strings: $a = \"SECRET\" condition: $a }\n"+
		"rule left_out { strings: $a = \"\x1b[31m\" condition: nowhere.\x1b[31m }\nrule slow { strings: $a = { 00 00 } condition: $a }\n")
	return a
}

// attackedCommand is a command line, and how its output is to be read.
type attackedCommand struct {
	args  []string
	form  string // text, csv, jsonl, parquet, dot, xml, html; raw: bytes as they are
	names bool   // the output has all names of mappings
	wrong bool   // the arguments may be an error
}

func (a *attacked) commands() (all []attackedCommand) {
	for _, o := range []string{"text", "jsonl", "csv"} {
		add := func(names bool, args ...string) {
			all = append(all, attackedCommand{args: append(args, "-o", o), form: o, names: names})
		}
		add(true, "map", a.image)
		if o != "csv" {
			add(false, "info", a.image, a.raw)
		}
		add(true, "find", "hex:534543524554", a.image, "-H", "-C", "3")
		add(false, "find", "-f", a.list, "-e", "SECRET\x1b]0;x\a", "-e", "\xff", "-e", `\xff`, "-e", "re:S.{0,4}\xff?", a.image, a.raw, "--stats", "--progress", "always")
		add(false, "find", "-c", "-f", a.list, a.raw)
		add(true, "find", "-f", a.rules, a.image)
		add(false, "find", "-f", a.rules, "--rule-scope", "mapping", a.image)
		add(false, "strings", a.image, a.raw)
		add(false, "strings", "--encoding", "all", a.raw)
		add(true, "refs", a.image, "0x1000")
		add(false, "task", "stitch", a.plan, a.result, a.list)
		add(true, "graph", "to", a.graph, "0x1000")
		add(false, "graph", "from", a.graph, "0x1000")
		add(false, "graph", "chains", a.graph, "0x1000", "--roots", "mapped")
		add(false, "graph", "chains", a.graph, "0x1000", "--roots", "mapped", "-c")
		add(false, "graph", "top", a.graph, "--by", "region")
		add(false, "graph", "top", a.graph)
		add(false, "graph", "reach", a.graph)
		add(false, "graph", "reach", a.graph, "--show", "unreferenced")
		add(false, "graph", "reach", a.graph, "--show", "components")
		add(true, "graph", "info", a.graph, a.image, "-m", "1000")
		for _, show := range []string{"retained", "heads", "leaked", "all"} {
			add(false, "graph", "objects", a.graph, a.image, "--show", show)
		}
		add(false, "graph", "objects", a.graph, a.image, "--summary")
		if o != "csv" {
			add(false, "rules", "check", a.rules)
		}
	}
	text := func(args ...string) { all = append(all, attackedCommand{args: args, form: "text"}) }
	nasties := func(args ...string) { all = append(all, attackedCommand{args: args, form: "text", wrong: true}) }
	text("find", "SECRET", a.image, a.raw, "-l")
	text("find", "nowhere", a.image, a.raw, "-L")
	text("find", "-f", a.list, "-e", "\x1b]0;", "--explain", a.image)
	text("find", "-f", a.rules, "--explain", a.image)
	text("map", "--layers", a.image, "--map", a.raw+"@0x1000", "--under", a.raw+"@0x100000")
	text("find", "SECRET", "-r", a.dir)
	for _, as := range []string{"hexdump", "hex", "cstring", "u8", "ptr"} {
		text("read", a.image, "0x1008", "--as", as)
	}
	text("read", a.image, "0x1000 -> +0x0")
	for _, nasty := range []string{"\x1b]0;t\a", "\u202e", "\u009b31m", "a\nb\rc\td", "\xff", "-\x1b[31m", "--\x1b[31m\u202e", "\ufe0f", strings.Repeat("x\x1b", 2000)} {
		nasties(nasty)
		nasties("help", nasty)
		nasties("find", nasty)
		nasties("find", "x", nasty)
		nasties("find", "hex:"+nasty, a.raw)
		nasties("find", "re:("+nasty, a.raw)
		nasties("find", "u32:"+nasty, a.raw)
		nasties("find", "SECRET", a.image, "--in", nasty)
		nasties("find", "SECRET", a.image, "--range", nasty)
		nasties("find", "SECRET", a.image, "--range", nasty+"+1")
		nasties("find", "SECRET", a.image, "-o", nasty)
		nasties("find", "SECRET", a.image, "--map", nasty)
		nasties("find", "SECRET", a.image, "--align", nasty)
		nasties("find", "SECRET", a.image, "-m", nasty)
		nasties("find", "SECRET", a.image, "--set", nasty)
		nasties("find", "SECRET", a.image, "--kernel", nasty)
		nasties("find", "-f", nasty, a.image)
		nasties("find", "SECRET", "pid:"+nasty)
		nasties("find", "SECRET", a.raw+"@"+nasty)
		nasties("find", "--"+nasty, "x")
		nasties("find", "-f", a.rules, "-d", nasty+"=1", a.image)
		nasties("sets", nasty)
		nasties("kernels", nasty)
		nasties("completion", nasty)
		nasties("__complete", "find", nasty)
		nasties("__complete", "find", "--"+nasty)
		nasties("__complete", nasty, nasty)
		nasties("read", a.image, nasty)
		nasties("read", a.image, nasty+"+1")
		nasties("refs", a.image, "@"+nasty)
		nasties("rules", "check", nasty)
		nasties("graph", nasty)
		nasties("graph", "to", a.graph, nasty)
		nasties("graph", "to", nasty, "0x10")
		nasties("graph", "chains", a.graph, "0x1000", "--roots", nasty)
		nasties("graph", "export", a.graph, "--to", nasty)
		nasties("graph", "build", a.image, "-o", filepath.Join(a.dir, "no", nasty))
		nasties("graph", "info", a.raw)
		nasties("task", "plan", nasty, a.raw, "-o", filepath.Join(a.dir, "no", nasty))
		nasties("task", "plan", "x", nasty, "-o", filepath.Join(a.dir, "a.plan"))
		nasties("task", "run", a.plan, nasty, "-o", filepath.Join(a.dir, "a.result"))
		nasties("task", "run", nasty, "0", "-o", filepath.Join(a.dir, "a.result"))
		nasties("task", "stitch", a.plan, nasty)
	}
	for _, to := range []string{"csv", "jsonl", "parquet"} {
		all = append(all, attackedCommand{args: []string{"graph", "export", a.graph, "--to", to}, form: to, names: true})
	}
	for to, form := range map[string]string{"dot": "dot", "graphml": "xml"} {
		all = append(all, attackedCommand{args: []string{"graph", "export", a.graph, "--to", to, "--target", "0x1000", "--hops", "3"}, form: form})
	}
	for _, args := range [][]string{{"--help"}, {"find", "--help"}, {"version"}, {"sets"}, {"sets", "secrets"}, {"kernels"}, {"demo"}, {"help", "patterns"}} {
		text(args...)
	}
	return all
}

// disobeyed returns the first character of output that a terminal would obey or hide, or
// that is not text.
func disobeyed(b []byte, tabs bool) string {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r != '\n' && !(tabs && r == '\t') && !wording.Shows(r) {
			return fmt.Sprintf("%q in %q", b[i:i+n], b[max(0, i-60):min(len(b), i+20)])
		}
		i += n
	}
	return ""
}

// Nothing that an image, a file or an argument is called gets to a terminal, a spreadsheet
// or another program as anything but text, in any command and any format, and every name can be
// told from what is printed.
func TestNothingIsObeyed(t *testing.T) {
	keepTables(t)
	a := newAttacked(t)
	build := append(a.commandsBefore(), a.commands()...)
	for _, c := range build {
		var stdout, stderr bytes.Buffer
		code := run(c.args, strings.NewReader(""), &stdout, &stderr)
		if code == 2 && !c.wrong {
			t.Errorf("vscan %.200q: %s", c.args, stderr.String())
		}
		if what := disobeyed(stderr.Bytes(), bytes.Contains(stderr.Bytes(), []byte("\n\t"))); what != "" {
			t.Errorf("vscan %.200q: standard error has %s", c.args, what)
		}
		out := stdout.Bytes()
		if c.form == "parquet" {
			said := map[string]bool{}
			for _, row := range tableRows(t, out) {
				for _, value := range row {
					if name, isText := value.(string); isText {
						if what := disobeyed([]byte(name), false); what != "" {
							t.Errorf("parquet has %s", what)
						}
					}
				}
				said[wording.Unescape(row["src_mapping"].(string))] = true
			}
			for _, name := range a.names {
				if !said[name] {
					t.Errorf("parquet lacks %.60q", name)
				}
			}
			continue
		}
		if what := disobeyed(out, c.form == "text" || c.form == "dot"); what != "" {
			t.Errorf("vscan %.200q: standard output has %s", c.args, what)
		}
		said := a.read(t, c, out)
		if !c.names {
			continue
		}
		for _, name := range a.names {
			whole := slices.Contains(said, name) || c.form == "text" && slices.ContainsFunc(said, func(s string) bool {
				return s == wording.ShortName(name) || strings.HasPrefix(s, wording.ShortName(name)+"+0x")
			})
			if !whole {
				t.Errorf("vscan %.200q: no %.100q", c.args, name)
			}
		}
	}
	for _, name := range []string{a.image, a.graph} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// commandsBefore are the commands that others need the files of.
func (a *attacked) commandsBefore() []attackedCommand {
	return []attackedCommand{
		{args: []string{"graph", "build", a.image, "-o", a.graph, "--stats", "--progress", "always"}, form: "text"},
		{args: []string{"task", "plan", "-f", a.rules, "-f", a.list, "-e", "\xff", "-m", "20", a.image, a.raw, "-o", a.plan}, form: "text"},
		{args: []string{"task", "run", a.plan, "0", "-o", a.result, "--progress", "always"}, form: "text"},
	}
}

// read returns the texts in an output, unescaped, after it has checked its form.
func (a *attacked) read(t *testing.T, c attackedCommand, out []byte) (said []string) {
	t.Helper()
	switch c.form {
	case "csv":
		rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
		if err != nil {
			t.Errorf("vscan %.200q: %v", c.args, err)
		}
		if n := bytes.Count(out, []byte("\n")); n != len(rows) {
			t.Errorf("vscan %.200q: %d rows in %d lines", c.args, len(rows), n)
		}
		for _, row := range rows {
			for _, cell := range row {
				if first, _ := utf8.DecodeRuneInString(cell); strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", first) {
					t.Errorf("vscan %.200q: the cell %.60q", c.args, cell)
				}
				said = append(said, wording.Unescape(strings.TrimPrefix(cell, "'")))
			}
		}
	case "jsonl":
		for line := range strings.Lines(string(out)) {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Errorf("vscan %.200q: %v: %.200s", c.args, err, line)
			}
			escaped, _ := object["escaped"].([]any)
			for key, value := range object {
				text, isText := value.(string)
				if !isText {
					continue
				}
				if slices.Contains(escaped, any(key)) {
					text = wording.Unescape(text)
				}
				said = append(said, text)
			}
		}
	case "text":
		for line := range strings.Lines(string(out)) {
			for _, field := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
				said = append(said, wording.Unescape(field))
			}
		}
	case "xml":
		for d := xml.NewDecoder(bytes.NewReader(out)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("vscan %.200q: %v", c.args, err)
			}
		}
	case "dot":
		if m := regexp.MustCompile(`&(?:#|lt;)`).Find(out); m != nil {
			t.Errorf("vscan %.200q: a reference to a character, %s", c.args, m)
		}
	}
	return said
}

// Files that are written are as safe as what goes to standard output.
func TestNothingIsObeyedInFiles(t *testing.T) {
	a := newAttacked(t)
	for _, args := range [][]string{
		{"graph", "build", a.image, "-o", a.graph},
		{"graph", "view", a.graph, "-o", filepath.Join(a.dir, "page.html")},
		{"find", "-e", "SECRET\x1b", "-e", "\xff", "-e", `\xff`, a.image, "--summary", filepath.Join(a.dir, "summary")},
	} {
		var out, complaints bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &complaints); code > 1 {
			t.Fatalf("vscan %.200q: %d, %s", args, code, complaints.String())
		}
	}
	page, err := os.ReadFile(filepath.Join(a.dir, "page.html"))
	if err != nil {
		t.Fatal(err)
	}
	if what := disobeyed(page, true); what != "" {
		t.Errorf("the page has %s", what)
	}
	summary, err := os.ReadFile(filepath.Join(a.dir, "summary"))
	if what := disobeyed(summary, false); what != "" || err != nil {
		t.Errorf("the summary has %s, %v", what, err)
	}
	var s struct {
		Counts  map[string]int
		Escaped []string
	}
	if err := json.Unmarshal(summary, &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SECRET\x1b", "\xff", `\xff`} {
		if _, ok := s.Counts[wording.EscapeBytes(name)]; !ok || !slices.Contains(s.Escaped, "counts") {
			t.Errorf("%q: %+v", name, s)
		}
	}
}

// What map prints of a name is taken as that name.
func TestPrintedNamesAreTaken(t *testing.T) {
	a := newAttacked(t)
	vscan(t, []int{0}, "graph", "build", a.image, "-o", a.graph)
	out := vscan(t, []int{0}, "map", a.image)
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(a.names) {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		column := strings.Split(line, "\t")
		first, name := column[0], column[5]
		if wording.Unescape(name) != a.names[i] {
			t.Errorf("%q, want %q", name, a.names[i])
		}
		for _, args := range [][]string{
			{"find", "hex:534543524554", a.image, "-o", "csv", "--in=" + name},
			{"find", "hex:534543524554", a.image, "-o", "csv", "--range=" + name + "+0..", "-m", "1"},
			{"find", "hex:534543524554", a.image, "-o", "csv", "--range=" + name + "+0x0+0x20"},
		} {
			rows, err := csv.NewReader(bytes.NewReader(vscan(t, []int{0}, args...))).ReadAll()
			if err != nil || len(rows) != 2 || rows[1][1] != fmt.Sprintf("%#x", 0x1000*(i+1)+8) {
				t.Errorf("vscan %.200q: %.200q, %v", args, rows, err)
			}
		}
		hex := vscan(t, []int{0}, "read", "--as", "u64", a.image, "--", name+"+0x0", "8")
		if got, _, _ := strings.Cut(string(hex), "\t"); got != first {
			t.Errorf("read %.100q: %s, want %s", name, got, first)
		}
		for _, args := range [][]string{{"refs", a.image, "--", "@" + name}, {"graph", "to", a.graph, "--", "@" + name}, {"graph", "from", a.graph, "--", "@" + name}} {
			var stdout, stderr bytes.Buffer
			if code := run(args, strings.NewReader(""), &stdout, &stderr); code > 1 {
				t.Errorf("vscan %.200q: %s", args, stderr.String())
			}
		}
	}
}
