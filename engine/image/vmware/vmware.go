// Package vmware opens the memory of VMware machines. It is for the engine and may
// change.
//
// VMware keeps the memory of a suspended machine, or of a snapshot, in a .vmem
// file, and where its parts lie in a state file of the same name beside it, .vmss
// or .vmsn. Without gaps the .vmem file is memory as it is from address 0; with
// them, what lies above the first gap follows what lies below it in the file.
// Of a state file only the regions of memory are read here.
//
// All little-endian: magic (4), version (4), number of groups (4); groups of name
// (64), file offset of the first tag (8), size (8). A tag is two bytes, the lower
// six bits of the first the size of its value, the upper two the number of its
// indices, the second the length of its name; name, indices (4 each), value. A
// size of 62 or 63 is a block: its size in the file (8), in memory (8), size of
// the padding (2), padding, bytes. A tag of zeros ends the group. Magics that end
// in 0 are of a time when the sizes of blocks had 4 bytes. Sources: crash
// vmware_vmss.h and vmware_vmss.c; volatility3 layers/vmware.py.
package vmware

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/engine/image/raw"
	"vscan/internal/interrupt"
)

const (
	pageSize   = 4096
	headerSize = 12
	groupSize  = 80
	maxGroups  = 1024    // more are damage
	maxTags    = 1 << 16 // in the group of memory; more are damage
	maxRegions = 64      // more are damage; crash knows 3
)

// region is pages of guest memory that follow one another in the .vmem.
type region struct {
	ppn  uint64 // number of the first page in the guest's physical memory
	page uint64 // in the file
	size uint64 // in pages
}

// first returns the address of the first byte, offset that in the file, bytes the
// size. Page numbers are below 2^32, so none overflows.
func (r region) first() uint64  { return r.ppn * pageSize }
func (r region) offset() uint64 { return r.page * pageSize }
func (r region) bytes() uint64  { return r.size * pageSize }

func IsMemory(path string) bool { return strings.EqualFold(filepath.Ext(path), ".vmem") }

// Open opens a .vmem file, whose bytes are raw memory. It asks the state file
// beside it where they lie, refuses the file where that is not at their offset, and
// notes where nobody can tell.
func Open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	img, err := raw.Place(in, o)
	if err == nil {
		err = check(ctx, img, in)
	}
	if err != nil {
		return nil, err
	}
	return img, nil
}

// check asks the state files for Open. The file's bytes are the image's only
// mapping.
func check(ctx context.Context, img *image.Draft, in input.Reader) error {
	sidecars, err := findSidecars(in.Path())
	if err != nil {
		img.Note("whether a .vmss or .vmsn file lies beside it cannot be told: %v", err)
	}
	var followed string
	var regions []region
	for _, path := range sidecars {
		if info, err := os.Stat(path); err == nil {
			img.ReadBeside(info)
		}
		r, err := readRegions(ctx, path)
		switch {
		case ctx.Err() != nil:
			return image.Interrupted(ctx.Err(), path, "reading where the parts of memory lie")
		case err != nil:
			img.Note("the state file beside it is damaged or cannot be read: %v", err)
		case followed == "":
			followed, regions = path, r
		case !slices.Equal(r, regions):
			img.Note("the state files beside it contradict each other: %s is followed, and not %s", filepath.Base(followed), filepath.Base(path))
		}
	}
	switch {
	case followed != "" && !asTheyLie(regions):
		return gapsError(in, followed, regions)
	case followed != "":
		img.Tell("state_file", filepath.Base(followed))
		checkEnd(img, in, followed, regions)
		return nil
	}
	what := "no .vmss or .vmsn file of its name lies beside it, which would tell"
	if len(sidecars) > 0 {
		what = "the state file does not tell"
	}
	img.Note("raw bytes at 0x0: those of a .vmem file are at their physical addresses only if the machine's memory has no gap; %s", what)
	return nil
}

// checkEnd counts as missing what the state file speaks of and the .vmem file does
// not have. Regions lie in the file at their address.
func checkEnd(img *image.Draft, in input.Reader, sidecar string, regions []region) {
	name, from := img.Mappings[0].Name, in.Size
	for _, r := range slices.SortedFunc(slices.Values(regions), func(a, b region) int { return cmp.Compare(a.ppn, b.ppn) }) {
		first, end := max(r.first(), from), r.first()+r.bytes()
		if end <= first {
			continue
		}
		img.Note("truncated: the file ends at %#x, and %s has memory from %#x to %#x", in.Size, filepath.Base(sidecar), first, end-1)
		img.Lose(end - first)
		absent := addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)}
		img.Mappings = append(img.Mappings, engine.Mapping{Range: absent, State: engine.Absent, Absence: engine.Missing, Name: name, NameOffset: first})
		from = end
	}
}

