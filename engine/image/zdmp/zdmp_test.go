package zdmp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// pack returns LZNT1 of some bytes: chunks of 4096, packed as well as looking back a little
// does, or as they are where that is shorter. It is written from [MS-XCA] 2.5.
func pack(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		chunk := b[:min(4096, len(b))]
		b = b[len(chunk):]
		data, flag := packChunk(chunk), 0x8000
		if len(data) >= len(chunk) {
			data, flag = chunk, 0
		}
		out = append(out, imagetest.Words(addr.Little, 2, uint64(flag|3<<12|(len(data)-1)))...)
		out = append(out, data...)
	}
	return out
}

func packChunk(b []byte) []byte {
	var out []byte
	for at := 0; at < len(b); {
		flags := len(out)
		out = append(out, 0)
		for bit := 0; bit < 8 && at < len(b); bit++ {
			far := 4 // bits of the distance
			for 1<<far < at {
				far++
			}
			most := 1<<(16-far) - 1 + 3
			best, back := 0, 0
			for d := 1; d <= min(at, 300); d++ {
				n := 0
				for n < most && at+n < len(b) && b[at+n] == b[at+n-d] {
					n++
				}
				if n > best {
					best, back = n, d
				}
			}
			if best < 3 {
				out = append(out, b[at])
				at++
				continue
			}
			out[flags] |= 1 << bit
			out = append(out, imagetest.Words(addr.Little, 2, uint64((back-1)<<(16-far)|(best-3)))...)
			at += best
		}
	}
	return out
}

// file returns a zdmp file of some bytes. plain says which blocks are kept as they are.
func file(content string, block int, plain ...int) string {
	var b strings.Builder
	b.WriteString(imagetest.Padded("ZDMP"+imagetest.Words(addr.Little, 4, 0x100)+imagetest.Words(addr.Little, 8, uint64(len(content)))+imagetest.Words(addr.Little, 4, uint64(block))+imagetest.Words(addr.Little, 2, 1, 2), 0x1000))
	for i := 0; i*block < len(content); i++ {
		part := content[i*block : min((i+1)*block, len(content))]
		packed := string(pack([]byte(part)))
		for _, p := range plain {
			if p == i {
				packed = imagetest.Padded(part, block)
			}
		}
		b.WriteString("ZBLK" + imagetest.Words(addr.Little, 4, uint64(len(packed)), uint64(crc32.ChecksumIEEE([]byte(packed)))) + packed)
	}
	return b.String()
}

// dump is a crash dump with pages 1, 2 and 5.
func dump() string {
	return imagetest.WinHeader{Wide: true, Kind: 1, Runs: [][2]uint64{{1, 2}, {5, 1}}}.String() + imagetest.WinPages(1, 2, 5)
}

// A crash dump in blocks of any size is what it is without them.
func TestDump(t *testing.T) {
	for _, c := range []struct {
		block int
		plain []int
	}{{4096, nil}, {4096, []int{0, 3, 4}}, {0x8000, nil}, {0x8000, []int{0}}, {1000, []int{20}}, {1 << 20, nil}} {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file(dump(), c.block, c.plain...))), image.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		imagetest.CheckMappings(t, img, "0x1000..0x2fff present +0x2000 ram\n0x5000..0x5fff present +0x4000 ram\n")
		imagetest.CheckNotes(t, img)
		for _, m := range img.Mappings {
			for a := m.First; a < m.Last; a += 4096 {
				b, err := m.Source.View(make([]byte, 4096), m.OffsetOf(a), 4096)
				if want := imagetest.WinPages(uint64(a) / 4096); err != nil || string(b) != want {
					t.Errorf("%d: page at %v: %.20q, %v", c.block, a, b, err)
				}
			}
		}
		if img.Missing != 0 || img.Format != "DumpIt zdmp" || img.WordSize != 8 {
			t.Errorf("%+v", img)
		}
		if got := fmt.Sprint(img.Facts); !strings.Contains(got, "{dtb 0x1ad000}") || !strings.Contains(got, fmt.Sprintf("{compression lznt1} {block_size %d}", c.block)) {
			t.Error(got)
		}
	}
}

