package graph

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// bigSpace returns a space with a heap of words of which every other one points into it, with a hub
// that many point at, and with a reserve of 16 TiB that some point into.
func bigSpace(t testing.TB, size int) *engine.Space {
	t.Helper()
	rnd := testenv.Seeded(t, 7, 7)
	const at, reserve = 0x7f00_0000_0000, 0x10_0000_0000
	b := make([]byte, size)
	for i := 0; i+8 <= len(b); i += 8 {
		switch rnd.IntN(8) {
		case 0, 1, 2:
			addr.Little.PutUint(b[i:i+8], at+rnd.Uint64N(uint64(size)))
		case 3:
			addr.Little.PutUint(b[i:i+8], at+0x1238+rnd.Uint64N(4)*8)
		case 4:
			if i%512 == 0 {
				addr.Little.PutUint(b[i:i+8], reserve+rnd.Uint64N(16<<40))
			}
		}
	}
	heap, err := engine.BytesMapping("[heap]", at, b)
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(heap, engine.Mapping{Range: addr.Range{First: reserve, Last: reserve + 16<<40 - 1}, State: engine.Absent, Name: "reserve"})
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// The file is the same, to the byte, for any number of workers and any memory;
// its edges are those of a plain pass; and nothing else is left in the folder.
func TestSameFile(t *testing.T) {
	space := bigSpace(t, 5<<20) // so that any draw has more than enough references to its hub
	want := naive(t, space, addr.LE64, Options{})
	var first []byte
	for _, o := range []Options{{Workers: 1}, {Workers: 2}, {Workers: 7}, {Workers: 3, Memory: 1}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "g")
		stats, err := BuildFile(t.Context(), space, addr.LE64, o, path)
		if err != nil {
			t.Fatal(err)
		}
		if spills := o.Memory == 1; stats.Spilled > 0 != spills {
			t.Errorf("memory %d: %d bytes spilled", o.Memory, stats.Spilled)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
			g, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			sameEdges(t, "file", all(t, g, addr.All), want)
			hub := addr.Range{First: 0x7f00_0000_1238, Last: 0x7f00_0000_1240}
			if n, err := g.CountTo(hub); err != nil || n < 2*hubEntries {
				t.Errorf("the hub has %d edges; %v", n, err)
			}
			checkCounts(t, g, want)
			g.Close()
		} else if !bytes.Equal(b, first) {
			t.Errorf("%+v: another file", o)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%v; %v", entries, err)
		}
	}
	g := mustBuild(t, space, addr.LE64, Options{Workers: 2})
	path := filepath.Join(t.TempDir(), "saved")
	if err := g.Save(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, first) {
		t.Errorf("a graph that was saved is another file; %v", err)
	}
}

// A build that is cancelled, or fails, leaves nothing behind.
func TestBuildLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	_, err := BuildFile(ctx, bigSpace(t, 1<<20), addr.LE64, Options{}, filepath.Join(dir, "g"))
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	_, err = BuildFile(t.Context(), bigSpace(t, 4<<20), addr.LE64, Options{Memory: 1, Spill: filepath.Join(dir, "nowhere")}, filepath.Join(dir, "g"))
	if err == nil || !strings.Contains(err.Error(), "temporary file") {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v; %v", entries, err)
	}
	if _, err := BuildFile(t.Context(), bigSpace(t, 4096), addr.LE64, Options{}, dir); err == nil {
		t.Error("a folder was taken for the file to write")
	}
}