// findSidecars are the files of the same name, .vmss before .vmsn, as
// Volatility takes them; where there are none, those of the file that a link
// leads to.
func findSidecars(path string) ([]string, error) {
	found, err := sameNamed(path)
	if target, linked := filepath.EvalSymlinks(path); linked == nil && err == nil && len(found) == 0 && target != path {
		return sameNamed(target)
	}
	return found, err
}

// sameNamed are the state files beside a .vmem file.
func sameNamed(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	var found []string
	for _, want := range []string{".vmss", ".vmsn"} {
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); strings.EqualFold(ext, want) && strings.TrimSuffix(e.Name(), ext) == base {
				found = append(found, filepath.Join(filepath.Dir(path), e.Name()))
			}
		}
	}
	return found, nil
}

// asTheyLie reports whether each region's bytes are in the file at their address.
func asTheyLie(regions []region) bool {
	return !slices.ContainsFunc(regions, func(r region) bool { return r.ppn != r.page })
}

// maxAdvised is how many regions advice spells out.
const maxAdvised = 8

// gapsError refuses a .vmem file and says how to lay its regions one by one.
func gapsError(in input.Reader, sidecar string, regions []region) error {
	e := &image.UnsupportedError{Path: in.Path(), Format: "VMware memory",
		What:   fmt.Sprintf("the memory of a VMware machine with gaps, in %s (%s says where)", input.Plural(len(regions), "region"), filepath.Base(sidecar)),
		Advice: "it is not read yet: use Volatility 3", RawHelps: "read it as if there were no gaps",
	}
	if len(regions) <= maxAdvised && !slices.ContainsFunc(regions, func(r region) bool { return r.offset()+r.bytes() > in.Size }) {
		e.Advice, e.Layers = "name its regions instead", regionLayers(in.Path(), regions)
	}
	return e
}

// regionLayers lay each region at its address.
func regionLayers(path string, regions []region) []image.LayerSpec {
	var out []image.LayerSpec
	for _, r := range regions {
		out = append(out, image.LayerSpec{Path: path, At: addr.Addr(r.first()), Raw: true, Offset: r.offset(), Len: r.bytes()})
	}
	return out
}

// readRegions reads the regions of memory from a state file; none where the
// memory has no gaps.
func readRegions(ctx context.Context, path string) ([]region, error) {
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	regions, err := state{f.Reader()}.regions(ctx)
	return regions, image.Interrupted(err, path, "reading where the parts of memory lie")
}

// state is a state file.
type state struct{ input.Reader }

// fail returns what is wrong with a state file, and where.
func (in state) fail(off uint64, format string, args ...any) error {
	return fmt.Errorf("%s: at file offset %#x: %s", in.Path(), off, fmt.Sprintf(format, args...))
}

var magics = []uint64{0xbed2bed0, 0xbed2bed2, 0xbed3bed3, 0xbad1bad1, 0xbad2bad2}

// regions finds the group of memory and reads its tags.
func (in state) regions(ctx context.Context) ([]region, error) {
	b, err := in.exactly(headerSize, 0)
	if err != nil {
		return nil, err
	}
	f := input.NewFields(b, addr.Little)
	magic, groups := f.U32(0), f.U32(8)
	if !slices.Contains(magics, magic) {
		return nil, in.fail(0, "magic %#08x is of no state file that is known", magic)
	}
	if groups > maxGroups {
		return nil, in.fail(8, "%d groups, which are more than %d", groups, maxGroups)
	}
	for i := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := in.exactly(groupSize, headerSize+i*groupSize)
		if err != nil {
			return nil, err
		}
		if name, _, _ := bytes.Cut(b[:64], []byte{0}); string(name) == "memory" {
			return in.memoryTags(ctx, input.NewFields(b, addr.Little).U64(64), magic&0xf != 0)
		}
	}
	return nil, in.fail(headerSize, "no group of %d is that of memory", groups)
}

// exactly reads n bytes; fewer are an error.
func (in state) exactly(n int, off uint64) ([]byte, error) {
	b := make([]byte, n)
	m, err := in.Fill(b, off)
	if err == nil && m < n {
		err = in.fail(off, "the file ends after %d of %d bytes", m, n)
	}
	return b, err
}