// What is damaged or cut is told, and costs what cannot be read.
func TestDamage(t *testing.T) {
	content := dump()
	good := file(content, 4096)
	set := func(off int, b string) string { return good[:off] + b + good[off+len(b):] }
	third := nth(good, 3)
	for name, c := range map[string]struct {
		content string
		want    string
		missing uint64
		notes   []string
	}{
		"cut in a block": {good[:len(good)-3], "0x1000..0x2fff present +0x2000 ram\n0x5000..0x5fff absent ram\n", 4096, []string{"truncated: the file ends at offset 0x4000", "behind block 3 at file offset 0x11c5: the file ends in the next one: 0x4000 of 0x5000 bytes of the dump are there"}},
		"cut behind one": {good[:nth(good, 4)], "0x1000..0x2fff present +0x2000 ram\n0x5000..0x5fff absent ram\n", 4096, []string{"truncated", "the file ends there"}},
	} {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(c.content)), image.Options{}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		imagetest.CheckMappings(t, img, c.want)
		imagetest.CheckNotes(t, img, c.notes...)
		if img.Missing != c.missing {
			t.Errorf("%s: %d bytes missing, want %d", name, img.Missing, c.missing)
		}
	}
	// A block whose checksum is wrong, or whose header is damaged, cannot be read, and others can.
	checkThird(t, set(third+12, "\x01\x02"), "its CRC-32 is")
	checkThird(t, set(third, "XBLK"), "its header is damaged", `block 3 at file offset 0x11c5 is damaged and cannot be read: "XBLK" stands there, and not ZBLK`)
	checkThird(t, set(third+4, "\xff\xff\xff\xff"), "its header is damaged", "a block of 0xffffffff bytes stands there")
	checkThird(t, set(third+4, "\x00\x00\x00\x00"), "its header is damaged", "a block of 0x0 bytes stands there")
}

// Of a file with damage everywhere, opening it takes no longer than going through it.
func TestDamageEverywhere(t *testing.T) {
	head := file(dump(), 1<<20)[:0x1000]
	head = head[:8] + imagetest.Words(addr.Little, 8, 1<<40) + head[16:]
	one := "ZBLK" + imagetest.Words(addr.Little, 4, 1, 0x8cdc1683) + "x" // with the CRC-32 of x
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(head+one+strings.Repeat("XBLK"+one[4:]+one+one, 1<<15))), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(img.Notes); n != image.MaxNotes+1 || img.Missing == 0 {
		t.Errorf("%d notes, %d bytes missing", n, img.Missing)
	}
	img, err = imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(head+one+strings.Repeat("ZBLK\x01\x00\x00\x00", 1<<17))), image.Options{}))
	if err != nil || img.Missing == 0 {
		t.Errorf("%v, %v", img, err)
	}
}

// checkThird reads a file whose block 3 is damaged, which is page 2.
func checkThird(t *testing.T, content, want string, notes ...string) {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(content)), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckNotes(t, img, notes...)
	m := img.Mappings[0]
	if b, err := m.Source.View(make([]byte, 4096), m.Offset, 4096); err != nil || string(b) != imagetest.WinPages(1) {
		t.Errorf("%.20q, %v", b, err)
	}
	b, err := m.Source.View(make([]byte, 4096), m.Offset+4096, 4096)
	imagetest.CheckError(t, err, want)
	if len(b) != 0 {
		t.Errorf("%d bytes of a damaged block", len(b))
	}
	if b, err = m.Source.View(make([]byte, 4096), m.Offset+8192, 4096); err != nil || string(b) != imagetest.WinPages(5) {
		t.Errorf("%.20q, %v", b, err)
	}
}

// nth returns the offset of the block of that number.
func nth(file string, n int) int {
	off := 0x1000
	for range n {
		off += 12 + int(addr.Little.Uint([]byte(file[off+4:off+8])))
	}
	return off
}

