package kdump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
	"vscan/internal/testenv"
)

// page returns a page that begins with a text and is filled with it.
func page(size int, text string) string {
	return strings.Repeat(text, size/len(text)+1)[:size]
}

// opened returns the image of a dump that is in memory.
func opened(t testing.TB, b []byte) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(Format.Open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// all are dumps of one content in every layout.
func all() map[string]imagetest.Kdump {
	m := map[string]imagetest.Kdump{}
	for version := 1; version <= 6; version++ {
		for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
			m[fmt.Sprintf("64-bit, %s, version %d", order, version)] = imagetest.Kdump{Order: order, Version: version, Machine: "ppc64"}
			m[fmt.Sprintf("32-bit, %s, version %d", order, version)] = imagetest.Kdump{Order: order, Version: version, Narrow: true, Machine: "i686"}
			m[fmt.Sprintf("32-bit padded, %s, version %d", order, version)] = imagetest.Kdump{Order: order, Version: version, Narrow: true, Padded: true, Machine: "armv7l"}
		}
	}
	for _, how := range []string{"none", "zlib", "lzo", "snappy", "zstd"} {
		for _, block := range []int{4 << 10, 16 << 10, 64 << 10} {
			m[fmt.Sprintf("%s, %d", how, block)] = imagetest.Kdump{Version: 6, How: how, Block: block, Machine: "aarch64"}
		}
	}
	m["diskdump"] = imagetest.Kdump{Version: 1, Signature: "DISKDUMP", Machine: "i686", Narrow: true}
	m["an unknown machine"] = imagetest.Kdump{Version: 6, Machine: "", Narrow: true}
	m["256 MiB of an i686"] = imagetest.Kdump{Version: 6, Machine: "i686", Narrow: true, Top: 65536}
	return m
}