// memoryTags reads the tags of the group that begins at a file offset. wide says
// that sizes of blocks have 8 bytes.
func (in state) memoryTags(ctx context.Context, off uint64, wide bool) ([]region, error) {
	var m memory
	watch := interrupt.New(ctx)
	for range maxTags {
		if err := watch.Step(16); err != nil {
			return nil, err
		}
		t, err := in.tag(off, wide)
		if err != nil {
			return nil, err
		}
		if t.end {
			return m.regions(in, off)
		}
		switch set := m.set(t); {
		case !set && m.count > maxRegions:
			return nil, in.fail(off, "tag %q[%d]: %d regions, which are more than %d", t.name, t.index, m.count, maxRegions)
		case !set:
			return nil, in.fail(off, "tag %q[%d] is that of region %d or a later one", t.name, t.index, maxRegions)
		}
		off = t.next
	}
	return nil, in.fail(off, "more than %d tags", maxTags)
}

// tag is a tag of a group.
type tag struct {
	end   bool // of the group
	name  string
	index uint64 // the first, or 0
	value uint64 // of 1 to 8 bytes
	next  uint64 // file offset of the tag behind it
}

// tag reads the tag at a file offset.
func (in state) tag(off uint64, wide bool) (tag, error) {
	var none tag
	b, err := in.exactly(2, off)
	if err != nil {
		return none, err
	}
	size, indices, length := int(b[0]&0x3f), int(b[0]>>6), int(b[1])
	if b[0] == 0 && b[1] == 0 {
		return tag{end: true}, nil
	}
	off += 2
	head, err := in.exactly(length+4*indices, off)
	if err != nil {
		return none, err
	}
	t := tag{name: string(head[:length])}
	if indices > 0 {
		t.index = input.NewFields(head, addr.Little).U32(length)
	}
	off += uint64(len(head))
	if size >= 62 {
		t.next, err = in.block(off, wide)
		return t, err
	}
	value, err := in.exactly(size, off)
	if n := min(size, 8); err == nil && n > 0 {
		t.value = littleUint(value[:n])
	}
	t.next = off + uint64(size)
	return t, err
}

// littleUint returns the number in up to 8 bytes.
func littleUint(b []byte) uint64 {
	var wide [8]byte
	copy(wide[:], b)
	return addr.Little.Uint(wide[:])
}

// block skips a block of bytes, whose sizes are at a file offset.
func (in state) block(off uint64, wide bool) (next uint64, err error) {
	word := 4
	if wide {
		word = 8
	}
	b, err := in.exactly(2*word+2, off)
	if err != nil {
		return 0, err
	}
	size, padding := littleUint(b[:word]), littleUint(b[2*word:])
	next = input.AddSat(off+uint64(len(b))+padding, size)
	if next > in.Size {
		return 0, in.fail(off, "a block of %#x bytes runs past the end of the file", size)
	}
	return next, nil
}

// memory is what the tags of the group of memory say.
type memory struct {
	counted bool
	count   uint64
	region  [maxRegions]region
	seen    [maxRegions][3]bool // of each region: ppn, page, size
}

// set keeps what a tag says. It reports false for a region beyond all bounds.
func (m *memory) set(t tag) bool {
	if t.name == "regionsCount" {
		m.count, m.counted = t.value, true
		return t.value <= maxRegions
	}
	which := slices.Index([]string{"regionPPN", "regionPageNum", "regionSize"}, t.name)
	if which < 0 {
		return true
	}
	if t.index >= maxRegions {
		return false
	}
	r := &m.region[t.index]
	*[]*uint64{&r.ppn, &r.page, &r.size}[which] = t.value
	m.seen[t.index][which] = true
	return true
}

// regions returns those that were counted. off is where the group ends.
func (m *memory) regions(in state, off uint64) ([]region, error) {
	if !m.counted {
		return nil, in.fail(off, "the group of memory does not say how many regions there are")
	}
	for i, r := range m.region[:m.count] {
		switch {
		case m.seen[i] != [3]bool{true, true, true}:
			return nil, in.fail(off, "region %d has no regionPPN, regionPageNum or regionSize", i)
		case r.size == 0, r.ppn >= 1<<32, r.page >= 1<<32, r.size >= 1<<32:
			return nil, in.fail(off, "region %d: %d pages from page %#x on, in the file from page %#x on, cannot be", i, r.size, r.ppn, r.page)
		}
	}
	return slices.Clone(m.region[:m.count]), nil
}

// IsState looks at the number of groups behind magic and version: the magics
// are letters in UTF-8 too.
func IsState(head []byte) bool {
	if !magic.At(0, "\xd0\xbe\xd2\xbe", "\xd0\xbe\xd0\xbe", "\xd2\xbe\xd2\xbe", "\xd3\xbe\xd3\xbe", "\xd1\xba\xd1\xba", "\xd2\xba\xd2\xba")(head) {
		return false
	}
	if len(head) < headerSize {
		return true // cut
	}
	groups := binary.LittleEndian.Uint32(head[8:])
	return groups > 0 && groups <= maxGroups
}
