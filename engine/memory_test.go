package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"vscan/engine/budget"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// liveHeap returns how many bytes of the heap are in use.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// randomWord returns n random letters.
func randomWord(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz"[rng.IntN(26)]
	}
	return string(b)
}

// kindsOfMemory are kinds of patterns that differ in what they take.
var kindsOfMemory = []struct {
	name string
	n    int // how many take some tens of MiB
	make func(rng *rand.Rand) string
}{
	{"words of 12", 50000, func(r *rand.Rand) string { return "text:" + randomWord(r, 12) }},
	{"words of 4", 50000, func(r *rand.Rand) string { return "text:" + randomWord(r, 4) }},
	{"words of 100", 20000, func(r *rand.Rand) string { return "text:" + randomWord(r, 100) }},
	{"any case", 50000, func(r *rand.Rand) string { return "text/i:" + randomWord(r, 12) }},
	{"two encodings", 50000, func(r *rand.Rand) string { return "text/wa:" + randomWord(r, 12) }},
	{"keys", 50000, func(r *rand.Rand) string { return "text/xwa:" + randomWord(r, 12) }},
	{"keys, long", 20000, func(r *rand.Rand) string { return "text/x:" + randomWord(r, 400) }},
	{"keys, short", 50000, func(r *rand.Rand) string { return "text/x:" + randomWord(r, 3) }},
	{"keys, one byte", 2000, func(r *rand.Rand) string { return "text/x:" + randomWord(r, 1) }},
	{"keys, few", 20000, func(r *rand.Rand) string { return "text/x(01-03):" + randomWord(r, 12) }},
	{"keys, runs", 100, func(r *rand.Rand) string { return "text/x(01-30):" + strings.Repeat(randomWord(r, 1), 5+r.IntN(400)) }},
	{"keys, full words", 20000, func(r *rand.Rand) string { return "text/xf:" + randomWord(r, 12) }},
	{"keys, full words of one byte", 300, func(r *rand.Rand) string { return "text/xf:" + randomWord(r, 1) }},
	{"full words", 30000, func(r *rand.Rand) string { return "text/f:" + randomWord(r, 12) }},
	{"base64", 10000, func(r *rand.Rand) string { return "text/bB:" + randomWord(r, 12) }},
	{"expressions", 2000, func(r *rand.Rand) string { return "re:" + randomWord(r, 4) + "[a-z0-9]{10,60}(foo|bar)+" }},
	{"expressions in UTF-16", 1000, func(r *rand.Rand) string { return "re/wi:" + randomWord(r, 8) + ".*x" }},
	{"large expressions", 200, func(r *rand.Rand) string { return "re:" + randomWord(r, 4) + "([a-z]{1,30}[0-9]){1,30}" }},
	{"hex with jumps", 2000, func(r *rand.Rand) string { return fmt.Sprintf("hex:41 42 [4-60] 43 44 [-] %02x", r.IntN(256)) }},
	{"numbers", 50000, func(r *rand.Rand) string { return fmt.Sprintf("u32le:%d", r.Uint32()) }},
	{"ranges", 50000, func(r *rand.Rand) string { x := r.Uint32() >> 1; return fmt.Sprintf("u32le:%d..%d", x, x+100) }},
}

