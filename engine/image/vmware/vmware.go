// Package vmware opens the memory of VMware machines. It is for the engine and may
// change.
//
// VMware keeps the memory of a suspended machine, or of a snapshot, in a .vmem
// file, and where its parts lie in a state file of the same name beside it, .vmss
// or .vmsn. Without gaps the .vmem file is memory as it is from address 0; with
// them, what lies above the first gap follows what lies below it in the file. Older
// versions, and ESX, have the memory in the state file itself, as a block.
//
// All of a state file is little-endian: magic (4), version (4), number of groups (4); groups of name
// (64), file offset of the first tag (8), size (8). A tag is two bytes, the lower
// six bits of the first the size of its value, the upper two the number of its
// indices, the second the length of its name; name, indices (4 each), value. A
// size of 63 is a block: its size in the file (8), in memory (8), size of
// the padding (2), padding, bytes; one of 62 a block that is compressed. A tag of zeros ends the group. Magics that end
// in 0 are of a time when the sizes of blocks had 4 bytes. In the group "memory", regionsCount,
// and regionPPN, regionPageNum and regionSize of each region, say in pages where it begins in the
// machine, where in the memory that is kept, and how large it is; Memory is the block. Sources: crash
// vmware_vmss.h and vmware_vmss.c; volatility plugins/addrspaces/vmware.py (memory in the state
// file); volatility3 layers/vmware.py; LeechCore device_file.c (ARM64).
package vmware

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/raw"
)

const (
	pageSize   = 4096
	pageLimit  = 1 << 52 // no page has a number from this on: its address would pass 2^64
	maxRegions = 64      // more are damage; crash knows 3
)

// region is pages of guest memory that follow one another where it is kept.
type region struct {
	ppn  uint64 // number of the first page in the guest's physical memory
	page uint64 // in the memory that is kept
	size uint64 // in pages
}

// first returns the address of the first byte, offset where that is in the memory that is kept,
// bytes the size. Neither page nor the one behind the last is above pageLimit.
func (r region) first() uint64  { return r.ppn * pageSize }
func (r region) offset() uint64 { return r.page * pageSize }
func (r region) bytes() uint64  { return r.size * pageSize }

// addresses returns the range of a region.
func (r region) addresses() addr.Range {
	return addr.Range{First: addr.Addr(r.first()), Last: addr.Addr(r.first() + r.bytes() - 1)}
}

// IsMemory tells a .vmem file by its name, for it has no magic.
func IsMemory(path string) bool { return strings.EqualFold(filepath.Ext(path), memoryExt) }

const memoryExt = ".vmem"

// Open opens a .vmem file. It asks the state file
// beside it where the parts of memory lie, and notes where nobody can tell.
func Open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	img, err := raw.Place(in, o)
	if err != nil {
		return nil, err
	}
	beside, err := readBeside(ctx, img, in)
	switch {
	case err != nil:
		return nil, err
	case beside == nil:
		return img, nil
	}
	beside.describe(img)
	k := kept{Reader: in, end: in.Size, state: filepath.Base(beside.path)}
	switch {
	case len(beside.regions) == 0 && beside.isARM:
		img.Mappings[0].Range = addr.Range{First: armBegins, Last: armBegins + img.Mappings[0].Last}
		img.Mappings[0].NameOffset = armBegins
		img.Detail = fmt.Sprintf("%d bytes at %#x", in.Size, uint64(armBegins))
	case asTheyLie(beside.regions):
		k.checkEnd(img, beside.regions)
	default:
		img.Mappings = nil
		err = k.lay(ctx, img, beside.regions)
	}
	return img, image.Interrupted(err, in.Path(), "laying the parts of memory")
}

// armBegins is where the memory of an ARM64 machine begins.
const armBegins = 0x80000000

// describe says of an image what is known once its state file is.
func (m *machine) describe(img *image.Draft) {
	img.Format = "VMware memory"
	img.Order, img.OrderKnown = addr.Little, true // VMware has machines of x86 and ARM64
	m.tell(img)
}

