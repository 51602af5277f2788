package core

import (
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// chunks returns the start of a heap of glibc: chunks of these sizes, whose flags are
// in their lowest bits, and zeros.
func chunks(wide bool, order addr.ByteOrder, before uint64, sizes ...uint64) string {
	var b strings.Builder
	for _, size := range sizes {
		head := imagetest.Words(order, imagetest.WordOf(wide), before, size)
		b.WriteString(head + strings.Repeat("\x00", int(size&^7)-len(head)))
		before = 0
	}
	return b.String()
}

// heapCore returns a core of a program at 0x400000, moved there if base is less, whose
// .bss ends at 0x405fff and whose data are words; of segments behind them.
func heapCore(wide bool, order addr.ByteOrder, linked uint64, auxv []uint64, data []uint64, more ...imagetest.Segment) []byte {
	const at = 0x400000
	entry, prog := uint64(32), testProgram(wide, order, linked, true)
	if wide {
		entry = 56
	}
	auxv = append(auxv, atPhdr, at+uint64(len(prog))-3*entry, atPhent, entry, atPhnum, 3)
	segs := []imagetest.Segment{
		{Type: 4, Data: imagetest.AuxvNote(wide, order, auxv...) + imagetest.FilesNote(wide, order, []uint64{at, at + 0x1000, at + 0x2000, at + 0x3000}, "/bin/prog", "/bin/prog")},
		{Type: 1, Flags: 5, Vaddr: at, Data: prog, Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: at + 0x2000, Data: imagetest.Words(order, imagetest.WordOf(wide), data...), Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: at + 0x3000, Memsz: 0x3000},
	}
	return imagetest.BuildELF(wide, order, append(segs, more...), nil)
}

// What is and what is not the heap.
func TestELFHeap(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		const end, interp = 0x406000, 0x70000000
		reach := uint64(32 << 20)
		if wide {
			reach = 1 << 30
		}
		place := func(first uint64, data string, size uint64) imagetest.Segment {
			return imagetest.Segment{Type: 1, Flags: 6, Vaddr: first, Data: data, Memsz: size}
		}
		heap := chunks(wide, order, 0, 0x291, 0x91, 0xce1)
		saved := "neither chunks nor zeros"
		full := func(s string) string { return s + strings.Repeat("\x00", 0x1000-len(s)) }
		const first = 0x1811000 // within both reaches
		fixed := []uint64{atBase, interp}
		for name, c := range map[string]struct {
			linked uint64 // 0x400000 unless moved
			auxv   []uint64
			data   []uint64
			segs   []imagetest.Segment
			want   uint64 // where [heap] begins, 0: nowhere
			size   uint64 // 0x1000
		}{
			"chunks":                     {auxv: fixed, segs: []imagetest.Segment{place(first, heap, 0x1000)}, want: first},
			"chunks behind .bss":         {auxv: fixed, segs: []imagetest.Segment{place(end, heap, 0x1000)}, want: end},
			"chunks as far as it goes":   {auxv: fixed, segs: []imagetest.Segment{place(end+reach, heap, 0x1000)}, want: end + reach},
			"chunks beyond":              {auxv: fixed, segs: []imagetest.Segment{place(end+reach+0x1000, heap, 0x1000)}},
			"chunks before":              {auxv: fixed, segs: []imagetest.Segment{place(0x10000, heap, 0x1000)}},
			"the second place":           {auxv: fixed, segs: []imagetest.Segment{place(0x800000, saved, 0x1000), place(first, heap, 0x1000)}, want: first},
			"sixteen chunks":             {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, slices.Repeat([]uint64{0x41}, 16)...), 0x8000)}, want: first, size: 0x8000},
			"fifteen chunks":             {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, slices.Repeat([]uint64{0x41}, 15)...)+full(""), 0x8000)}},
			"a chunk before the first":   {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 8, 0x291, 0xd71), 0x1000)}},
			"not in use before":          {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, 0x290, 0xd71), 0x1000)}},
			"mapped":                     {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, 0x1003), 0x1000)}},
			"of another arena":           {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, 0x295, 0xd75), 0x1000)}},
			"beyond its end":             {auxv: fixed, segs: []imagetest.Segment{place(first, chunks(wide, order, 0, 0x291, 0xd81), 0x1000)}},
			"odd size":                   {auxv: fixed, segs: []imagetest.Segment{place(first, imagetest.Words(order, imagetest.WordOf(wide), 0, 0x1005)+saved, 0x1000)}},
			"zeros":                      {auxv: fixed, segs: []imagetest.Segment{place(first, full(""), 0x1000)}},
			"a file":                     {auxv: fixed, segs: []imagetest.Segment{place(0x402000, heap, 0x1000)}},
			"read only":                  {auxv: fixed, segs: []imagetest.Segment{{Type: 1, Flags: 4, Vaddr: first, Data: heap, Memsz: 0x1000}}},
			"its end is told":            {auxv: fixed, data: []uint64{1, first + 0x1000}, segs: []imagetest.Segment{place(first, saved, 0x1000)}, want: first},
			"an end within the page":     {auxv: fixed, data: []uint64{1, first + 0x123}, segs: []imagetest.Segment{place(first, saved, 0x1000)}, want: first},
			"the page behind":            {auxv: fixed, data: []uint64{1, first + 0x1001}, segs: []imagetest.Segment{place(first, saved, 0x1000)}},
			"nothing is told":            {auxv: fixed, segs: []imagetest.Segment{place(first, saved, 0x1000)}},
			"in two mappings":            {auxv: fixed, data: []uint64{first + 0x2000}, segs: []imagetest.Segment{place(first, heap, 0x1000), place(first+0x1000, saved, 0x1000)}, want: first, size: 0x2000},
			"in one, and another behind": {auxv: fixed, segs: []imagetest.Segment{place(first, heap, 0x1000), place(first+0x1000, saved, 0x1000)}, want: first},
			"in three, the last told":    {auxv: fixed, data: []uint64{first + 0x3000}, segs: []imagetest.Segment{place(first, full("x"), 0x1000), place(first+0x1000, saved, 0x1000), place(first+0x2000, "", 0x1000)}, want: first, size: 0x3000},
			"a guard in front":           {auxv: fixed, data: []uint64{first + 0x2000}, segs: []imagetest.Segment{{Type: 1, Vaddr: first, Memsz: 0x1000}, place(first+0x1000, saved, 0x1000)}, want: first, size: 0x2000},
			"like 32-bit Go's":           {auxv: fixed, data: []uint64{0x801000}, segs: []imagetest.Segment{place(0x800000, saved, 0x1000)}, want: map[bool]uint64{true: 0x800000}[wide]},
			"not saved":                  {auxv: fixed, segs: []imagetest.Segment{place(first, "", 0x1000)}, want: map[bool]uint64{true: first}[wide]},
			"two not saved":              {auxv: fixed, segs: []imagetest.Segment{place(first, "", 0x1000), place(first+0x4000, "", 0x1000)}},
			"one of two not saved":       {auxv: fixed, segs: []imagetest.Segment{place(first, "", 0x1000), place(first+0x4000, saved, 0x1000)}},
			"without interpreter":        {segs: []imagetest.Segment{place(first, heap, 0x1000)}, want: first},

			"moved, chunks":         {linked: 0x1000, segs: []imagetest.Segment{place(0x100000, heap, 0x1000)}, want: 0x100000},
			"moved, told":           {linked: 0x1000, data: []uint64{0x101000}, segs: []imagetest.Segment{place(0x100000, saved, 0x1000)}, want: 0x100000},
			"moved, told by page":   {linked: 0x1000, data: []uint64{0x100ff0}, segs: []imagetest.Segment{place(0x100000, saved, 0x1000)}},
			"moved, not saved":      {linked: 0x1000, segs: []imagetest.Segment{place(0x100000, "", 0x1000)}},
			"moved, of ld.so":       {linked: 0x1000, auxv: fixed, segs: []imagetest.Segment{place(0x100000, heap, 0x1000)}},
			"moved, behind a file":  {linked: 0x1000, segs: []imagetest.Segment{place(0x401000, heap, 0x1000)}},
			"moved, but not so far": {linked: 0x1000, segs: []imagetest.Segment{place(first, heap, 0x1000)}, want: first},
		} {
			t.Run(name, func(t *testing.T) {
				if c.linked == 0 {
					c.linked = 0x400000
				}
				if c.size == 0 {
					c.size = 0x1000
				}
				img := openTestELF(t, heapCore(wide, order, c.linked, c.auxv, c.data, c.segs...), image.Options{})
				got := imagetest.Called(img.Mappings, "[heap]")
				var want []addr.Range
				if c.want != 0 {
					want = []addr.Range{{First: addr.Addr(c.want), Last: addr.Addr(c.want + c.size - 1)}}
				}
				if !slices.Equal(got, want) {
					t.Errorf("[heap] is %v, want %v:\n%s", got, want, imagetest.Show(img.Mappings))
				}
			})
		}
	})
}

