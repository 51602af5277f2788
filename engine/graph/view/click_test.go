package view

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/graph/graphtest"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/internal/testenv/pagetest"
)

// clickTask is what click.mjs is told.
type clickTask struct {
	Name string `json:"name"`
	Page string `json:"page"`
	pagetest.Tools
	Shots    string      `json:"shots"` // where pictures go, if anywhere
	Title    string      `json:"title"`
	Edges    uint64      `json:"edges"`
	Regions  int         `json:"regions"`
	Vague    bool        `json:"vague"` // some pages are not known
	Busiest  uint64      `json:"busiest"`
	Targets  int         `json:"targets"`
	TopEdges uint64      `json:"topEdges"`
	TopAddr  string      `json:"topAddr"`
	Chains   int         `json:"chains"`
	Cells    []clickCell `json:"cells"`
}

// clickCell is a cell of the heat map, and how to get there from the first pages
// of two regions.
type clickCell struct {
	From       string `json:"from"`
	To         string `json:"to"`
	FromRegion string `json:"fromRegion"`
	ToRegion   string `json:"toRegion"`
	Down       uint64 `json:"down"`
	Right      uint64 `json:"right"`
	Edges      uint64 `json:"edges"`
}

// clicks clicks through the page of a graph. room is that of the heat map.
func clicks(t *testing.T, tools pagetest.Tools, name, path string, room int) {
	g, err := graph.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	v, err := newPage(t.Context(), g, Options{Name: path}, room)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	task := clickTask{
		Name: name, Page: filepath.Join(dir, "page.html"), Tools: tools, Title: filepath.Base(path),
		Edges: g.Edges(), Regions: len(v.data.Regions), Vague: v.data.Heat.Exact < g.Edges(), Chains: len(v.data.Chains),
		Targets: len(v.data.Targets), TopEdges: v.data.Targets[0].Edges, TopAddr: v.data.Targets[0].Addr,
	}
	if to := os.Getenv("VSCAN_PAGE_SHOTS"); to != "" {
		task.Shots = filepath.Join(to, name)
	}
	writePage(t, task.Page, v.write)
	info, err := os.Stat(task.Page)
	if err != nil || info.Size() > 5e6 {
		t.Fatalf("%v; %v", info, err)
	}
	t.Logf("%s: %d bytes, %d of %d references are known to the page", name, info.Size(), v.data.Heat.Exact, g.Edges())

	// Cells to look at: those with most edges, others, and empty ones.
	counts := map[[2]addr.Addr]uint64{}
	for e, err := range g.To(addr.All) {
		if err != nil {
			t.Fatal(err)
		}
		counts[[2]addr.Addr{e.Source &^ (pageBytes - 1), e.Target &^ (pageBytes - 1)}]++
	}
	var cells [][2]addr.Addr
	for c := range counts {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b [2]addr.Addr) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), slices.Compare(a[:], b[:]))
	})
	task.Busiest = counts[cells[0]]
	look := slices.Clone(cells[:min(5, len(cells))])
	for i := range 20 {
		look = append(look, cells[len(cells)*i/20])
		c := cells[len(cells)*i/20]
		look = append(look, [2]addr.Addr{c[0], cells[len(cells)*(19-i)/20][1]}) // mostly empty
	}
	regions := g.Regions()
	for _, c := range look {
		// Only what is some arrow keys away, in memory without gaps.
		i, j := g.RegionAt(c[0]), g.RegionAt(c[1])
		if i < 0 || j < 0 || regions[i].First%pageBytes > 0 || regions[j].First%pageBytes > 0 {
			continue
		}
		down, right, ok := v.keys(regions[i].First, c[0]), v.keys(regions[j].First, c[1]), true
		for _, k := range []int{i, j} {
			ok = ok && regions[k].Size() < 400*pageBytes
		}
		if !ok || down >= 400 || right >= 400 {
			continue
		}
		task.Cells = append(task.Cells, clickCell{c[0].String(), c[1].String(), regions[i].First.String(), regions[j].First.String(), down, right, counts[c]})
	}
	t.Logf("%s: %d cells are looked at", name, len(task.Cells))
	pagetest.Click(t, "testdata/page/click.mjs", task)
}

// keys is how many pages of the axis are from the first of a region to a page.
func (v *page) keys(region, page addr.Addr) uint64 {
	a := heatAxis{stretches: v.data.Axis}
	first := slices.IndexFunc(a.stretches, func(s stretch) bool { return s.Region == region.String() })
	near := 0
	if first < 0 {
		return 1 << 40
	}
	return a.place(page, &near) - a.stretches[first].From
}

// Everything on the page can be clicked, and tells what is so: a small graph,
// one with hubs, one that the page has no room for, and the memory of a Python
// process.
func TestViewClicks(t *testing.T) {
	tools := pagetest.Find(t)
	many := manyRegions(t)
	t.Run("small", func(t *testing.T) {
		t.Parallel()
		words := func(name string, at addr.Addr, perm engine.Perm, values ...uint64) engine.Mapping {
			b := make([]byte, 8*len(values))
			for i, v := range values {
				addr.Little.PutUint(b[8*i:8*i+8], v)
			}
			m, err := engine.BytesMapping(name, at, b)
			if err != nil {
				t.Fatal(err)
			}
			m.Perm = perm | engine.PermKnown
			return m
		}
		small := graphtest.File(t, words("/usr/bin/prog", 0x1000, engine.PermRead|engine.PermWrite, 0x2000, 0x2008),
			words("heap", 0x2000, engine.PermRead|engine.PermWrite, 0x1000, 0, 0x1008))
		clicks(t, tools, "small", small, heatBytes)
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		clicks(t, tools, "many", many, heatBytes)
	})
	t.Run("vague", func(t *testing.T) {
		t.Parallel()
		clicks(t, tools, "vague", many, 60_000)
	})
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		clicks(t, tools, "python", pythonGraph(t), heatBytes)
	})
}

// pythonGraph is the graph of a Python process.
func pythonGraph(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"python3", "gcore"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", "import json, email, unittest, asyncio, sys\nd = {i: [str(i), {'k': i}] for i in range(60000)}\nprint(1, flush=True)\nsys.stdin.read()")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); cmd.Wait() }()
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	core := filepath.Join(dir, "core")
	if out, err := exec.Command("gcore", "-o", core, fmt.Sprint(cmd.Process.Pid)).CombinedOutput(); err != nil {
		t.Skipf("gcore: %v: %.300s", err, out)
	}
	img, err := formats.Open(t.Context(), fmt.Sprintf("%s.%d", core, cmd.Process.Pid), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	return graphtest.File(t, img.Mappings...)
}
