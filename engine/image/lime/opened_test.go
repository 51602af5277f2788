package lime_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// A first record that is empty or damaged does not refuse the file.
func TestLiMEFirst(t *testing.T) {
	type record = func(first, last uint64, data string) string
	for name, c := range map[string]struct {
		start   func(r record) string
		number  int // of the record that follows
		missing uint64
	}{
		"zeros":      {func(record) string { return imagetest.Zeros(32) }, 0, 0},
		"empty":      {func(r record) string { return r(0x1000, 0xfff, "") }, 1, 0},
		"two empty":  {func(r record) string { return r(0x1000, 0xfff, "") + r(1, 0, "") }, 2, 0},
		"range":      {func(r record) string { return r(0x1003, 0x1000, "abcd") }, 0, 36},
		"version":    {func(r record) string { return strings.ReplaceAll(r(0x2000, 0x2003, ""), "\x01", "\x02") }, 0, 32},
		"cut header": {func(r record) string { return r(0x1000, 0x1003, "")[:20] }, 0, 20},
		"too long":   {func(r record) string { return r(0, 1<<64-1, "abcd") }, 0, 36},
	} {
		for order, r := range map[string]record{"little": imagetest.Record, "big": imagetest.BigRecord} {
			t.Run(name+" "+order, func(t *testing.T) {
				file := c.start(r) + r(0x3000, 0x3003, "efgh")
				img, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.lime", file), image.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer img.Close()
				imagetest.CheckMappings(t, img, fmt.Sprintf("0x3000..0x3003 present +%#x record[%d]\n", len(file)-4, c.number))
				if img.Missing != c.missing || len(img.Notes) != 1 && name != "two empty" {
					t.Errorf("%d bytes missing, want %d; notes %q", img.Missing, c.missing, img.Notes)
				}
				if big := order == "big"; img.Format != "LiME" || img.OrderKnown != big || big && img.Order != addr.Big {
					t.Errorf("%s, %v, %v", img.Format, img.Order, img.OrderKnown)
				}
			})
		}
	}
}

// Dumps that another program wrote hold what the raw image has.
func TestLiMESamples(t *testing.T) {
	raw, err := os.ReadFile(imagetest.MadeSample(t, "s.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s.lime", "s.lime-odd"} {
		img, err := formats.Open(t.Context(), imagetest.MadeSample(t, name), image.Options{})
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
		if total != 0x7c00+0xe000 || img.Missing != 0 || len(img.Notes) != 0 {
			t.Errorf("%s: %#x bytes, %d missing, notes %q", name, total, img.Missing, img.Notes)
		}
		img.Close()
	}
}
