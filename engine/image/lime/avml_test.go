package lime

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
	"vscan/internal/testenv"
)

var (
	avml   = imagetest.AVMLRecord
	packed = imagetest.PackedChunk
	plain  = imagetest.PlainChunk
)

// shown prints what an image's space shows from an address on: its bytes, with . for those that
// are missing, ? for those that cannot be read, and _ for holes.
func shown(t *testing.T, img *image.Image, first addr.Addr, n int) string {
	t.Helper()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for a := first; a < first+addr.Addr(n); a++ {
		m := space.At(a).Mapping
		c, err := space.Byte(a)
		switch {
		case m == nil:
			b.WriteByte('_')
		case m.State == engine.Absent && m.Absence == engine.Missing:
			b.WriteByte('.')
		case err != nil:
			b.WriteByte('?')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Every form that a compressed dump can have shows the same memory.
func TestAVML(t *testing.T) {
	const memory = "_abcdefgh_"
	whole := avml(0x1001, 0x1008, packed("abcd"), plain("efgh"))
	header := imagetest.AVMLHeader(0x1001, 0x1008)
	ident := "\xff\x06\x00\x00sNaPpY"
	damage := func(s string, at int) string { return s[:at] + string([]byte{s[at] ^ 0x41}) + s[at+1:] }
	chunkAt := 32 + 10 // of the first chunk
	for name, c := range map[string]struct {
		file    string
		want    string // of the memory from 0x1000 on
		missing uint64
		notes   []string
	}{
		"one":              {whole, memory, 0, nil},
		"packed":           {avml(0x1001, 0x1008, packed("abcdefgh")), memory, 0, nil},
		"plain":            {avml(0x1001, 0x1008, plain("abcdefgh")), memory, 0, nil},
		"padding":          {avml(0x1001, 0x1008, imagetest.PaddingChunk(3), packed("abcd"), imagetest.PaddingChunk(0), packed("efgh"), imagetest.PaddingChunk(100)), memory, 0, nil},
		"passed over":      {avml(0x1001, 0x1008, packed("abcd"), "\x80\x02\x00\x00zz", packed("efgh")), memory, 0, nil},
		"identified again": {avml(0x1001, 0x1008, packed("abcd"), ident, packed("efgh")), memory, 0, nil},
		"no identifier":    {header + packed("abcdefgh") + imagetest.Words(addr.Little, 8, uint64(len(packed("abcdefgh")))), memory, 0, nil},
		"two records":      {avml(0x1001, 0x1004, packed("abcd")) + avml(0x1005, 0x1008, packed("efgh")), memory, 0, nil},
		"out of order":     {avml(0x1005, 0x1008, packed("efgh")) + avml(0x1001, 0x1004, packed("abcd")), memory, 0, nil},
		"overlapping":      {avml(0x1001, 0x1005, packed("abcdX")) + avml(0x1005, 0x1008, packed("efgh")), memory, 0, []string{"record[0], 0x1001..0x1005, and record[1], 0x1005..0x1008, overlap"}},
		"a LiME record":    {avml(0x1001, 0x1004, packed("abcd")) + imagetest.Record(0x1005, 0x1008, "efgh"), memory, 0, nil},
		"LiME first":       {imagetest.Record(0x1001, 0x1004, "abcd") + avml(0x1005, 0x1008, packed("efgh")), memory, 0, nil},
		"zeros at the end": {whole + imagetest.Zeros(100), memory, 0, nil},
		"a last byte":      {avml(1<<64-1, 1<<64-1, packed("x")) + whole, memory, 0, nil},

		"sum":                  {damage(whole, chunkAt+4), "_????efgh_", 0, nil},
		"packed bytes":         {damage(whole, chunkAt+11), "_????efgh_", 0, nil},
		"type":                 {damage(whole, chunkAt), "_....efgh_", 4, []string{"no chunk at file offset 0x2a"}},
		"length":               {damage(whole, chunkAt+2), "_....efgh_", 4, []string{"no chunk at file offset 0x2a"}},
		"last type":            {damage(whole, chunkAt+len(packed("abcd"))), "_abcd...._", 4, []string{"no chunk at file offset 0x38"}},
		"identifier":           {damage(whole, 32+2), memory, 0, []string{"no chunk at file offset 0x20"}},
		"stream length":        {damage(whole, len(whole)-1), memory, 0, []string{"stands another length than that of its chunks, 36"}},
		"no stream length":     {whole[:len(whole)-8] + imagetest.Record(0x100a, 0x100a, "i"), memory, 0, []string{"another length"}},
		"another length, more": {damage(whole, len(whole)-1) + imagetest.Record(0x2000, 0x2000, "i"), memory, 0, []string{"another length"}},
		"too few":              {avml(0x1001, 0x1008, packed("abcd")), "_abcd...._", 4, nil},
		"too many":             {avml(0x1001, 0x1006, packed("abcd"), plain("efgh")), "_abcd..___", 2, []string{"no chunk at file offset 0x38"}},
		"reserved":             {whole[:24] + "x" + whole[25:] + avml(0x1001, 0x1002, packed("ab")), "_ab_______", uint64(len(whole)), []string{"do not go together"}},
		"turned round":         {avml(0x1008, 0x1001, packed("abcd")) + avml(0x1001, 0x1002, packed("ab")), "_ab_______", uint64(len(avml(0, 1, packed("abcd")))), []string{"do not go together"}},
		"all memory":           {avml(0, 1<<64-1, packed("abcd")) + avml(0x1001, 0x1002, packed("ab")), "_ab_______", uint64(len(avml(0, 1, packed("abcd")))), []string{"do not go together"}},
		"damage between":       {avml(0x1001, 0x1004, packed("abcd")) + "noise" + avml(0x1005, 0x1008, packed("efgh")), memory, 5, []string{"magic 0x"}},
		"a record's end":       {header + ident + packed("abcd") + "noise" + imagetest.Record(0x1005, 0x1006, "ef"), "_abcdef.._", 4, []string{"no chunk at file offset 0x38", "overlap"}},
	} {
		t.Run(name, func(t *testing.T) {
			img := avmlImage(t, c.file)
			if got := shown(t, img, 0x1000, len(memory)); got != c.want {
				t.Errorf("%s, want %s; notes %q", got, c.want, img.Notes)
			}
			if img.Missing != c.missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
			}
			imagetest.CheckNotes(t, img, c.notes...)
			if img.Format != "AVML" || img.Space != image.Physical {
				t.Errorf("%+v", img)
			}
		})
	}
	for n := range len(whole) { // every prefix
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(whole[:n])), image.Options{}))
		switch {
		case n < 32 && n > 0:
			imagetest.CheckError(t, err, fmt.Sprintf("after %d of 32 bytes", n))
		case err != nil:
			t.Errorf("%d bytes: %v", n, err)
		case n >= 32:
			got := shown(t, img, 0x1000, len(memory))
			if want := memory[:1+min(8, max(0, 4*strings.Count(got, "d")+4*strings.Count(got, "h")))]; !strings.HasPrefix(got, want) || strings.Contains(got, "?") || img.Missing != uint64(strings.Count(got, ".")) || len(img.Notes) == 0 {
				t.Errorf("%d bytes: %s, %d missing, notes %q", n, got, img.Missing, img.Notes)
			}
		}
	}
}

