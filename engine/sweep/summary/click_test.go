package summary

import (
	"os"
	"path/filepath"
	"testing"

	"vscan/engine/sweep/state"
	"vscan/internal/testenv"
	"vscan/internal/testenv/pagetest"
)

// clickTask is what click.mjs is told.
type clickTask struct {
	pagetest.Tools
	Page          string   `json:"page"`
	Shots         string   `json:"shots"` // where pictures go, if anywhere
	Sentence      string   `json:"sentence"`
	Title         string   `json:"title"`
	ImageRows     int      `json:"imageRows"`
	Patterns      []string `json:"patterns"`
	Find          string   `json:"find"`          // part of the name of an image that is shown
	MatrixPattern string   `json:"matrixPattern"` // part of the name of some pattern in the matrix, not of all
}

// The page can be sorted, filtered and read with a mouse, with a keyboard, by a screen reader
// and without scripts, in light and dark colours, wide and narrow; and runs nothing that came from
// a name. It takes some seconds: it is run where CI asks for it, and at full length.
func TestPageClicks(t *testing.T) {
	if !pagetest.Wanted() && !testenv.Long() {
		t.Skipf("takes long; with %s=1 or %s=1", pagetest.Var, testenv.LongVar)
	}
	tools := pagetest.Find(t)
	for _, c := range []struct {
		name, find, matrix string
		from               state.Source
	}{
		{"night", "host-013", "password", night()},
		{"hostile", "alert", "script", hostileSweep()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "night" && !testenv.Long() {
				t.Skipf("takes long; with %s=1", testenv.LongVar)
			}
			t.Parallel()
			s := collect(t, c.from)
			v := s.page(wholePage)
			task := clickTask{
				Tools: tools, Page: filepath.Join(t.TempDir(), PageName), Sentence: v.Sentence, Title: "Sweep: not everything was looked at",
				ImageRows: len(v.Images), Find: c.find, MatrixPattern: c.matrix,
			}
			for _, p := range v.Patterns {
				task.Patterns = append(task.Patterns, p.Name)
			}
			if to := os.Getenv("VSCAN_PAGE_SHOTS"); to != "" {
				task.Shots = filepath.Join(to, c.name)
			}
			f, err := os.Create(task.Page)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.WritePage(f); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			pagetest.Click(t, "testdata/page/click.mjs", task)
		})
	}
}