// What cannot be a dump is an error; raw memory is taken as it is.
func TestOther(t *testing.T) {
	good := file(dump(), 4096)
	for name, c := range map[string]struct{ content, want string }{
		"header cut": {good[:20], "truncated: the header is cut at the end of the file after 20 of 24 bytes"},
		"no blocks":  {good[:0x1000], "no block of the dump is at file offset 0x1000: the file ends there"},
		"encrypted":  {good[:20] + "\x02" + good[21:], "of kind 2 with compression 2: only LZNT1 is read"},
		"other":      {good[:22] + "\x03" + good[23:], "of kind 1 with compression 3: only LZNT1 is read"},
		"block size": {good[:16] + "\x00\x00\x00\xff" + good[20:], "at file offset 0x8: 0x5000 bytes in blocks of 0xff000000"},
		"no bytes":   {good[:8] + imagetest.Zeros(8) + good[16:], "at file offset 0x8: 0x0 bytes"},
		"first cut":  {good[:0x1010], "the file ends in the next one"},
	} {
		_, err := open(t.Context(), imagetest.Reader([]byte(c.content)), image.Options{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		imagetest.CheckError(t, err, c.want)
	}
	_, err := open(t.Context(), imagetest.Reader([]byte(good)), image.Options{Budget: budget.New(1000)})
	imagetest.CheckError(t, err, "block 0 at file offset 0x1000")
	_, err = open(t.Context(), imagetest.Reader([]byte(file(imagetest.WinHeader{Wide: true, Kind: 4}.String(), 4096))), image.Options{})
	imagetest.CheckError(t, err, "a small (triage) dump")
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file("raw memory", 4096))), image.Options{Format: "zdmp"}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckMappings(t, img, "0x0..0x9 present +0x0 test.img\n")
	imagetest.CheckNotes(t, img, "what is in the blocks is no crash dump")
}

// The example of [MS-XCA] 3.2 is unpacked as it says.
func TestLZNT1(t *testing.T) {
	packed, err := hex.DecodeString("38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c091601484500be009e000401189000")
	if err != nil {
		t.Fatal(err)
	}
	const want = "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\x00"
	dst := make([]byte, 4096)
	if n, err := unpack(dst, packed); err != nil || string(dst[:n]) != want {
		t.Errorf("%q, %v", dst[:n], err)
	}
}

// plainUnpack does what unpack does, byte by byte, as [MS-XCA] 2.5 tells it.
func plainUnpack(src []byte, room int) (out []byte, ok bool) {
	for len(src) >= 2 && (src[0] != 0 || src[1] != 0) {
		head := int(src[0]) | int(src[1])<<8
		size := head&0xfff + 1
		if head>>12&7 != 3 || size > len(src)-2 {
			return out, false
		}
		for len(out)%4096 != 0 {
			if len(out) == room {
				return out, false
			}
			out = append(out, 0)
		}
		begin := len(out)
		in := src[2 : 2+size]
		src = src[2+size:]
		put := func(c byte) bool {
			if len(out) == min(begin+4096, room) {
				return false
			}
			out = append(out, c)
			return true
		}
		if head&0x8000 == 0 {
			for _, c := range in {
				if !put(c) {
					return out, false
				}
			}
			continue
		}
		for i := 0; i < len(in); {
			flags := in[i]
			i++
			for bit := 0; bit < 8 && i < len(in); bit++ {
				if flags>>bit&1 == 0 {
					if !put(in[i]) {
						return out, false
					}
					i++
					continue
				}
				if i+2 > len(in) {
					return out, false
				}
				code := int(in[i]) | int(in[i+1])<<8
				i += 2
				far := 4
				for 1<<far < len(out)-begin {
					far++
				}
				back, n := code>>(16-far)+1, code&(1<<(16-far)-1)+3
				if back > len(out)-begin {
					return out, false
				}
				for range n {
					if !put(out[len(out)-back]) {
						return out, false
					}
				}
			}
		}
	}
	return out, true
}

func checkUnpack(t *testing.T, src []byte, room int) {
	t.Helper()
	dst := bytes.Repeat([]byte{0xee}, room)
	n, err := unpack(dst, src)
	want, ok := plainUnpack(src, room)
	if (err == nil) != ok || ok && !bytes.Equal(dst[:n], want) {
		t.Errorf("%d bytes, %.60x, in %d bytes: %d bytes, %v; want %d, %v", len(src), src, room, n, err, len(want), ok)
	}
}