// avmlImage opens a dump that has to open.
func avmlImage(t *testing.T, file string) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file)), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	checkUnpacked(t, img, len(file))
	return img
}

// checkUnpacked is imagetest.CheckImage of an image whose source may have more bytes than its file.
func checkUnpacked(t *testing.T, img *image.Image, size int) {
	t.Helper()
	held := uint64(size)
	for _, m := range img.Mappings {
		if m.Source != nil {
			held = max(held, m.Source.Size())
		}
	}
	imagetest.CheckImage(t, img, held)
}

// Of chunks that are damaged only their own memory is lost, wherever they are and however many: of 64 KiB
// each, as AVML makes them, where their heads are damaged, and of any size where their bytes are.
func TestAVMLDamage(t *testing.T) {
	rnd := testenv.Rand(t)
	for round := range testenv.Rounds(10, 40, 1000) {
		n := 2 + rnd.IntN(6)
		var memory, file strings.Builder
		file.WriteString(imagetest.AVMLHeader(0, uint64((n-1)<<16+5000-1)) + "\xff\x06\x00\x00sNaPpY")
		heads := make([]int, n)
		for i := range n {
			data := make([]byte, 1<<16)
			for k := range data {
				data[k] = byte(rnd.IntN(2 + i)) // which snappy packs, or does not
			}
			if i == n-1 {
				data = data[:5000]
			}
			heads[i] = file.Len()
			memory.Write(data)
			if rnd.IntN(3) == 0 {
				file.WriteString(plain(string(data)))
			} else {
				file.WriteString(packed(string(data)))
			}
		}
		file.WriteString(imagetest.Words(addr.Little, 8, uint64(file.Len()-32)))
		b := []byte(file.String())
		lost := map[int]bool{}
		for range 1 + rnd.IntN(2) {
			i := rnd.IntN(n - 1)
			if lost[i] {
				continue
			}
			lost[i] = true
			switch rnd.IntN(3) {
			case 0:
				b[heads[i]] = 0x17 // no type that may be passed over
			case 1:
				b[heads[i]+1+rnd.IntN(3)] ^= byte(1 << rnd.IntN(8))
			default:
				b[heads[i]+4+rnd.IntN(4)] ^= 0x10
			}
		}
		img := avmlImage(t, string(b))
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		want := memory.String()
		for i := range n {
			at := addr.Addr(i<<16 + rnd.IntN(5000))
			if c, err := space.Byte(at); (err != nil) != lost[i] || err == nil && c != want[at] {
				t.Errorf("round %d: chunk %d of %d, lost %v: %#x, %v; notes %q", round, i, n, lost, c, err, img.Notes)
			}
		}
	}
}

