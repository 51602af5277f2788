package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph/graphtest"
)

// gameGraph returns a graph of a program whose data lie 0x5000 above its load base,
// with a word at +0x5150 that refers to an object, which refers back. It has a mapping,
// too, that begins in the middle of a page and of a unit.
func gameGraph(t *testing.T) string {
	t.Helper()
	mapping := func(name string, first addr.Addr, size int, offset uint64, words map[addr.Addr]uint64) engine.Mapping {
		b := make([]byte, size)
		for at, v := range words {
			addr.Little.PutUint(b[at-first:at-first+8], v)
		}
		m, err := engine.BytesMapping(name, first, b)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm, m.NameOffset, m.File = engine.PermKnown|engine.PermRead|engine.PermWrite, offset, strings.HasPrefix(name, "/")
		return m
	}
	return graphtest.File(t,
		mapping("/opt/game", 0x400000, 0x1000, 0, nil),
		mapping("/opt/game", 0x405000, 0x1000, 0x5000, map[addr.Addr]uint64{0x405150: 0x10010}),
		mapping("[heap]", 0x10000, 0x1000, 0, map[addr.Addr]uint64{0x10010: 0x405150, 0x10018: 0x20038}),
		mapping("late", 0x20038, 0x100, 0, map[addr.Addr]uint64{0x20048: 0x10010}),
	)
}

// A word has the same offset in its module in all outputs.
func TestOnePlaceEverywhere(t *testing.T) {
	keepTables(t)
	g := gameGraph(t)
	page := filepath.Join(t.TempDir(), "page.html")
	text := func(args ...string) string { return string(vscan(t, []int{0}, append([]string{"graph"}, args...)...)) }
	text("view", g, "-o", page, "--target", "0x10010")
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	place := `game\+0x5150`
	for name, c := range map[string]struct{ out, want string }{
		"top":            {text("top", g), place + `|0x5150`},
		"top -o jsonl":   {text("top", g, "-o", "jsonl"), `"module":"/opt/game","module_offset":"0x5150"`},
		"top --by page":  {text("top", g, "--by", "page"), `0x20000\t4096\tlate\t-0x38\n`},
		"to":             {text("to", g, "0x10010"), place},
		"to -o jsonl":    {text("to", g, "0x10010", "-o", "jsonl"), `"src_module":"/opt/game","src_module_offset":"0x5150"`},
		"to -o csv":      {text("to", g, "0x10010", "-o", "csv"), `,/opt/game,0x5150,`},
		"to by its name": {text("to", g, "game+0x5150"), place},
		"from":           {text("from", g, "game"), place},
		"from by name":   {text("from", g, "game+0x5150"), place},
		"chains":         {text("chains", g, "0x10010"), `(?m)^` + place},
		"chains -o csv":  {text("chains", g, "0x10010", "-o", "csv"), `(?m)^/opt/` + place},
		"export csv":     {text("export", g, "--to", "csv"), `,/opt/game,0x5150,`},
		"export jsonl":   {text("export", g, "--to", "jsonl"), `"src_module":"/opt/game","src_module_offset":"0x5150"`},
		"dot":            {text("export", g, "--to", "dot", "--target", "0x10010", "--unit", "8"), `label="` + place + `\\n0x405150"`},
		"dot, larger":    {text("export", g, "--to", "dot", "--target", "0x10010"), `label="game\+0x5140\\n0x405140"`},
		"dot, before":    {text("export", g, "--to", "dot", "--target", "0x10010"), `label="late-0x38\\n0x20000"`},
		"graphml":        {text("export", g, "--to", "graphml", "--target", "0x10010", "--unit", "8"), `<data key="addr">0x405150</data><data key="label">` + place + `<`},
		"graphml before": {text("export", g, "--to", "graphml", "--target", "0x10010"), `<data key="label">late-0x38<`},
	} {
		if !regexp.MustCompile(c.want).MatchString(c.out) {
			t.Errorf("%s: no %q in\n%s", name, c.want, c.out)
		}
	}
	checkPage(t, html)

	rows := tableRows(t, []byte(text("export", g, "--to", "parquet")))
	found := false
	for _, r := range rows {
		found = found || r["src"] == uint64(0x405150) && r["src_module"] == "/opt/game" && r["src_module_offset"] == uint64(0x5150)
	}
	if !found {
		t.Errorf("parquet: %+v", rows)
	}
}

// checkPage checks the places on the page of gameGraph: those in the tables, in the
// chains and in the picture, whose nodes are units.
func checkPage(t *testing.T, html []byte) {
	t.Helper()
	start := bytes.Index(html, []byte(`{"name":`))
	if start < 0 {
		t.Fatal("the page has no data")
	}
	var data struct {
		Targets, Pages, Nodes []struct{ Addr, Place string }
		Chains                []struct {
			Base  string
			Words []string
		}
	}
	if err := json.NewDecoder(bytes.NewReader(html[start:])).Decode(&data); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"0x405150": "game+0x5150", "0x10010": "[heap]+0x10", "0x20000": "late-0x38", "0x405140": "game+0x5140", "0x405000": "game+0x5000", "0x10000": "[heap]+0x0", "0x20040": "late+0x8"}
	seen := map[string]bool{}
	check := func(where, at, place string) {
		t.Helper()
		seen[at] = true
		if want[at] != "" && want[at] != place {
			t.Errorf("%s: %s is %s, want %s", where, at, place, want[at])
		}
	}
	for _, r := range append(data.Targets, data.Pages...) {
		check("table", r.Addr, r.Place)
	}
	for _, n := range data.Nodes {
		check("picture", n.Addr, n.Place)
	}
	for _, c := range data.Chains {
		if c.Words[0] == "0x405150" && c.Base != "game+0x5150" {
			t.Errorf("chain: %s is %s", c.Words[0], c.Base)
		}
	}
	for at := range want {
		if !seen[at] {
			t.Errorf("the page does not show %s: %+v", at, data.Nodes)
		}
	}
}
