package view

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/graph"
	"vscan/engine/graph/graphtest"
	"vscan/internal/testenv"
	"vscan/internal/testenv/pagetest"
)

// pageOf writes the page of manyRegions, and returns its path.
func pageOf(t *testing.T) string {
	t.Helper()
	g, err := graph.Open(t.Context(), manyRegions(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	path := filepath.Join(t.TempDir(), "page.html")
	writePage(t, path, func(w io.Writer) error { return Page(t.Context(), w, g, Options{Name: "many"}) })
	return path
}

// writePage writes a file.
func writePage(t *testing.T, path string, write func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// manyRegions writes a graph with many regions and hubs, and returns its path.
func manyRegions(t *testing.T) string {
	t.Helper()
	rnd := testenv.Seeded(t, 1, 1)
	var mappings []engine.Mapping
	const regions, size = 300, 1 << 14
	for i := range regions {
		b := make([]byte, size)
		for at := 0; at < size; at += 16 {
			v := 0x10000 + rnd.Uint64N(regions)*2*size + rnd.Uint64N(size)&^7
			if rnd.IntN(3) == 0 {
				v = 0x10000 + 0x120
			}
			addr.Little.PutUint(b[at:at+8], v)
		}
		m, err := engine.BytesMapping("/lib/lib"+strings.Repeat("x", i%40)+".so", addr.Addr(0x10000+i*2*size), b)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = engine.PermKnown | engine.PermRead | engine.PermWrite
		mappings = append(mappings, m)
	}
	return graphtest.File(t, mappings...)
}

// The page stays below 5 MB, whatever the graph.
func TestViewSize(t *testing.T) {
	info, err := os.Stat(pageOf(t))
	if err != nil || info.Size() > 5e6 {
		t.Fatalf("%v; %v", info, err)
	}
	t.Logf("%d bytes", info.Size())
}

// A browser runs the page to its end.
func TestViewBrowser(t *testing.T) {
	browser := pagetest.Browser()
	if browser == "" {
		t.Skip("no Chromium here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--dump-dom", "file://"+pageOf(t)).Output()
	if err != nil {
		t.Skipf("%s does not run here: %v", browser, err)
	}
	for _, want := range []string{`data-ready="yes"`, `200 of 200 rows`, `references</div>`, `<circle`, `Show chain 1 in the picture`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

// A page is of what it was asked for, and has nothing on it that could end its script or
// its title.
func TestPage(t *testing.T) {
	b := make([]byte, 64)
	addr.Little.PutUint(b[8:16], 0x1010)
	m, err := engine.BytesMapping("</script><b>\x1b", 0x1000, b)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Open(t.Context(), graphtest.File(t, m))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for want, o := range map[string]Options{
		`"target":"0x1010"`:                               {},
		`"target":"0x1020..0x102f"`:                       {Target: &addr.Range{First: 0x1020, Last: 0x102f}},
		"<title>&lt;/title&gt;\\x0a – pointer references": {Name: "</title>\n"},
	} {
		var out strings.Builder
		if err := Page(t.Context(), &out, g, o); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "</script><b>") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%+v: no %s, or what may not be there", o, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Page(ctx, io.Discard, g, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("of a cancelled context: %v", err)
	}
}

// A page is refused where its heat map takes more memory than there is, and gives back what it
// has taken.
func TestPageWithinBudget(t *testing.T) {
	g, err := graph.Open(t.Context(), manyRegions(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	b := budget.New(1 << 40)
	if err := Page(t.Context(), io.Discard, g, Options{Budget: b}); err != nil || b.Taken() != 0 {
		t.Fatalf("%v; %d are taken", err, b.Taken())
	}
	for _, limit := range []uint64{0, 1000, regionBytes * uint64(len(g.Regions())), regionBytes*uint64(len(g.Regions())) + heatCellBytes*min(heatCells, g.Info().Edges) - 1} {
		b := budget.New(limit)
		var out bytes.Buffer
		err := Page(t.Context(), &out, g, Options{Budget: b})
		if over := (*budget.Error)(nil); !errors.As(err, &over) || b.Taken() != 0 || out.Len() > 0 {
			t.Errorf("with %d bytes: %v; %d are taken, %d were written", limit, err, b.Taken(), out.Len())
		}
	}
}