// readBeside reads the state files beside a .vmem file. The first that tells is followed; where none
// does, it returns nil, and a note says so.
func readBeside(ctx context.Context, img *image.Draft, in input.Reader) (followed *machine, err error) {
	sidecars, err := beside(in.Path(), ".vmss", ".vmsn")
	if err != nil {
		img.Note("whether a .vmss or .vmsn file lies beside it cannot be told: %v", err)
	}
	for _, path := range sidecars {
		if info, err := os.Stat(path); err == nil {
			img.ReadBeside(info)
		}
		m, err := readState(ctx, path)
		switch {
		case ctx.Err() != nil:
			return nil, image.Interrupted(ctx.Err(), path, "reading where the parts of memory lie")
		case err != nil:
			img.Note("the state file beside it is damaged or cannot be read: %v", err)
		case followed == nil:
			followed = m
		case !slices.Equal(m.regions, followed.regions):
			img.Note("the state files beside it contradict each other: %s is followed, and not %s", filepath.Base(followed.path), filepath.Base(path))
		}
	}
	if followed == nil {
		what := "no .vmss or .vmsn file of its name lies beside it, which would tell"
		if len(sidecars) > 0 {
			what = "the state file does not tell"
		}
		img.Note("raw bytes at 0x0: those of a .vmem file are at their physical addresses only if the machine's memory has no gap; %s", what)
	}
	return followed, nil
}

// kept is where the memory of a machine is kept in a file.
type kept struct {
	input.Reader
	begin, end uint64 // file offsets of the first byte, and behind the last one
	state      string // name of the file that says where the regions lie
}

// checkEnd counts as missing what the state file speaks of and the .vmem file does
// not have. Regions lie in the file at their address.
func (k *kept) checkEnd(img *image.Draft, regions []region) {
	from := k.Size
	for _, r := range slices.SortedFunc(slices.Values(regions), func(a, b region) int { return cmp.Compare(a.ppn, b.ppn) }) {
		if first, end := max(r.first(), from), r.first()+r.bytes(); end > first {
			k.lose(img, addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)})
			from = end
		}
	}
}

// lose makes a mapping of memory that the file should have and does not.
func (k *kept) lose(img *image.Draft, r addr.Range) {
	img.Note("truncated: the file ends at %#x, and %s has memory from %#x to %#x", k.Size, k.state, uint64(r.First), uint64(r.Last))
	img.Lose(r.Size())
	img.Mappings = append(img.Mappings, engine.Mapping{Range: r, State: engine.Absent, Absence: engine.Missing, Name: input.BaseName(k.Path()), NameOffset: uint64(r.First)})
}

// asTheyLie reports whether each region's bytes are in the file at their address.
func asTheyLie(regions []region) bool {
	return !slices.ContainsFunc(regions, func(r region) bool { return r.ppn != r.page })
}

// lay makes the mappings of regions, in their order: what the file holds of each is present, the
// rest missing. The error is that of ctx.
func (k *kept) lay(ctx context.Context, img *image.Draft, regions []region) error {
	var all, held []addr.Range // addresses; offsets in the memory that is kept
	for _, r := range regions {
		all = append(all, r.addresses())
		rest := r.addresses()
		if n := min(r.bytes(), k.end-k.begin-min(r.offset(), k.end-k.begin)); n > 0 {
			part := addr.Range{First: rest.First, Last: rest.First + addr.Addr(n-1)}
			img.Mappings = append(img.Mappings, engine.Mapping{Range: part, Source: k.Source, Offset: k.begin + r.offset(), Name: input.BaseName(k.Path()), NameOffset: r.first()})
			held = append(held, addr.Range{First: addr.Addr(r.offset()), Last: addr.Addr(r.offset() + n - 1)})
			if part == rest {
				continue
			}
			rest.First = part.Last + 1
		}
		k.lose(img, rest)
	}
	img.Detail = fmt.Sprintf("%s, as %s says", input.Plural(len(regions), "region"), k.state)
	a, b, found, err := input.Overlap(ctx, all)
	if found {
		img.Note("region %d, %v, and region %d, %v, overlap: where regions do, the later one shows, and the other is not searched", a, all[a], b, all[b])
	}
	shown := uint64(0)
	for _, r := range addr.Merge(held) {
		shown += r.Size()
	}
	if left := k.end - k.begin - shown; left > 0 {
		img.Note("%d bytes of the memory in the file are in no region that %s speaks of, and are not shown", left, k.state)
	}
	return err
}

// beside are the files that have the name of another and one of some extensions, those of the
// first before those of the second, as Volatility takes them; where there are none, those of the file that a link
// leads to.
func beside(path string, exts ...string) ([]string, error) {
	found, err := sameNamed(path, exts)
	if target, linked := filepath.EvalSymlinks(path); linked == nil && err == nil && len(found) == 0 && target != path {
		return sameNamed(target, exts)
	}
	return found, err
}

// sameNamed are the files beside a file, for beside.
func sameNamed(path string, exts []string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	var found []string
	for _, want := range exts {
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); strings.EqualFold(ext, want) && strings.TrimSuffix(e.Name(), ext) == base {
				found = append(found, filepath.Join(filepath.Dir(path), e.Name()))
			}
		}
	}
	return found, nil
}
