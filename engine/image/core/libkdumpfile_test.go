package core_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// segmentsOf returns the segments that a description of libkdumpfile's tests has (tests/mkelf.c, tests/testutil.c): a
// line @phdr with what the header says, and lines with what is in the segment: numbers as many bytes wide as they
// have pairs of digits, in the byte order of the dump, which N* repeats, and texts in quotes.
func segmentsOf(t *testing.T, order addr.ByteOrder, text string) (all []imagetest.Segment) {
	t.Helper()
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "@phdr "); ok {
			s := imagetest.Segment{}
			for _, field := range strings.Fields(header) {
				switch name, value, _ := strings.Cut(field, "="); name {
				case "type":
					s.Type = map[string]uint32{"LOAD": 1, "NOTE": 4}[value]
				case "vaddr":
					s.Vaddr = number(value)
				case "paddr":
					s.Paddr = number(value)
				case "memsz":
					s.Memsz = number(value)
				}
			}
			all = append(all, s)
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		s := &all[len(all)-1]
		for line != "" {
			if said, err := strconv.QuotedPrefix(line); err == nil {
				line = strings.TrimSpace(line[len(said):])
				said, _ = strconv.Unquote(said)
				s.Data += said
				continue
			}
			var word string
			word, line, _ = strings.Cut(line, " ")
			digits, times, repeated := strings.Cut(word, "*")
			b, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			if order == addr.Little {
				slices.Reverse(b)
			}
			n := uint64(1)
			if repeated {
				n = number(times)
			}
			s.Data += strings.Repeat(string(b), int(n))
		}
	}
	for i := range all {
		all[i].Memsz = max(all[i].Memsz, uint64(len(all[i].Data)))
	}
	return all
}

// vector is a dump of these tests as a space.
func vector(t *testing.T, order addr.ByteOrder, machine uint64, flat bool, text string) (*image.Image, *engine.Space) {
	t.Helper()
	b := imagetest.BuildELF(true, order, segmentsOf(t, order, text), func(h []byte) { order.PutUint(h[18:20], machine) })
	if flat { // later blocks first, as makedumpfile may write them
		half := len(b) / 2
		b = imagetest.Flatten([]imagetest.FlatBlock{{Off: uint64(half), Data: string(b[half:])}, {Off: 0, Data: string(b[:half])}})
	}
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "dump", string(b)), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	s, err := engine.NewSpace(img.Mappings...)
	if err != nil || img.Missing > 0 {
		t.Fatal(err, img.Notes)
	}
	return img, s
}

// What libkdumpfile expects of its ELF dumps is what is read, but that it fills up a page of which a part is in no
// segment with zeros, which are no bytes here.
func TestLibkdumpfile(t *testing.T) {
	imagetest.Libkdumpfile(t, "basic.expect") // all are there, or the test is skipped
	file := func(name string) string { return imagetest.Libkdumpfile(t, name) }
	const amd64, s390x = 62, 22
	check := func(t *testing.T, s *engine.Space, from addr.Addr, want string) {
		t.Helper()
		there := 0
		for i, digits := range strings.Fields(want) {
			b, err := s.Bytes(from+addr.Addr(i), 1)
			switch {
			case err == nil && digits == fmt.Sprintf("%02X", b[0]):
				there++
			case err == nil || digits != "00":
				t.Fatalf("at %v: %x, %v, want %s", from+addr.Addr(i), b, err, digits)
			}
		}
		if there == 0 {
			t.Error("not a byte is there")
		}
	}
	for _, flat := range []bool{false, true} {
		t.Run(fmt.Sprint("basic, flattened ", flat), func(t *testing.T) {
			text := file("basic.expect")
			_, s := vector(t, addr.Little, amd64, flat, "@phdr type=LOAD offset=4096 memsz=4096\n"+text)
			check(t, s, 0, text)
			if _, err := s.Bytes(0x1000, 1); err == nil {
				t.Error("elf-nonexistent: a byte behind the segment")
			}
		})
		t.Run(fmt.Sprint("words, flattened ", flat), func(t *testing.T) {
			for order, c := range map[addr.ByteOrder]struct {
				name    string
				machine uint64
			}{addr.Little: {"elf-le", amd64}, addr.Big: {"elf-be", s390x}} {
				img, s := vector(t, order, c.machine, flat, file("elf-endian.data"))
				if img.Order != order || !img.OrderKnown {
					t.Errorf("%s: %v", c.name, img.Order)
				}
				for _, size := range []int{2, 4, 8} {
					for i, want := range strings.Fields(file(fmt.Sprint(c.name, 8*size, ".expect"))) {
						b, err := s.Bytes(addr.Addr(i*size), size)
						if err != nil {
							t.Fatal(err)
						}
						if got := fmt.Sprintf("%0*X", 2*size, order.Uint(b)); got != want {
							t.Errorf("%s: word %d of %d bytes: %s, want %s", c.name, i, size, got, want)
						}
					}
				}
			}
		})
	}
	t.Run("vmcoreinfo", func(t *testing.T) {
		img, s := vector(t, addr.Little, amd64, false, file("elf-vmcoreinfo.data"))
		check(t, s, 0xffff880002000000, file("elf-vmcoreinfo.expect"))
		if !slices.ContainsFunc(img.Facts, func(f image.Fact) bool { return f.Value == "3.12.28" }) {
			t.Errorf("%+v", img.Facts)
		}
	})
}