// Very many chunks of few bytes are refused before they take more memory than the file.
func TestSmallChunks(t *testing.T) {
	c := &chunks{all: make([]chunk, fewRecords+1), size: (fewRecords + 1) * leastBytes, room: 1 << 30}
	l := &reader{Reader: imagetest.Reader(nil)}
	if err := c.makeRoom(l); err != nil {
		t.Error(err)
	}
	c.size--
	if err := c.makeRoom(l); err == nil || !strings.Contains(err.Error(), "avml-convert") {
		t.Error(err)
	}
}

// Opening ends with its context wherever it is.
func TestAVMLInterrupted(t *testing.T) {
	file := strings.Repeat(avml(0x1000, 0x1003, packed("abcd")), 100) + imagetest.AVMLHeader(0, 1<<40) + strings.Repeat("\x17", 100000)
	all := &imagetest.Asked{Context: t.Context(), Left: 1 << 30}
	if _, err := open(all, imagetest.Reader([]byte(file)), image.Options{}); err != nil {
		t.Fatal(err)
	}
	for left := range all.Count {
		_, err := open(&imagetest.Asked{Context: t.Context(), Left: left}, imagetest.Reader([]byte(file)), image.Options{})
		if err == nil || !strings.Contains(err.Error(), "interrupted while") {
			t.Errorf("after %d questions: %v", left, err)
		}
	}
}

// What another program packed is what the raw image has.
func TestAVMLSamples(t *testing.T) {
	raw, err := os.ReadFile(imagetest.MadeSample(t, "s.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s.avml", "s.avml-stored"} {
		f, err := input.Open(imagetest.MadeSample(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		img, err := imagetest.Finished(open(t.Context(), f.Reader(), image.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		var total uint64
		for _, m := range img.Mappings {
			b, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
			if err != nil || string(b) != string(raw[m.First:m.Last+1]) {
				t.Errorf("%s: %v differs: %v", name, m.Range, err)
			}
			total += m.Size()
		}
		if total == 0 || img.Missing != 0 || len(img.Notes) != 0 {
			t.Errorf("%s: %#x bytes, %d missing, notes %q", name, total, img.Missing, img.Notes)
		}
	}
}
