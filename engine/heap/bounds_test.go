package heap

import (
	"context"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// Memory that is full of what looks like the empty bins of arenas ends the search for
// them. What is not looked at is a gap, so that the answer is not taken for whole.
func TestBoundedSearchIsAGap(t *testing.T) {
	const base = 0x100000
	find := func(bins int) []Gap {
		b := make([]byte, 64*(bins+1))
		for i := range bins {
			at := 64*i + 16
			addr.Little.PutUint(b[at:at+8], uint64(base+at-16))
			addr.Little.PutUint(b[at+8:at+16], uint64(base+at-16))
		}
		m, err := engine.BytesMapping("", base, b)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = engine.PermRead | engine.PermWrite
		h, err := Find(context.Background(), mustSpace(t, m), addr.LE64, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return h.Account().Gaps
	}
	if gaps := find(1000); len(gaps) != 0 {
		t.Errorf("1000 bins: gaps %v", gaps)
	}
	gaps := find(maxTries + 100)
	if len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "full of what looks like empty bins") {
		t.Fatalf("%d bins: gaps %v", maxTries+100, gaps)
	}
	if want := addr.Addr(base + 64*maxTries + 16); gaps[0].First != want {
		t.Errorf("the gap begins at %v: want %v", gaps[0].First, want)
	}
}

// So do more threads than are looked at, and objects of the size of a cache.
func TestBoundedThreads(t *testing.T) {
	f := newFinder(context.Background(), newMemory(mustSpace(t), addr.LE64))
	f.threads = make([]addr.Addr, maxThreads+1)
	f.heaps()
	if len(f.walker.gaps) != 1 || !strings.Contains(f.walker.gaps[0].Reason, "65536 threads") {
		t.Errorf("gaps %v", f.walker.gaps)
	}
	f = newFinder(context.Background(), newMemory(mustSpace(t), addr.LE64))
	f.walker.caches = make([]addr.Addr, maxCaches)
	f.heaps()
	if len(f.walker.gaps) != 1 || !strings.Contains(f.walker.gaps[0].Reason, "size of a cache") {
		t.Errorf("gaps %v", f.walker.gaps)
	}
}
