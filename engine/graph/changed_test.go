package graph

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// A graph of an image that changed while it was built is not complete, and neither is it
// after it was read from its file.
func TestBuildOfWhatChanged(t *testing.T) {
	m, err := engine.BytesMapping("m", 0x1000, make([]byte, 4096))
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	arch, err := addr.NewArch(8, addr.Little)
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []bool{false, true} {
		asked := 0
		o := Options{Changed: func() bool { asked++; return changed }}
		path := t.TempDir() + "/graph"
		stats, err := BuildFile(t.Context(), space, arch, o, path)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Changed != changed || stats.Complete() == changed || asked != 1 {
			t.Errorf("changed %v: %+v, asked %d times", changed, stats, asked)
		}
		g, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if g.Complete() == changed {
			t.Errorf("changed %v, complete %v", changed, g.Complete())
		}
		g.Close()
	}
}