// smallFile returns the file of a small graph.
func smallFile(t testing.TB) []byte {
	t.Helper()
	space := tangle(t, testenv.Seeded(t, 5, 5), addr.LE64, 40)
	g := mustBuild(t, space, addr.LE64, Options{})
	path := filepath.Join(t.TempDir(), "g")
	if err := g.Save(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll asks a graph for all that it has.
func readAll(b []byte) error {
	g, err := read(context.Background(), "g", bytes.NewReader(b), uint64(len(b)), nil)
	if err != nil {
		return err
	}
	for _, err := range g.To(addr.All) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Every byte of a file counts, and so does its length.
func TestDamaged(t *testing.T) {
	whole := smallFile(t)
	if err := readAll(whole); err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		t.Helper()
		if err := readAll(b); err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "g") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 1 << (i % 8)
		check("a bit at "+addr.Addr(i).String(), b)
		check("cut to "+addr.Addr(i).String(), whole[:i])
	}
	check("longer", append(slices.Clone(whole), 0))

	path := filepath.Join(t.TempDir(), "g")
	for what, content := range map[string][]byte{"empty": nil, "text": []byte("not a graph, but some text"), "cut": whole[:100]} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

// A file that shrinks while it is open gives an error and no crash.
func TestShrunk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g")
	if _, err := BuildFile(t.Context(), bigSpace(t, 1<<20), addr.LE64, Options{}, path); err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := os.Truncate(path, headerSize); err != nil {
		t.Fatal(err)
	}
	if _, err := g.CountTo(addr.All); err == nil {
		t.Error("no error")
	}
	if _, err := g.Forward(t.Context(), 2); err == nil {
		t.Error("no error")
	}
}

// A graph fits the image that it was made of and no other.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	space := func(b []byte, first addr.Addr) *engine.Space {
		m, err := engine.BytesMapping("m", first, b)
		if err != nil {
			t.Fatal(err)
		}
		s, err := engine.NewSpace(m)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	path := filepath.Join(dir, "g")
	if _, err := BuildFile(t.Context(), space(content, 0x1000), addr.LE64, Options{}, path); err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	changed := slices.Clone(content)
	changed[len(changed)-1]++
	for _, c := range []struct {
		space *engine.Space
		want  string
	}{
		{space(content, 0x1000), ""},
		{space(content, 0x2000), "other memory is mapped"},
		{space(changed, 0x1000), "other bytes"},
	} {
		err := g.Check(t.Context(), c.space, 0)
		if (c.want == "") != (err == nil) || err != nil && (!errors.Is(err, ErrOtherImage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// twoSpaces returns two spaces of one process whose words differ as edit says: in a mapping
// of 2 MiB that lies in one source, so that samples do not see it.
func twoSpaces(t *testing.T, edit func(word func(int) []byte)) (before, after *engine.Space) {
	t.Helper()
	const base, words = 0x1000_0000, 2 << 17
	b := make([]byte, 8*words)
	word := func(i int) []byte { return b[8*i : 8*i+8] }
	for i := range 64 { // some ten thousand words in front of each, to where samples do not reach
		addr.Little.PutUint(word(2000+4096*i), base+uint64(i)*8)
	}
	space := func() *engine.Space {
		m, err := engine.BytesMapping("[heap]", base, slices.Clone(b))
		if err != nil {
			t.Fatal(err)
		}
		return mustSpace(t, m)
	}
	before = space()
	edit(word)
	return before, space()
}

// A graph is refused for an image of the same process that differs in a few words, wherever
// these lie, if it depends on them, and for no other.
func TestCheckFewWords(t *testing.T) {
	put := addr.Little.PutUint
	for name, c := range map[string]struct {
		edit func(word func(int) []byte)
		want [2]string // of the graph of what was before, and of what is after
	}{
		"nothing":              {func(func(int) []byte) {}, [2]string{}},
		"a word is no pointer": {func(word func(int) []byte) { put(word(2000), 1) }, [2]string{"that had 64 pointers, and this one has 63", "63 pointers, and this one has 64"}},
		"it leads elsewhere":   {func(word func(int) []byte) { put(word(2000), 0x1000_0001) }, [2]string{"as many pointers, 64, and other", "as many pointers"}},
		"two change places": {func(word func(int) []byte) {
			a, b := slices.Clone(word(2000)), slices.Clone(word(6096))
			copy(word(2000), b)
			copy(word(6096), a)
		}, [2]string{"as many pointers", "as many pointers"}},
		"one moves":                           {func(word func(int) []byte) { copy(word(2001), word(2000)); clear(word(2000)) }, [2]string{"as many pointers", "as many pointers"}},
		"a word that is no pointer in either": {func(word func(int) []byte) { put(word(2001), 0x1234) }, [2]string{}},
	} {
		before, after := twoSpaces(t, c.edit)
		for i, pair := range [][2]*engine.Space{{before, after}, {after, before}} {
			g := mustBuild(t, pair[0], addr.LE64, Options{})
			if err := g.Check(t.Context(), pair[0], 1); err != nil {
				t.Errorf("%s: its own image: %v", name, err)
			}
			for _, workers := range []int{1, 2, 5} {
				err := g.Check(t.Context(), pair[1], workers)
				if (c.want[i] == "") != (err == nil) || err != nil && (!errors.Is(err, ErrOtherImage) || !strings.Contains(err.Error(), c.want[i])) {
					t.Errorf("%s, %d workers: %v, want %q", name, workers, err, c.want[i])
				}
			}
		}
	}
}

// Other names or permissions are another image, for roots are found by these; but the file of
// the image, from which memory without a name has its own, may be renamed.
func TestCheckNames(t *testing.T) {
	space := func(perm engine.Perm, names ...string) *engine.Space {
		var mappings []engine.Mapping
		for i, name := range names {
			m, err := engine.BytesMapping(name, addr.Addr(0x1000+0x2000*i), make([]byte, 4096))
			if err != nil {
				t.Fatal(err)
			}
			m.Perm = engine.PermKnown | perm
			mappings = append(mappings, m)
		}
		return mustSpace(t, mappings...)
	}
	for _, c := range []struct {
		of, image *engine.Space
		same      bool
	}{
		{space(engine.PermWrite, "/bin/prog"), space(engine.PermWrite, "/bin/prog"), true},
		{space(engine.PermWrite, "/bin/prog"), space(engine.PermWrite, "/bin/other"), false},
		{space(engine.PermWrite, "/bin/prog"), space(engine.PermRead, "/bin/prog"), false},
		{space(engine.PermWrite, "/bin/prog"), space(engine.PermWrite, "prog"), false},
		{space(engine.PermWrite, "[heap]"), space(engine.PermWrite, "[stack]"), false},
		{space(engine.PermWrite, "[heap]"), space(engine.PermWrite, "core"), false},
		{space(engine.PermWrite, "core"), space(engine.PermWrite, ""), false},
		{space(engine.PermWrite, "core"), space(engine.PermWrite, "renamed"), true},
		{space(engine.PermWrite, "core", "layer", "core"), space(engine.PermWrite, "layer", "core", "layer"), true},
		{space(engine.PermWrite, "core", "layer", "core"), space(engine.PermWrite, "core", "layer", "layer"), false},
		{space(engine.PermWrite, "core", "layer"), space(engine.PermWrite, "core", "core"), false},
		{space(engine.PermWrite, "core", "core"), space(engine.PermWrite, "core", "layer"), false},
	} {
		g := mustBuild(t, c.of, addr.LE64, Options{})
		err := g.Check(t.Context(), c.image, 1)
		if (err == nil) != c.same || err != nil && (!errors.Is(err, ErrOtherImage) || !strings.Contains(err.Error(), "other names or permissions")) {
			t.Errorf("%v for %v: %v", g.Regions(), mustBuild(t, c.image, addr.LE64, Options{}).Regions(), err)
		}
	}
}

// Of a graph for which not all was looked at, the words up to its last edge are compared.
func TestCheckPart(t *testing.T) {
	early, late := 2000, 2000+4096*63
	for word, want := range map[int]bool{early: true, late: false} {
		before, after := twoSpaces(t, func(w func(int) []byte) { clear(w(word)) })
		g := mustBuild(t, before, addr.LE64, Options{MaxBytes: 1 << 20})
		if err := g.Check(t.Context(), before, 1); err != nil {
			t.Error(err)
		}
		if err := g.Check(t.Context(), after, 1); errors.Is(err, ErrOtherImage) != want {
			t.Errorf("word %d: %v", word, err)
		}
	}
}

// FuzzOpen opens files that are damaged on purpose and have right checksums, and asks them
// everything.
func FuzzOpen(f *testing.F) {
	testenv.LargeInputs(f)
	whole := smallFile(f)
	f.Add(whole, true)
	f.Add(whole, false)
	hub := mustBuild(f, bigSpace(f, 1<<20), addr.LE64, Options{Sources: []addr.Range{{First: 0x7f00_0000_0000, Last: 0x7f00_0003_ffff}}, Targets: []addr.Range{{First: 0x7f00_0000_1000, Last: 0x7f00_0000_1fff}}})
	path := filepath.Join(f.TempDir(), "g")
	if err := hub.Save(f.Context(), path); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, true)
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		if repair {
			b = repaired(b)
		}
		askAll(t, b)
	})
}

// Files with a few bytes changed and right checksums give errors or answers, and no panic.
func TestMutated(t *testing.T) {
	rnd := testenv.Rand(t)
	whole := smallFile(t)
	rounds, opened := 5000, 0
	for range rounds {
		b := slices.Clone(whole)
		for range 1 + rnd.IntN(4) {
			b[20+rnd.IntN(len(b)-20)] = byte(rnd.Uint32()) >> rnd.IntN(8)
		}
		if askAll(t, repaired(b)) {
			opened++
		}
	}
	t.Logf("%d of %d were opened", opened, rounds)
	if opened < rounds/20 {
		t.Errorf("only %d of %d were opened", opened, rounds)
	}
}

// askAll asks a graph everything, where its file can be opened.
func askAll(t *testing.T, b []byte) bool {
	g, err := read(context.Background(), "g", bytes.NewReader(b), uint64(len(b)), nil)
	if err != nil {
		return false
	}
	for range g.To(addr.All) {
	}
	g.Matrix(t.Context(), 1)
	g.TopTargets(t.Context(), 10, 1)
	g.TopPages(t.Context(), 10)
	g.Modules()
	g.Info()
	g.checkEdges(t.Context(), mustSpace(t), 1)
	fw, err := g.Forward(t.Context(), 1)
	if err != nil {
		return true
	}
	c, err := fw.Chains(ChainOptions{Target: addr.All, Depth: 3, Roots: Roots{Ranges: []addr.Range{addr.All}}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range c.All(t.Context(), nil) {
		if n++; n == 1000 {
			break
		}
	}
	if units, err := g.units(t.Context(), 1<<12); err == nil && units.count < 1<<20 {
		r, err := fw.Reach(t.Context(), []addr.Range{{First: 0, Last: 1 << 20}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range r.Unreached() {
		}
		fw.Components(t.Context(), 0)
	}
	return true
}

// repaired returns a file with the checksums that its content asks for, as far as it can be read.
func repaired(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) < headerSize {
		return b
	}
	copy(b, magic)
	le := binary.LittleEndian
	le.PutUint32(b[16:], version)
	section := func(i int) []byte {
		at, size := le.Uint64(b[56+24*i:]), le.Uint64(b[64+24*i:])
		if at > uint64(len(b)) || size > uint64(len(b))-at {
			return nil
		}
		return b[at : at+size]
	}
	dir := section(sectionDirectory)
	groups := section(sectionGroups)
	for k := 0; k+groupLineSize <= len(dir); k += groupLineSize {
		at, end := le.Uint64(dir[k+8:]), uint64(headerSize+len(groups))
		if k+2*groupLineSize <= len(dir) {
			end = le.Uint64(dir[k+groupLineSize+8:])
		}
		if at <= end && end <= uint64(len(b)) {
			le.PutUint32(dir[k+24:], crc32.Checksum(b[at:end], castagnoli()))
		}
	}
	for i := sectionDirectory; i < sectionCount; i++ {
		le.PutUint32(b[56+24*i+16:], crc32.Checksum(section(i), castagnoli()))
	}
	le.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli()))
	return b
}

// pagesBack writes entries that bytes stand for, two bytes each behind one that says how many
// offsets there are, as a page and as a hub, and reads them back.
func pagesBack(t *testing.T, b []byte) {
	t.Helper()
	var entries []entry
	source := uint64(0)
	offsets := b[:min(1, len(b))]
	for b = b[len(offsets):]; len(b) > 1; b = b[2:] {
		entries = append(entries, newEntry(source, uint64(b[0]&offsets[0])<<(offsets[0]%5)))
		source += 1 + uint64(b[1]&0x7f)<<(4*(b[1]>>7)*(b[0]&7))
	}
	if len(entries) == 0 {
		return
	}
	for _, page := range [][]byte{appendPage(nil, entries), appendHub(nil, entries)} {
		back, err := decodePage(nil, page, len(entries), source)
		slices.Sort(back)
		if err != nil || !slices.Equal(back, entries) {
			t.Fatalf("%v come back as %v; %v", entries, back, err)
		}
	}
}

// FuzzPage reads pages of entries that nobody wrote, and back what it writes.
func FuzzPage(f *testing.F) {
	f.Add(appendPage(nil, []entry{newEntry(3, 0x10), newEntry(5, 0xff0), newEntry(900, 8)}), 3)
	// Any page can be written as a hub is. TestPagesBack has those that are as large as
	// hubs are: go test would minimize what it makes of one for a minute each time.
	var many []entry
	for i := range uint64(25) {
		many = append(many, newEntry(i*(i+1), 8*(i%2))) // more than the eight to a target that are read at once
	}
	f.Add(appendHub(nil, many), len(many))
	f.Add(append([]byte{1}, "what these stand for is in pagesBack: twice eight of an offset and more"...), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 1 || len(b) > 1<<10 {
			return
		}
		pagesBack(t, b)
		entries, err := decodePage(nil, b, n, 1<<30)
		if err != nil {
			return
		}
		if len(entries) != n {
			t.Fatalf("%d entries of %d", len(entries), n)
		}
		for _, e := range entries {
			if e.source() >= 1<<30 {
				t.Fatalf("source %d", e.source())
			}
		}
		again := slices.Clone(entries)
		slices.Sort(again)
		if again = slices.Compact(again); len(again) < n {
			return // a hub can have a source twice; Forward notices
		}
		page := appendPage(nil, again)
		if b[0] == hubMark {
			page = appendHub(nil, again)
		}
		back, err := decodePage(nil, page, n, 1<<30)
		slices.Sort(back)
		if err != nil || !slices.Equal(back, again) {
			t.Fatalf("%v; %v", back, err)
		}
	})
}

// Pages are read back as they were stored, whatever the distances of their sources, and a hub in which
// a distance is 0 is refused.
func TestPagesBack(t *testing.T) {
	rnd := testenv.Rand(t)
	for round := range 120 {
		n := 1 + rnd.IntN(300)
		if round%2 == 0 {
			n = hubEntries + rnd.IntN(300)
		}
		offsets := 1 + rnd.IntN(4)
		wide := []uint64{1, 100, 130, 1 << 9, 1 << 15, 1 << 22, 1 << 29, 1 << 36}[rnd.IntN(8)]
		rare := rnd.IntN(2) == 0 // mostly near, sometimes far
		var entries []entry
		source := rnd.Uint64N(2) * rnd.Uint64N(wide)
		for range n {
			entries = append(entries, newEntry(source, uint64(rnd.IntN(offsets))*8))
			if rare && rnd.IntN(10) > 0 {
				source += 1 + rnd.Uint64N(30)
			} else {
				source += 1 + rnd.Uint64N(wide)
			}
		}
		last := entries[n-1].source()
		b := appendPage(nil, entries)
		if n >= hubEntries {
			slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.byTarget(), b.byTarget()) })
		}
		got, err := decodePage(nil, b, n, last+1)
		if err != nil || !slices.Equal(got, entries) {
			t.Fatalf("%d entries up to %d apart come back as %d, different; %v", n, wide, len(got), err)
		}
		if _, err := decodePage(nil, b, n, last); err == nil {
			t.Fatalf("%d entries up to %d apart: a source that there is not is taken", n, wide)
		}
		if n < hubEntries {
			continue
		}
		runs, err := hubTargets(b, n)
		if err != nil {
			t.Fatal(err)
		}
		at := len(b) - len(runs[len(runs)-1].bytes) + 1 + rnd.IntN(1000)
		for b[at-1] >= 0x80 || b[at] >= 0x80 { // a whole difference of one byte
			if at++; at == len(b) {
				break
			}
		}
		if at < len(b) {
			b[at] = 0
			if _, err := decodePage(nil, b, n, last+1); err == nil {
				t.Fatalf("%d entries up to %d apart: a source that comes twice is taken", n, wide)
			}
		}
	}
}

