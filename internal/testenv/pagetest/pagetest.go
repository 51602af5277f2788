// Package pagetest drives a browser in tests of the pages that vscan writes, with
// playwright-core, which node runs.
package pagetest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Browser returns the path of a Chromium, or "" if there is none.
func Browser() string {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// modules is the folder that npm has put playwright-core into, below the root of the module.
const modules = "engine/graph/view/testdata/page"

// Tools are what drives the browser.
type Tools struct {
	Browser string `json:"browser"` // the path of Chromium
	Modules string `json:"modules"` // the folder from which node finds playwright-core
}

// Var is the variable of the environment which says that pages have to be tested, as in CI.
const Var = "VSCAN_TEST_PAGE"

// Wanted reports whether Var is set.
func Wanted() bool { return os.Getenv(Var) != "" }

// Find returns the tools, or skips the test where one is missing. Where Wanted, all have to
// be there.
func Find(t *testing.T) Tools {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if Wanted() {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if testing.Short() {
		t.Skip("takes long")
	}
	tools := Tools{Browser: Browser(), Modules: filepath.Join(root(t), modules) + string(filepath.Separator)}
	if tools.Browser == "" {
		missing("no Chromium here")
	}
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		missing("no node here: %v", err)
	}
	if v := regexp.MustCompile(`^v(\d\d)\.`).FindSubmatch(out); v == nil || string(v[1]) < "18" {
		missing("node is %s: want 18", out)
	}
	if _, err := os.Stat(filepath.Join(tools.Modules, "node_modules", "playwright-core")); err != nil {
		missing("no playwright-core here (npm ci --prefix %s): %v", modules, err)
	}
	return tools
}

// root returns the folder of the module, in which or below which tests run.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// Click runs a script that clicks through a page, with a task as JSON in the file that is its
// argument. The test fails if the script does.
func Click(t *testing.T, script string, task any) {
	t.Helper()
	b, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "task.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute) // the script gives up before
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, file)
	cmd.WaitDelay = time.Minute // the browser may hold the pipe
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%s: %v", script, err)
	}
}