// Packed bytes, whole, cut and flipped, are unpacked as byte by byte.
func TestUnpackAgainstPlain(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(30, 100, 20000) {
		b := content(rnd)
		p := pack(b)
		if got, ok := plainUnpack(p, len(b)); !ok || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes are packed as %d, and unpacked they are %d others", len(b), len(p), len(got))
		}
		checkUnpack(t, p, len(b))
		checkUnpack(t, p, rnd.IntN(len(b)+1))
		checkUnpack(t, p[:rnd.IntN(len(p))], len(b))
		p[rnd.IntN(len(p))] ^= 1 << rnd.IntN(8)
		checkUnpack(t, p, len(b)+4096)
	}
}

// content returns bytes that repeat themselves.
func content(rnd *rand.Rand) []byte {
	b := make([]byte, 1+rnd.IntN(9000))
	for i := range b {
		b[i] = byte(rnd.IntN(3))
		if d := 1 + rnd.IntN(20); i > d && rnd.IntN(4) > 0 {
			b[i] = b[i-d]
		}
	}
	return b
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack([]byte(strings.Repeat("abc", 100)+"d")), uint16(400))
	f.Add(pack(make([]byte, 5000)), uint16(5000))
	f.Add([]byte("\x03\x30abcd"), uint16(4))
	f.Fuzz(func(t *testing.T, src []byte, room uint16) { checkUnpack(t, src, int(room)) })
}

func FuzzDump(f *testing.F) {
	for _, block := range []int{4096, 0x8000} {
		f.Add([]byte(file(dump(), block)))
		f.Add([]byte(file("raw memory", block)))
	}
	f.Fuzz(check)
}

// check opens a file, reads what it has, and holds for every one.
func check(t *testing.T, b []byte) {
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		imagetest.CheckError(t, err, "")
		return
	}
	for _, m := range img.Mappings {
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v", m.Range, err)
		}
		if m.State == engine.Present {
			n := int(min(m.Size(), 1<<16))
			got, err := m.Source.View(make([]byte, n), m.Offset, n)
			if len(got) > n || len(got) < n && err == nil {
				t.Errorf("%v: %d bytes, %v", m.Range, len(got), err)
			}
		}
	}
}

// A file that is cut, or of which some bits are flipped, is an image or an error.
func TestHostile(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, block := range []int{4096, 0x8000} {
		whole := []byte(file(dump(), block))
		for range testenv.Rounds(100, 500, 20000) {
			check(t, whole[:rnd.IntN(len(whole))])
			b := bytes.Clone(whole)
			at := rnd.IntN(24)
			if rnd.IntN(2) == 0 {
				at = nth(string(whole), rnd.IntN((len(dump())+block-1)/block)) + rnd.IntN(20)
			}
			b[min(at, len(b)-1)] ^= 1 << rnd.IntN(8)
			check(t, b)
		}
	}
}

// What another program wrote holds what the dump in it has.
func TestSample(t *testing.T) {
	want, err := os.ReadFile(imagetest.MadeSample(t, "s.win-full.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(imagetest.MadeSample(t, "s.zdmp"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	source := img.Mappings[0].Source
	got, err := source.View(make([]byte, source.Size()), 0, int(source.Size()))
	if err != nil || !bytes.Equal(got, want) || len(img.Notes) > 0 {
		t.Errorf("%d bytes differ, or %v; notes %q", len(got), err, img.Notes)
	}
}

// What is wrong with the dump in the blocks is told with the block that has it: the dump's own offsets are none of the file.
func TestPlacesAreThoseOfBlocks(t *testing.T) {
	h := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	b := file(h+imagetest.Zeros(8192), 4096)
	at := 0
	for range len(h)/4096 + 1 { // the block behind those of the header
		at += 1 + strings.Index(b[at:], "ZBLK")
	}
	_, err := open(t.Context(), imagetest.Reader([]byte(b)), image.Options{})
	imagetest.CheckError(t, err, fmt.Sprintf("at offset %#x (in the block at file offset %#x): ", len(h), at-1))
}