// emptyPage returns a space of one page of zeros.
func emptyPage(t *testing.T) *Space {
	t.Helper()
	m, err := BytesMapping("m", 0, make([]byte, 4096))
	if err != nil {
		t.Fatal(err)
	}
	space, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// parseNamed returns n patterns with names of their own.
func parseNamed(t *testing.T, n int, text func() string) []patterns.Pattern {
	t.Helper()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("p%d=%s", i, text())
	}
	pats, err := patterns.ParseFile(t.Context(), "x", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return pats
}

// What a budget is asked for is what is allocated, about: no less than 0.7 of it.
func TestEstimateOfMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	space := emptyPage(t)
	rng := testenv.Seeded(t, 1, 0)
	for _, k := range kindsOfMemory {
		pats := parseNamed(t, k.n/testenv.Rounds(4, 4, 1), func() string { return k.make(rng) })
		b := budget.New(1 << 40)
		before := liveHeap()
		set, err := patterns.Compile(t.Context(), pats, patterns.Target{Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range set.Exprs() { // what matches is made when it is asked for
			e.Matcher.Match(&patterns.Memory{Bytes: []byte{1}}, 0)
		}
		ofSet, compiled := b.Taken(), liveHeap()
		tables := uint64(0) // those of automata are not there yet
		for _, e := range set.Exprs() {
			if _, ok := e.Matcher.(patterns.Tracker); ok {
				tables += 512 << 10 // and as many for going backwards
			}
		}
		sc, err := Compile(t.Context(), space, set, Options{Budget: b, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		after := liveHeap()
		taken := float64(b.Taken()) - float64(tables) - workerBytes
		real := float64(after) - float64(before)
		t.Logf("%-22s %8.1f MB, estimated %8.1f MB (%.2f); the set %.2f, the engine %.2f", k.name, real/1e6, taken/1e6, taken/real,
			float64(ofSet-tables)/(float64(compiled)-float64(before)), (float64(b.Taken()-ofSet)-workerBytes)/(float64(after)-float64(compiled)))
		if taken < 0.7*real {
			t.Errorf("%s: %.0f bytes are allocated, and the budget was asked for %.0f", k.name, real, taken)
		}
		if taken > 3*real {
			t.Errorf("%s: %.0f bytes are allocated, and the budget was asked for as many as %.0f", k.name, real, taken)
		}
		runtime.KeepAlive(pats)
		runtime.KeepAlive(sc)
	}
}

// peakOf runs f and returns how many bytes were reachable at once at most, beyond those before.
// The collector runs each time when a twentieth was allocated, and what it found to be reachable
// is what counts: garbage that waits for a busy machine's collector does not.
func peakOf(f func() error) (uint64, error) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	reachable := func() uint64 {
		metrics.Read(live)
		return live[0].Value.Uint64()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	base := reachable()
	peak, stop := base, make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
				peak = max(peak, reachable())
			}
		}
	})
	err := f()
	close(stop)
	watch.Wait()
	return peak - base, err
}

// A random set is refused, or what is reachable at a time stays below what the budget allows.
func TestPeakWithinBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	space := emptyPage(t)
	rng := testenv.Seeded(t, 2, 0)
	refused, compiled := 0, 0
	sets := testenv.Rounds(4, 4, 12)
	for i := range sets {
		limit := 32 << 20 << rng.IntN(2)
		var pats []patterns.Pattern
		for range 3 {
			k := kindsOfMemory[rng.IntN(len(kindsOfMemory))]
			n := 1 + rng.IntN(k.n)
			switch i {
			case 0: // one that is compiled for sure
				n = 1
			case 1: // one that is refused
				n, limit = k.n, 16<<20
			}
			pats = append(pats, parseNamed(t, n, func() string { return k.make(rng) })...)
		}
		for i := range pats {
			pats[i].Name = fmt.Sprintf("n%d", i)
		}
		peak, err := peakOf(func() error {
			b := budget.New(uint64(limit))
			set, err := patterns.Compile(t.Context(), pats, patterns.Target{Budget: b})
			if err == nil {
				_, err = Compile(t.Context(), space, set, Options{Budget: b})
			}
			return err
		})
		var over *budget.Error
		switch {
		case errors.As(err, &over):
			refused++
		case err != nil:
			t.Fatal(err)
		default:
			compiled++
		}
		t.Logf("%d patterns: %.2f of the budget at most", len(pats), float64(peak)/float64(limit))
		if float64(peak) > 1.3*float64(limit) {
			t.Errorf("%d patterns, refused %v: the heap grew by %d bytes with a budget of %d", len(pats), err, peak, limit)
		}
		runtime.KeepAlive(pats)
	}
	t.Logf("%d sets were compiled, %d refused", compiled, refused)
	if refused == 0 || compiled == 0 {
		t.Errorf("of %d sets %d were refused and %d compiled: want some of both", sets, refused, compiled)
	}
}

// The error says what for, and nothing stays taken by a share that is released.
func TestBudgetOfKeys(t *testing.T) {
	rng := testenv.Seeded(t, 3, 0)
	pats := parseNamed(t, 300_000, func() string { return "text/xwa:" + randomWord(rng, 12) })
	b := budget.New(16 << 20)
	share := b.Share()
	_, err := patterns.Compile(t.Context(), pats, patterns.Target{Budget: share})
	var over *budget.Error
	if !errors.As(err, &over) || over.Need < 40<<20 || !strings.Contains(over.What, "keys") {
		t.Fatalf("300,000 patterns of two encodings in 16 MiB: %v", err)
	}
	if share.Release(); b.Taken() != 0 {
		t.Errorf("%d bytes stay taken", b.Taken())
	}
	set, err := patterns.Compile(t.Context(), pats[:1], patterns.Target{Budget: share})
	if err != nil || len(set.Needles()) != 2 {
		t.Errorf("one pattern: %v", err)
	}
}
