package search_test

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

// find prints every hit of some patterns in an image, and where it is.
func find(ctx context.Context, path string, pats ...patterns.Pattern) error {
	img, err := layered.Open(ctx, path, layered.Options{})
	if err != nil {
		return err
	}
	defer img.Close()
	query := search.Query{Patterns: pats}
	sum, err := query.Run(ctx, img, search.HitFunc(func(hit *search.Hit) error {
		m := img.Space.At(hit.Addr).Mapping
		fmt.Printf("%v %s+%#x %s\n", hit.Addr, m.Name, m.PlaceOf(hit.Addr), hit.Name)
		return nil
	}))
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d bytes searched, %d were never saved\n", sum.Scanned, sum.InScope, sum.Absent)
	if !sum.Complete {
		return fmt.Errorf("not all could be looked at: %d bytes are missing, %d could not be read", img.Missing, sum.Unreadable)
	}
	return nil
}

// segment is memory of a core: size bytes, of which data was saved.
type segment struct {
	at, size uint64
	data     string
}

// core returns an ELF core of a 64-bit x86 process, without notes, so that its
// mappings have no names of their own.
func core(segments ...segment) []byte {
	const headerSize, segmentSize = 64, 56
	offset := headerSize + segmentSize*len(segments)
	b, _ := binary.Append(nil, binary.LittleEndian, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Ehsize: headerSize, Phentsize: segmentSize, Phnum: uint16(len(segments)),
	})
	var data []byte
	for _, s := range segments {
		b, _ = binary.Append(b, binary.LittleEndian, elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: uint64(offset + len(data)),
			Vaddr: s.at, Filesz: uint64(len(s.data)), Memsz: s.size,
		})
		data = append(data, s.data...)
	}
	return append(b, data...)
}

// A text, and pointers into a mapping, in a core, and in what is left of it where
// its end is lost. The function find is whole.
func Example_find() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "core")
	hello, err := patterns.Parse("text:hello")
	if err != nil {
		log.Fatal(err)
	}
	pointer, err := patterns.Parse("ptr:@load[1]")
	if err != nil {
		log.Fatal(err)
	}
	b := core(segment{0x1000, 0x1000, "hello...\x08\x20\x00\x00\x00\x00\x00\x00"}, segment{0x2000, 16, "........ hello.."})
	for _, b := range [][]byte{b, b[:len(b)-8]} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			log.Fatal(err)
		}
		fmt.Println("error:", find(context.Background(), path, hello, pointer))
	}
	// Output:
	// 0x1000 load[0]+0x0 text:hello
	// 0x1008 load[0]+0x8 ptr:@load[1]
	// 0x2009 load[1]+0x9 text:hello
	// 32 of 32 bytes searched, 4080 were never saved
	// error: <nil>
	// 0x1000 load[0]+0x0 text:hello
	// 0x1008 load[0]+0x8 ptr:@load[1]
	// 24 of 24 bytes searched, 4088 were never saved
	// error: not all could be looked at: 8 bytes are missing, 0 could not be read
}
