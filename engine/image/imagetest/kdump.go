package imagetest

import (
	"bytes"
	"compress/zlib"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"vscan/engine/addr"
)

// Kdump is a compressed dump to be written, as makedumpfile's IMPLEMENTATION and diskdump_mod.h
// describe it.
type Kdump struct {
	Order     addr.ByteOrder
	Narrow    bool   // longs have 4 bytes
	Padded    bool   // and numbers of 8 bytes are aligned to 8
	Version   int    // of the header
	Signature string // "" is KDUMP
	Block     int    // size of a page; 0 is 4096
	How       string // none, zlib, lzo, snappy or zstd
	Machine   string
	Time      uint64
	Status    uint64
	Level     uint64
	Split     [2]uint64 // the pages of this part; none: the dump is not split
	OneBitmap bool
	Info      string // VMCOREINFO
	Top       uint64 // one more than the highest page; 0: of those that there are

	Pages    map[uint64]string
	Excluded []uint64
	Lost     map[uint64]bool // pages whose descriptors have no offset
	Unshared bool            // each page of zeros has its own block
}

// pack returns what packs a page, and its flag.
func (k *Kdump) pack() (flag uint64, pack func(string) string) {
	switch k.How {
	case "zlib":
		return 1, func(s string) string {
			var b bytes.Buffer
			w := zlib.NewWriter(&b)
			w.Write([]byte(s))
			w.Close()
			return b.String()
		}
	case "lzo":
		return 2, packLZO
	case "snappy":
		return 4, func(s string) string { return string(s2.EncodeSnappy(nil, []byte(s))) }
	case "zstd":
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		return 0x20, func(s string) string { return string(w.EncodeAll([]byte(s), nil)) }
	}
	return 0, func(s string) string { return s }
}

// packLZO packs a text as LZO1X (Documentation/staging/lzo.rst of Linux): runs of literals, and matches of 4 bytes
// and more at a distance below 16 KiB, with the end of the stream behind them.
//
//	17 + n                             the first run, of n ≤ 238 bytes
//	n − 3; 0, 0…, rest of n − 18       a run of 4 bytes and more behind a match; each 0 is 255
//	32 + (n − 2); 32, 0…, rest of n − 33, then (distance − 1) << 2 | literals behind it, 2 bytes, little-endian
func packLZO(s string) string {
	var out []byte
	long := func(rest int) { // at least 1
		for ; rest > 255; rest -= 255 {
			out = append(out, 0)
		}
		out = append(out, byte(rest))
	}
	distance := -1 // where the last match has its distance
	literals := func(run string) {
		n := len(run)
		switch {
		case n == 0:
		case distance < 0 && n <= 238:
			out = append(out, byte(17+n))
		case n <= 3:
			out[distance] |= byte(n)
		case n <= 18:
			out = append(out, byte(n-3))
		default:
			out = append(out, 0)
			long(n - 18)
		}
		out = append(out, run...)
	}
	seen := map[string]int{}
	begin := 0 // of the literals
	for i := 0; i+4 <= len(s); {
		at, ok := seen[s[i:i+4]]
		seen[s[i:i+4]] = i
		if !ok || i-at >= 16<<10 {
			i++
			continue
		}
		literals(s[begin:i])
		n := 4
		for i+n < len(s) && s[at+n] == s[i+n] {
			n++
		}
		if n <= 33 {
			out = append(out, byte(32+n-2))
		} else {
			out = append(out, 32)
			long(n - 33)
		}
		distance = len(out)
		d := (i - at - 1) << 2
		out = append(out, byte(d), byte(d>>8))
		i += n
		begin = i
	}
	literals(s[begin:])
	return string(append(out, 0x11, 0, 0))
}

// Pack packs a page as the dump has it.
func (k *Kdump) Pack(page string) string {
	_, pack := k.pack()
	return pack(page)
}

// BlockSize returns the size of a page.
func (k *Kdump) BlockSize() int {
	if k.Block == 0 {
		return 4096
	}
	return k.Block
}

// words returns numbers of n bytes each.
func (k *Kdump) words(n int, v ...uint64) string { return Words(k.Order, n, v...) }