// Batches have the edges in order, some at a time, and end when they are told to.
func TestBatches(t *testing.T) {
	g := mustBuild(t, bigSpace(t, 1<<20), addr.LE64, Options{})
	for _, r := range []addr.Range{addr.All, {First: 0x7f00_0000_1238, Last: 0x7f00_0000_1240}, {First: 1, Last: 2}} {
		var got []Edge
		for edges, err := range g.ToBatches(r) {
			if err != nil || len(edges) == 0 {
				t.Fatal(len(edges), err)
			}
			got = append(got, edges...)
		}
		sameEdges(t, r.String(), got, all(t, g, r))
		batches := 0
		for range g.ToBatches(r) {
			batches++
			break
		}
		if batches > len(got) {
			t.Errorf("%d batches after a break", batches)
		}
	}
}

// A file that is no graph, however long, is told from a graph that is damaged.
func TestNoGraph(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		is      bool
	}{
		"short":     {"some bytes", true},
		"long":      {strings.Repeat("some bytes", 100), true},
		"cut magic": {magic[:len(magic)-1], true},
		"cut":       {magic + "some bytes", false},
		"damaged":   {magic + strings.Repeat("some bytes", 100), false},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || errors.Is(err, ErrNotGraph) != c.is {
			t.Errorf("%s: %v", name, err)
		}
	}
}