// Without address space randomisation qemu-user writes .bss and the heap as one
// segment.
func TestELFHeapBehindBss(t *testing.T) {
	order := addr.Little
	b := imagetest.BuildELF(true, order, []imagetest.Segment{
		{Type: 4, Data: imagetest.AuxvNote(true, order, atBase, 1, atPhdr, 0x400040, atPhent, 56, atPhnum, 3) + imagetest.FilesNote(true, order, []uint64{0x400000, 0x401000, 0x402000, 0x403000}, "/p", "/p")},
		{Type: 1, Flags: 5, Vaddr: 0x400000, Data: testProgram(true, order, 0x400000, true), Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: 0x402000, Data: strings.Repeat("\x00", 0x4000) + chunks(true, order, 0, 0x291, 0x1d71), Memsz: 0x6000},
	}, nil)
	var got []string
	for _, m := range openTestELF(t, b, image.Options{}).Mappings {
		if m.First >= 0x402000 {
			got = append(got, m.First.String()+" "+m.Name)
		}
	}
	if want := "0x402000 /p, 0x403000 load[2], 0x406000 [heap]"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// On PowerPC64 the heap may begin at 1 TiB.
func TestELFHeapOfPowerPC64(t *testing.T) {
	order := addr.Big
	b := heapCore(true, order, 0x400000, nil, nil, imagetest.Segment{Type: 1, Flags: 6, Vaddr: 1<<40 + 0x70000, Data: chunks(true, order, 0, 0x291, 0xd71), Memsz: 0x1000})
	order.PutUint(b[18:20], 21)
	if got := imagetest.Called(openTestELF(t, b, image.Options{}).Mappings, "[heap]"); len(got) != 1 || got[0].First != 1<<40+0x70000 {
		t.Errorf("[heap] is %v", got)
	}
}

// Programs that make no sense have no heap, and their headers cost no memory.
func TestELFHostileProgram(t *testing.T) {
	order := addr.Little
	heap := imagetest.Segment{Type: 1, Flags: 6, Vaddr: 0x1800000, Data: chunks(true, order, 0, 0x291, 0xd71), Memsz: 0x1000}
	for name, auxv := range map[string][]uint64{
		"headers nowhere":  {atPhdr, 0x123456789},
		"headers at 0":     {atPhdr, 0},
		"headers at end":   {atPhdr, 1<<64 - 1},
		"count of all":     {atPhnum, 1<<64 - 1},
		"size of 1":        {atPhent, 1},
		"size of all":      {atPhent, 1<<64 - 1},
		"page of 3":        {atPagesz, 3},
		"page of all":      {atPagesz, 1 << 63},
		"path at the end":  {atExecFn, 1<<64 - 1},
		"vDSO at the end":  {atSysinfo, 1<<64 - 1},
		"no entry at all":  {},
		"file in the heap": {atPhdr, 0x1800000},
	} {
		t.Run(name, func(t *testing.T) {
			openTestELF(t, heapCore(true, order, 0x400000, auxv, []uint64{0x1801000}, heap), image.Options{})
		})
	}
	// Headers whose segments wrap round.
	for n := range 168 {
		for _, v := range []byte{0, 0x80, 0xff} {
			b := heapCore(true, order, 0x400000, []uint64{atBase, 1}, []uint64{0x1801000}, heap)
			i := strings.Index(string(b[64+5*56:]), "\x7fELF")
			b[64+5*56+i+64+n] = v
			openTestELF(t, b, image.Options{})
		}
	}
}