// Head returns the header and the sub header: two blocks, for bitmaps of so many blocks together.
func (k *Kdump) Head(bitmaps int, top uint64) string {
	signature := k.Signature
	if signature == "" {
		signature = "KDUMP   "
	}
	h := signature + k.words(4, uint64(k.Version))
	for _, s := range []string{"Linux", "crashed", "6.1.0-test", "#1 SMP", k.Machine, "(none)"} {
		h += Padded(s, 65)
	}
	long := 8
	if k.Narrow {
		long = 4
	}
	h += Zeros(-len(h) & (long - 1))
	h += k.words(long, k.Time, 0)
	h += k.words(4, k.Status, uint64(k.BlockSize()), 1, uint64(bitmaps), top&0xffffffff, top, 0, uint64(len(k.Pages)), 0, 1)
	return Padded(h, k.BlockSize()) + Padded(k.subHeader(long, top), 512) + Padded(k.Info, k.BlockSize()-512)
}

// subHeader returns the sub header; VMCOREINFO lies 512 bytes behind its beginning.
func (k *Kdump) subHeader(long int, top uint64) string {
	split := uint64(0)
	if k.Split != [2]uint64{} {
		split = 1
	}
	s := k.words(long, 0x1000) + k.words(4, k.Level, split) + k.words(long, k.Split[0], k.Split[1])
	if k.Padded {
		s += Zeros(-len(s) & 7)
	}
	info := uint64(0)
	if k.Info != "" {
		info = uint64(k.BlockSize() + 512)
	}
	for i, off := range []uint64{info, 0, 0} {
		size := uint64(0)
		if i == 0 {
			size = uint64(len(k.Info))
		}
		s += k.words(8, off) + k.words(long, size)
		if k.Padded {
			s += Zeros(-len(s) & 7)
		}
	}
	if k.Version >= 6 {
		s += k.words(8, k.Split[0], k.Split[1], top)
	}
	return s
}

// Build returns the dump.
func (k *Kdump) Build() []byte {
	size := k.BlockSize()
	pages := slices.Sorted(maps.Keys(k.Pages))
	top := k.Top
	for _, p := range slices.Concat(pages, k.Excluded) {
		top = max(top, p+1)
	}
	blocks := (int(top+7)/8 + size - 1) / size
	ram, dumped := make([]byte, blocks*size), make([]byte, blocks*size)
	for _, p := range pages {
		ram[p/8] |= 1 << (p % 8)
		dumped[p/8] |= 1 << (p % 8)
	}
	for _, p := range k.Excluded {
		ram[p/8] |= 1 << (p % 8)
	}
	bitmaps := append(ram, dumped...)
	if k.OneBitmap {
		bitmaps = dumped
	}
	if k.Split != [2]uint64{} {
		pages = slices.DeleteFunc(pages, func(p uint64) bool { return p < k.Split[0] || p >= k.Split[1] })
	}
	head := k.Head(len(bitmaps)/size, top) + string(bitmaps)
	return []byte(head + k.body(pages, uint64(len(head))))
}

// body returns the descriptors and the bytes of pages, which lie at a file offset.
func (k *Kdump) body(pages []uint64, at uint64) string {
	var table, data strings.Builder
	flag, pack := k.pack()
	at += 24 * uint64(len(pages))
	zero := uint64(0) // where the block lies that all pages of zeros share
	for _, p := range pages {
		if k.Lost[p] {
			table.WriteString(Zeros(24))
			continue
		}
		page := k.Pages[p]
		packed, f := pack(page), flag
		off := at + uint64(data.Len())
		isZero := strings.Trim(page, "\x00") == ""
		switch {
		case isZero && !k.Unshared && zero != 0:
			off = zero
		case isZero && !k.Unshared:
			zero = off
			data.WriteString(packed)
		default:
			data.WriteString(packed)
		}
		table.WriteString(k.words(8, off) + k.words(4, uint64(len(packed)), f) + k.words(8, 0))
	}
	return table.String() + data.String()
}

// Flatten returns a file as makedumpfile writes it to a pipe: blocks with the offset and the bytes
// of each.
func Flatten(blocks []FlatBlock) []byte {
	b := []byte(Padded("makedumpfile\x00\x00\x00\x00"+Words(addr.Big, 8, 1, 1), 4096))
	for _, f := range blocks {
		b = append(b, Words(addr.Big, 8, f.Off, uint64(len(f.Data)))+f.Data...)
	}
	return append(b, Words(addr.Big, 8, 1<<64-1, 1<<64-1)...)
}

// FlatBlock is a block of a flattened file.
type FlatBlock struct {
	Off  uint64
	Data string
}
