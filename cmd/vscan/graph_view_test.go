package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// viewOf writes the page of graphOf, and returns its path.
func viewOf(t *testing.T) string {
	t.Helper()
	page := filepath.Join(t.TempDir(), "page.html")
	vscan(t, []int{0}, "graph", "view", graphOf(t), "-o", page)
	return page
}

// graphOf writes a graph with many regions and hubs, and returns its path.
func graphOf(t *testing.T) string {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 1))
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
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g")
	if _, err := graph.BuildFile(t.Context(), space, addr.LE64, graph.Options{}, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// The page stays below 5 MB, whatever the graph.
func TestViewSize(t *testing.T) {
	info, err := os.Stat(viewOf(t))
	if err != nil || info.Size() > 5e6 {
		t.Fatalf("%v; %v", info, err)
	}
	t.Logf("%d bytes", info.Size())
}

// A browser runs the page to its end.
func TestViewBrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--dump-dom", "file://"+viewOf(t)).Output()
	if err != nil {
		t.Skipf("%s does not run here: %v", browser, err)
	}
	for _, want := range []string{`data-ready="yes"`, `200 of 200 rows`, `references</div>`, `<circle`, `Show chain 1 in the picture`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the page does not show %q", want)
		}
	}
}