func TestLayouts(t *testing.T) {
	for name, k := range all() {
		t.Run(name, func(t *testing.T) {
			size := k.BlockSize()
			k.Pages = map[uint64]string{1: page(size, "first"), 2: imagetest.Zeros(size), 4: imagetest.Zeros(size), 9: page(size, "last of all")}
			k.Excluded = []uint64{3, 10}
			k.Level, k.Time = 31, 1700000000
			if k.Version >= 3 {
				k.Info = "OSRELEASE=6.1.0-info\nPAGESIZE=4096\nCRASHTIME=1700000100\n"
			}
			b := k.Build()
			img := opened(t, b)
			imagetest.CheckImage(t, img, uint64(len(b)))
			imagetest.CheckNotes(t, img)
			s := uint64(size)
			imagetest.CheckMappings(t, img, fmt.Sprintf(`
				%#x..%#x present +0x0 RAM
				%#x..%#x absent RAM
				%#x..%#x present +%#x RAM
				%#x..%#x present +%#x RAM
				%#x..%#x absent RAM
				`, s, 3*s-1, 3*s, 4*s-1, 4*s, 5*s-1, 2*s, 9*s, 10*s-1, 3*s, 10*s, 11*s-1))
			for _, m := range img.Mappings {
				if m.State == engine.Absent && m.Absence != engine.Excluded {
					t.Errorf("%v is %v", m.Range, m.Absence)
				}
			}
			if want := 8 - 4*boolInt(k.Narrow); img.WordSize != want || img.Order != k.Order || !img.OrderKnown || img.Space != image.Physical || img.Missing != 0 || img.Format != "kdump" {
				t.Errorf("%+v", img)
			}
			checkPages(t, img, k.Pages, size)
			checkFacts(t, img, &k)
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkPages compares pages of memory.
func checkPages(t *testing.T, img *image.Image, pages map[uint64]string, size int) {
	t.Helper()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range pages {
		got, err := space.Bytes(addr.Addr(p*uint64(size)), size)
		if err != nil || string(got) != want {
			t.Errorf("page %#x: %d bytes that differ, %v", p, len(got), err)
		}
	}
}

func checkFacts(t *testing.T, img *image.Image, k *imagetest.Kdump) {
	t.Helper()
	want := map[string]string{"kernel_release": "6.1.0-test", "machine": k.Machine, "nodename": "crashed", "block_size": fmt.Sprint(k.BlockSize()), "time": "2023-11-14T22:13:20Z", "compression": k.How}
	if k.How == "" {
		want["compression"] = "none"
	}
	if k.Signature == "" {
		want["dump_level"] = "31"
	}
	if k.Info != "" {
		want["kernel_release"], want["crash_time"], want["vmcoreinfo"] = "6.1.0-info", "2023-11-14T22:15:00Z", "OSRELEASE=6.1.0-info"
	}
	for name, value := range want {
		if !slices.Contains(img.Facts, image.Fact{Name: name, Value: value}) && value != "" {
			t.Errorf("no fact %s=%s in %v", name, value, img.Facts)
		}
	}
}

// Pages of zeros that share a block are holes of the source.
func TestZeroPages(t *testing.T) {
	for _, how := range []string{"none", "zlib", "zstd"} {
		k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: how, Pages: map[uint64]string{}}
		for p := range uint64(300) {
			k.Pages[p] = imagetest.Zeros(4096)
		}
		k.Pages[100], k.Pages[101], k.Pages[299] = page(4096, "a"), page(4096, "a"), page(4096, "b")
		img := opened(t, k.Build())
		s := img.Mappings[0].Source.(engine.HoleSource)
		var got []string
		for off := uint64(0); off < s.Size(); {
			first, behind := s.NextHole(off, s.Size(), 8192)
			if first < behind {
				got = append(got, fmt.Sprintf("%d..%d", first>>12, behind>>12))
			}
			off = behind
		}
		if want := "[0..100 102..299]"; fmt.Sprint(got) != want {
			t.Errorf("%s: holes %v, want %s", how, got, want)
		}
		checkPages(t, img, k.Pages, 4096)
	}
}

// What is lost of a dump is missing, and nothing else.
func TestLost(t *testing.T) {
	pages := map[uint64]string{}
	for p := range uint64(8) {
		pages[p] = page(4096, fmt.Sprintf("page %d ", p))
	}
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: "zlib", Pages: pages}
	table := len(k.Head(2, 8)) + 2*4096
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		lost   []uint64
		notes  []string
	}{
		"whole":        {func(b []byte) []byte { return b }, nil, nil},
		"last byte":    {func(b []byte) []byte { return b[:len(b)-1] }, []uint64{7}, []string{"1 page cannot be read, the first by its descriptor at file offset 0x40a8: the page lies behind the end of the file"}},
		"descriptors":  {func(b []byte) []byte { return b[:table+50] }, []uint64{0, 1, 2, 3, 4, 5, 6, 7}, []string{"2 pages cannot be read", "truncated: the descriptors of 6 pages are behind the end of the file at offset 0x4032"}},
		"no offset":    {func(b []byte) []byte { copy(b[table+24:], imagetest.Zeros(24)); return b }, []uint64{1}, []string{"1 page cannot be read, the first by its descriptor at file offset 0x4018: the page was not written"}},
		"no size":      {func(b []byte) []byte { copy(b[table+24+8:], imagetest.Zeros(4)); return b }, []uint64{1}, []string{"says that it has no bytes"}},
		"huge size":    {func(b []byte) []byte { copy(b[table+24+8:], "\xff\xff\xff\xff"); return b }, []uint64{1}, []string{"says that it is packed to 4294967295 bytes, from 4096"}},
		"not packed":   {func(b []byte) []byte { b[table+24+12] = 0; return b }, []uint64{1}, []string{"says that it is not packed and has "}},
		"huge offset":  {func(b []byte) []byte { copy(b[table+24:], "\xff\xff\xff\xff\xff\xff\xff\xff"); return b }, []uint64{1}, []string{"behind the end of the file"}},
		"the bitmaps":  {func(b []byte) []byte { return b[:2*4096+4096] }, nil, []string{"truncated: the bitmaps at file offset 0x2000 are cut at the end of the file after 0x1000 of 0x2000 bytes"}},
		"incomplete":   {func(b []byte) []byte { b[424] |= 8; return b }, nil, []string{"the dump says that it is incomplete"}},
		"pages at all": {func(b []byte) []byte { copy(b[424+16:], imagetest.Zeros(4)); return b }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.change(k.Build())
			img := opened(t, b)
			imagetest.CheckImage(t, img, uint64(len(b)))
			imagetest.CheckNotes(t, img, c.notes...)
			if want := uint64(len(c.lost)) * 4096; img.Missing != want && !(len(c.lost) == 0 && len(c.notes) > 0 && img.Missing == 1) {
				t.Errorf("%d bytes missing, want %d", img.Missing, want)
			}
			if name == "the bitmaps" {
				return
			}
			for _, m := range img.Mappings {
				for p := uint64(m.First) / 4096; p <= uint64(m.Last)/4096; p++ {
					lost := slices.Contains(c.lost, p)
					if lost != (m.State == engine.Absent && m.Absence == engine.Missing) || !lost && m.State != engine.Present {
						t.Errorf("page %d: %v, %v", p, m.State, m.Absence)
					}
				}
			}
			held := map[uint64]string{}
			for p, want := range pages {
				if !slices.Contains(c.lost, p) {
					held[p] = want
				}
			}
			checkPages(t, img, held, 4096)
		})
	}
}

