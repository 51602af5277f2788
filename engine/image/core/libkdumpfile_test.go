package core_test

import (
	"encoding/hex"
	"fmt"
	"os"
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
func vector(t *testing.T, order addr.ByteOrder, machine uint64, space image.AddressSpace, flat bool, text string) (*image.Image, *engine.Space) {
	t.Helper()
	b := imagetest.BuildELF(true, order, segmentsOf(t, order, text), func(h []byte) { order.PutUint(h[18:20], machine) })
	if flat { // later blocks first, as makedumpfile may write them
		half := len(b) / 2
		b = imagetest.Flatten([]imagetest.FlatBlock{{Off: uint64(half), Data: string(b[half:])}, {Off: 0, Data: string(b[:half])}})
	}
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "dump", string(b)), image.Options{Space: space})
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
	vectors := imagetest.Sample(t, "ptesarik/libkdumpfile/tests")
	file := func(name string) string {
		b, err := os.ReadFile(vectors + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
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
			_, s := vector(t, addr.Little, amd64, "", flat, "@phdr type=LOAD offset=4096 memsz=4096\n"+text)
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
				img, s := vector(t, order, c.machine, "", flat, file("elf-endian.data"))
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
	t.Run("partial", func(t *testing.T) {
		_, s := vector(t, addr.Little, amd64, "", false, `
@phdr type=LOAD offset=0x1000 vaddr=0x200 paddr=0x200 memsz=0x400
55*0x200
@phdr type=LOAD vaddr=0x800 paddr=0x800 memsz=0x400
@phdr type=LOAD vaddr=0xc00 paddr=0xc00 memsz=0x200
aa*0x200
`)
		check(t, s, 0, file("partial.expect"))
	})
	t.Run("virtual and physical", func(t *testing.T) {
		const text = `
@phdr type=LOAD offset=0x1000 vaddr=0x100 paddr=0x200 memsz=0x200
55*0x100
aa*0x100
`
		physical, virtual, _ := strings.Cut(file("elf-virt-phys-clash.expect"), "\n")
		_, s := vector(t, addr.Little, amd64, image.Physical, false, text)
		check(t, s, 0x200, physical)
		_, s = vector(t, addr.Little, amd64, image.Virtual, false, text)
		check(t, s, 0x200, virtual)
	})
	t.Run("fractional", func(t *testing.T) { // elf-fractional: of a page that comes twice the first is cut
		_, s := vector(t, addr.Little, amd64, image.Physical, false, `
@phdr type=LOAD vaddr=0x101000 paddr=0x1000 offset=0x1000 memsz=0x600
00*0x600
@phdr type=LOAD vaddr=0x201000 paddr=0x1000 offset=0x2000 memsz=0x1000
00*4088
4E 6F 4D 61 67 69 63 21
`)
		check(t, s, 0x1ff8, "4E 6F 4D 61 67 69 63 21")
	})
	t.Run("overlap", func(t *testing.T) { // elf-overlap, with the bitmaps of pages that it expects
		_, s := vector(t, addr.Little, amd64, "", false, `
@phdr type=LOAD offset=0x1000 vaddr=0x1000 paddr=0x1000 memsz=0x4000
55*0x1000
@phdr type=LOAD vaddr=0x3000 paddr=0x3000 memsz=0x4000
@phdr type=LOAD vaddr=0xa000 paddr=0xa000 memsz=0x8000
55*0x2000
@phdr type=LOAD vaddr=0xc000 paddr=0xc000 memsz=0x4000
aa*0x2000
@phdr type=LOAD vaddr=0x18000 paddr=0x18000 memsz=0x4000
@phdr type=LOAD vaddr=0x1c000 paddr=0x1c000 memsz=0x2000
aa*0x1000
`)
		held, mapped := [4]byte{}, [4]byte{}
		for page := range 32 {
			switch a := addr.Addr(page * 4096); s.State(a) {
			case engine.Present:
				held[page/8] |= 1 << (page % 8)
				fallthrough
			case engine.Absent:
				mapped[page/8] |= 1 << (page % 8)
			}
		}
		if held != [4]byte{0x02, 0x3c, 0x00, 0x10} || mapped != [4]byte{0x7e, 0xfc, 0x03, 0x3f} {
			t.Errorf("held %x, mapped %x", held, mapped)
		}
	})
	t.Run("vmcoreinfo", func(t *testing.T) {
		img, s := vector(t, addr.Little, amd64, "", false, file("elf-vmcoreinfo.data"))
		check(t, s, 0xffff880002000000, file("elf-vmcoreinfo.expect"))
		if !slices.ContainsFunc(img.Facts, func(f image.Fact) bool { return f.Value == "3.12.28" }) {
			t.Errorf("%+v", img.Facts)
		}
	})
}
