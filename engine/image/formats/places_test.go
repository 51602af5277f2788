package formats_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// elsewhere is a source whose bytes lie at unpacked offsets, as what a container holds does.
type elsewhere struct{ engine.Source }

func (elsewhere) PlaceOf(off uint64) string { return fmt.Sprintf("at unpacked offset %#x", off) }

// All that is told of a damaged file, when it is opened and when its memory is read, names places as the source of the
// file tells them: of what a container holds it speaks of unpacked offsets alone, and else says the same.
func TestPlacesAreTheSources(t *testing.T) {
	rnd := testenv.Rand(t)
	var told []string
	page := strings.Repeat("page", 256)
	kdump := imagetest.Kdump{Version: 6, Machine: "x86_64", Block: 1024, How: "zlib", Pages: map[uint64]string{1: page, 2: page[1:] + "x", 9: page}}
	core := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.FilesNote(true, addr.Little, []uint64{0x1000, 0x2000}, "/a") + imagetest.ThreadNote(true, addr.Little, 8, 0x1008)},
		{Type: 1, Flags: 5, Vaddr: 0x1000, Data: "abcdefgh", Memsz: 16},
	}, nil)
	windows := imagetest.WinHeader{Wide: true, Kind: 1}.String() + page
	segment := imagetest.MachSegment(addr.Little, true, "x", 0x1000, 0x1000, 0, 64, 3)
	for name, file := range map[string]string{
		"lime":      imagetest.Record(0x1000, 0x1003, "abcd") + "damaged" + imagetest.Record(5, 5, "y") + imagetest.Zeros(40) + imagetest.Record(7, 1<<40, "z"),
		"avml":      imagetest.AVMLRecord(0x1000, 0x1007, imagetest.PackedChunk("abcd"), imagetest.PlainChunk("efgh")) + imagetest.AVMLRecord(0x3000, 0x3003, imagetest.PackedChunk("abcd")),
		"kdump":     string(kdump.Build()),
		"flattened": string(imagetest.Flatten([]imagetest.FlatBlock{{Off: 0, Data: string(core[:100])}, {Off: 100, Data: string(core[100:])}})),
		"elf":       string(core),
		"windows":   windows,
		"macho":     imagetest.MachO(addr.Little, true, 0x01000007, segment, segment),
		"vmware":    imagetest.VMState(0xbed3bed3, imagetest.VMRegions([3]uint64{0, 0, 2})+imagetest.VMBlock(true, "Memory", page, 70)),
	} {
		told = append(told, comparePlaces(t, rnd, name, []byte(file))...)
	}
	t.Run("samples", func(t *testing.T) {
		folder := filepath.Dir(imagetest.MadeSample(t, "s.raw"))
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, comparePlaces(t, rnd, e.Name(), b)...)
		}
	})
	places := 0
	for _, line := range told {
		if strings.Contains(line, "unpacked offset") {
			places++
		}
	}
	if places == 0 {
		t.Errorf("no place in %d lines", len(told))
	}
	t.Logf("%d places in %d lines", places, len(told))
}

// comparePlaces opens a file, damaged at random, by two sources and compares what is told. It returns the lines.
func comparePlaces(t *testing.T, rnd *rand.Rand, name string, whole []byte) (all []string) {
	t.Helper()
	for range testenv.Rounds(5, 20, 3000) {
		b := bytes.Clone(whole)
		for range rnd.IntN(4) {
			at := rnd.IntN(min(len(b), 64<<rnd.IntN(9)))
			if rnd.IntN(2) == 0 {
				copy(b[at:], []byte{0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0}[:4<<rnd.IntN(2)])
			} else {
				b[at] ^= 1 << rnd.IntN(8)
			}
		}
		if rnd.IntN(3) == 0 {
			b = b[:1+rnd.IntN(len(b))]
		}
		file, packed := toldOf(t, b, false), toldOf(t, b, true)
		if want := strings.ReplaceAll(strings.Join(file, "\n"), "file offset", "unpacked offset"); strings.Join(packed, "\n") != want {
			t.Errorf("%s: of a container is told\n%s\nwant\n%s", name, strings.Join(packed, "\n"), want)
			return all
		}
		all = append(all, packed...)
	}
	return all
}

// toldOf returns what is told of a file, as it is or as a container has it.
func toldOf(t *testing.T, b []byte, packed bool) (told []string) {
	t.Helper()
	k := formats.Recognize(b, nil)
	if k == nil || k.Open == nil {
		return nil
	}
	in := imagetest.Reader(b)
	if packed {
		in.Source = elsewhere{in.Source}
	}
	img, err := imagetest.Finished(k.Open(t.Context(), in, image.Options{}))
	if err != nil {
		return []string{err.Error()}
	}
	defer img.Close()
	told = append(told, img.Notes...)
	for _, m := range img.Mappings[:min(len(img.Mappings), 16)] {
		if m.State != engine.Present {
			continue
		}
		n := int(min(m.Size(), 1<<14))
		if got, err := m.Source.View(make([]byte, n), m.Offset, n); err != nil {
			told = append(told, fmt.Sprintf("%d bytes, %v", len(got), err))
		}
	}
	return told
}