// A page whose packed bytes are damaged cannot be read, and its neighbours can.
func TestDamagedPage(t *testing.T) {
	for _, how := range []string{"zlib", "lzo", "snappy", "zstd"} {
		k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: how, Pages: map[uint64]string{0: page(4096, "one"), 1: page(4096, "two"), 2: page(4096, "three")}}
		b := k.Build()
		i := bytes.LastIndex(b, []byte(lastOf(b, 1)))
		copy(b[i:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		img := opened(t, b)
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := space.Bytes(0, 3*4096)
		if len(got) != 4096 || err == nil || !strings.Contains(err.Error(), how) {
			t.Errorf("%s: %d bytes, %v", how, len(got), err)
		}
		checkPages(t, img, map[uint64]string{0: k.Pages[0], 2: k.Pages[2]}, 4096)
	}
}

// lastOf returns the packed bytes of page i of a little-endian dump of three pages.
func lastOf(b []byte, i int) string {
	at := addr.Little.Uint(b[0x4000+24*i:][:8])
	size := addr.Little.Uint(b[0x4000+24*i+8:][:4])
	return string(b[at:][:size])
}

// What the bitmaps say of any pages is what the mappings show.
func TestBitmaps(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(20, 60, 1000) {
		k := drawn(rnd)
		b := k.Build()
		img := opened(t, b)
		imagetest.CheckImage(t, img, uint64(len(b)))
		got := map[uint64]engine.State{}
		for _, m := range img.Mappings {
			for p := uint64(m.First) / 1024; p <= uint64(m.Last)/1024; p++ {
				got[p] = m.State
			}
		}
		held := map[uint64]string{}
		for p, want := range k.Pages {
			if k.Lost[p] {
				if got[p] != engine.Absent {
					t.Errorf("page %#x, lost: %v", p, got[p])
				}
				continue
			}
			held[p] = want
			if got[p] != engine.Present {
				t.Errorf("page %#x: %v", p, got[p])
			}
		}
		for _, p := range k.Excluded {
			if _, there := k.Pages[p]; !there && got[p] != engine.Absent {
				t.Errorf("page %#x, left out: %v", p, got[p])
			}
		}
		for p := range got {
			if _, there := k.Pages[p]; !there && !slices.Contains(k.Excluded, p) {
				t.Errorf("page %#x: %v, and it is no memory", p, got[p])
			}
		}
		if img.Missing != uint64(len(k.Lost))*1024 {
			t.Errorf("%d bytes missing of %d pages", img.Missing, len(k.Lost))
		}
		checkPages(t, img, held, 1024)
	}
}

// drawn returns a dump of pages of 1 KiB drawn at random, in runs.
func drawn(rnd *rand.Rand) imagetest.Kdump {
	k := imagetest.Kdump{
		Version: 6, Machine: "x86_64", Block: 1024, How: []string{"none", "zlib", "lzo", "snappy", "zstd"}[rnd.IntN(5)],
		Pages: map[uint64]string{}, Lost: map[uint64]bool{}, Unshared: rnd.IntN(4) == 0,
	}
	p := uint64(rnd.IntN(100))
	for range 1 + rnd.IntN(20) {
		n := uint64(1 + rnd.IntN(40))
		for range n {
			switch kind := rnd.IntN(9); {
			case rnd.IntN(100) == 0: // a hole of one page
			case kind < 3:
				k.Excluded = append(k.Excluded, p)
			case kind == 3:
				k.Pages[p] = imagetest.Zeros(1024)
			default:
				k.Pages[p] = page(1024, fmt.Sprintf("page %d ", p))
			}
			if _, there := k.Pages[p]; there && rnd.IntN(20) == 0 {
				k.Lost[p] = true
			}
			p++
		}
		p += uint64(rnd.IntN(3) * rnd.IntN(3000))
	}
	return k
}

func TestRefused(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Pages: map[uint64]string{1: page(4096, "x")}}
	b := k.Build()
	_, err := Format.Open(t.Context(), imagetest.Reader(b), image.Options{Space: image.Virtual})
	if !errors.As(err, new(*image.SpaceError)) {
		t.Error(err)
	}
	_, err = Format.Open(t.Context(), imagetest.Reader(b[:300]), image.Options{})
	imagetest.CheckError(t, err, "a kdump whose header is damaged")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Format.Open(ctx, imagetest.Reader(b), image.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, err = Format.Open(t.Context(), imagetest.Reader(b), image.Options{Budget: budget.New(1000)})
	if !errors.As(err, new(*budget.Error)) {
		t.Error(err)
	}
}

// The parts of two dumps of one crash, of which one leaves out a page, are not put together, whichever
// is opened: what lies behind that page would be read from the wrong places.
func TestOtherDumpOfTheCrash(t *testing.T) {
	folder := t.TempDir()
	pages := map[uint64]string{}
	for p := uint64(1); p < 10; p++ {
		pages[p] = page(4096, fmt.Sprintf("page %d. ", p))
	}
	write := func(name string, split [2]uint64, left ...uint64) string {
		k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: "zlib", Time: 77, Split: split, Pages: maps.Clone(pages), Excluded: left}
		for _, p := range left {
			delete(k.Pages, p)
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, k.Build(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	low, high := [2]uint64{0, 5}, [2]uint64{5, 10}
	for path, want := range map[string]uint64{
		write("all.1", low): 9, write("all.2", high): 9, write("some.1", low, 3): 8, write("some.2", high, 3): 8, write("other.1", low, 7): 4,
	} {
		file, err := input.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := imagetest.Finished(Format.Open(t.Context(), file.Reader(), image.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		s, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		found := uint64(0)
		for p := range uint64(10) {
			if b, err := s.Bytes(addr.Addr(p*4096), 4096); err == nil {
				if found++; string(b) != pages[p] {
					t.Errorf("%s: page %d begins with %q", path, p, b[:10])
				}
			}
		}
		if found != want || (img.Missing > 0) != (found == 4) {
			t.Errorf("%s: %d pages, want %d; %d bytes missing", path, found, want, img.Missing)
		}
		img.Close()
		file.Close()
	}
}

// Every prefix of a dump opens or is an error, and tells of what is missing.
func TestPrefixes(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 1024, How: "snappy", Pages: map[uint64]string{1: page(1024, "x"), 2: page(1024, "y")}, Info: "OSRELEASE=6\n"}
	b := k.Build()
	for n := range len(b) {
		img, err := imagetest.Finished(Format.Open(t.Context(), imagetest.Reader(b[:n]), image.Options{}))
		if err != nil {
			continue
		}
		imagetest.CheckImage(t, img, uint64(n))
		if img.Missing == 0 || len(img.Notes) == 0 {
			t.Fatalf("of %d bytes of %d nothing is missing: %q", n, len(b), img.Notes)
		}
	}
}

// Pages that the bitmaps have beyond the number that the header tells are not lost without a word.
func TestBeyondTop(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 1024, How: "none", Pages: map[uint64]string{}}
	for p := range uint64(20) {
		k.Pages[p] = strings.Repeat("a page, ", 128)
	}
	b := k.Build()
	head := k.Head(2, 11)
	img := opened(t, append([]byte(head), b[len(head):]...))
	if img.Missing != 9*1024 {
		t.Errorf("%d bytes missing", img.Missing)
	}
	imagetest.CheckNotes(t, img, "the bitmaps have 9 pages beyond the 11 that the header tells (max_mapnr): they are not read")
}
