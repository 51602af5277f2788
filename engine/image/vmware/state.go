package vmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

const (
	headerSize = 12
	groupSize  = 80
	maxGroups  = 1024    // more are damage
	maxTags    = 1 << 16 // in a group that is read; more are damage
)

// machine is what a state file tells of a machine.
type machine struct {
	path    string
	regions []region // none where the memory has no gaps
	block   *block   // the memory, where the state file has it; else nil
	partial bool     // the file ends in the block, and nothing in front of that counts regions
	isARM   bool

	facts []image.Fact
}

// tell keeps what the state file tells besides.
func (m *machine) tell(img *image.Draft) {
	for _, f := range m.facts {
		img.Tell(f.Name, f.Value)
	}
}

// readState reads a state file.
func readState(ctx context.Context, path string) (*machine, error) {
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := state{f.Reader()}.read(ctx)
	return m, image.Interrupted(err, path, "reading where the parts of memory lie")
}

// state is a state file.
type state struct{ input.Reader }

// fail returns what is wrong with a state file, and where.
func (in state) fail(off uint64, format string, args ...any) error {
	return fmt.Errorf("%s: at %v: %s", in.Path(), in.Place(off), fmt.Sprintf(format, args...))
}

var magics = []uint64{0xbed2bed0, 0xbed2bed2, 0xbed3bed3, 0xbad1bad1, 0xbad2bad2}

// read reads the groups that say something of memory. One of memory there has to be; of what is
// damaged in the others nothing is told.
func (in state) read(ctx context.Context) (*machine, error) {
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
	at := map[string]uint64{} // file offset of the first tag of the first group of each name
	for i := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := in.exactly(groupSize, headerSize+i*groupSize)
		if err != nil {
			return nil, err
		}
		name, _, _ := bytes.Cut(b[:64], []byte{0})
		if _, known := at[string(name)]; !known {
			at[string(name)] = input.NewFields(b, addr.Little).U64(64)
		}
	}
	off, ok := at["memory"]
	if !ok {
		return nil, in.fail(headerSize, "no group of %d is that of memory", groups)
	}
	wide := magic&0xf != 0
	m, err := in.memory(ctx, off, wide)
	if err != nil {
		return nil, err
	}
	m.path = in.Path()
	return m, in.rest(ctx, m, at, wide)
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

// eachTag calls f with the tags of the group that begins at a file offset. wide says
// that sizes of blocks have 8 bytes. It returns where the group ends.
func (in state) eachTag(ctx context.Context, off uint64, wide bool, f func(off uint64, t tag) error) (end uint64, err error) {
	watch := interrupt.New(ctx)
	for range maxTags {
		if err := watch.Step(16); err != nil {
			return off, err
		}
		t, err := in.tag(off, wide)
		if err != nil || t.end {
			return off, err
		}
		if err := f(off, t); err != nil {
			return off, err
		}
		if t.next > in.Size {
			return off, in.fail(off, "%q: a block of %#x bytes runs past the end of the file", t.name, t.block.size)
		}
		off = t.next
	}
	return off, in.fail(off, "more than %d tags", maxTags)
}

// tag is a tag of a group.
type tag struct {
	end     bool // of the group
	name    string
	indices []uint64
	value   uint64 // of 1 to 8 bytes
	block   *block // in place of a value, or nil
	next    uint64 // file offset of the tag behind it
}

// index returns the first of its indices, or 0.
func (t *tag) index() uint64 {
	if len(t.indices) == 0 {
		return 0
	}
	return t.indices[0]
}

// block is bytes in a state file.
type block struct {
	at       uint64 // file offset
	size     uint64 // bytes in the file
	inMemory uint64 // bytes when they are not packed
	packed   bool
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
	for i := range indices {
		t.indices = append(t.indices, input.NewFields(head, addr.Little).U32(length+4*i))
	}
	off += uint64(len(head))
	if size >= 62 {
		t.block, err = in.block(off, wide)
		if err == nil {
			t.block.packed = size == 62
			t.next = input.AddSat(t.block.at, t.block.size)
		}
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

// block reads where a block of bytes is whose sizes are at a file offset. It may run past the end
// of the file.
func (in state) block(off uint64, wide bool) (*block, error) {
	word := 4
	if wide {
		word = 8
	}
	b, err := in.exactly(2*word+2, off)
	if err != nil {
		return nil, err
	}
	padding := littleUint(b[2*word:])
	return &block{at: off + uint64(len(b)) + padding, size: littleUint(b[:word]), inMemory: littleUint(b[word : 2*word])}, nil
}

// errMemory ends the group of memory where the memory itself is cut at the end of the file.
var errMemory = errors.New("the memory goes on past the end of the file")

// memory reads the group of memory.
func (in state) memory(ctx context.Context, off uint64, wide bool) (*machine, error) {
	var m memory
	end, err := in.eachTag(ctx, off, wide, func(off uint64, t tag) error {
		switch set := m.set(t); {
		case !set && m.count > maxRegions:
			return in.fail(off, "tag %q[%d]: %d regions, which are more than %d", t.name, t.index(), m.count, maxRegions)
		case !set:
			return in.fail(off, "tag %q[%d] is that of region %d or a later one", t.name, t.index(), maxRegions)
		case m.block != nil && t.next > in.Size:
			return errMemory
		}
		return nil
	})
	if err != nil && !errors.Is(err, errMemory) {
		return nil, err
	}
	regions, wrong := m.regions(in, end)
	if wrong != nil {
		return nil, wrong
	}
	return &machine{regions: regions, block: m.block, partial: err != nil && !m.counted}, nil
}

// memory is what the tags of the group of memory say.
type memory struct {
	counted bool
	count   uint64
	region  [maxRegions]region
	seen    [maxRegions][3]bool // of each region: ppn, page, size
	block   *block              // the first of that name
}

// set keeps what a tag says. It reports false for a region beyond all bounds.
func (m *memory) set(t tag) bool {
	switch {
	case t.name == "regionsCount":
		m.count, m.counted = t.value, true
		return t.value <= maxRegions
	case t.name == "Memory" && t.block != nil && t.block.size > 0 && m.block == nil:
		m.block = t.block
	}
	which := slices.Index([]string{"regionPPN", "regionPageNum", "regionSize"}, t.name)
	if which < 0 {
		return true
	}
	if t.index() >= maxRegions {
		return false
	}
	r := &m.region[t.index()]
	*[]*uint64{&r.ppn, &r.page, &r.size}[which] = t.value
	m.seen[t.index()][which] = true
	return true
}

// regions returns those that were counted. off is where the group ends.
func (m *memory) regions(in state, off uint64) ([]region, error) {
	if !m.counted && m.block == nil {
		return nil, in.fail(off, "the group of memory does not say how many regions there are")
	}
	for i, r := range m.region[:m.count] {
		switch {
		case m.seen[i] != [3]bool{true, true, true}:
			return nil, in.fail(off, "region %d has no regionPPN, regionPageNum or regionSize", i)
		case r.size == 0, r.size >= pageLimit, r.ppn >= pageLimit-r.size, r.page >= pageLimit-r.size:
			return nil, in.fail(off, "region %d: %d pages from page %#x on, in the file from page %#x on, cannot be", i, r.size, r.ppn, r.page)
		}
	}
	return slices.Clone(m.region[:m.count]), nil
}

// platformARM64 is the Platform of a machine of that kind.
const platformARM64 = 3

// Bits of CR4 and CR3 of x86.
const (
	cr4PCIDE = 1 << 17 // the low 12 bits of CR3 are the number of a context
	cr3PCID  = 1<<12 - 1
	cr3Flags = 1<<5 - 1 // of PAE, page tables begin at a multiple of 32
)

// rest reads what other groups tell. Its error is that of ctx alone.
func (in state) rest(ctx context.Context, m *machine, groups map[string]uint64, wide bool) error {
	var cr [5]uint64 // of the first processor
	var haveRoot bool
	var processors, megabytes uint64
	each := func(group string, f func(t tag)) {
		if off, ok := groups[group]; ok {
			in.eachTag(ctx, off, wide, func(_ uint64, t tag) error { f(t); return nil })
		}
	}
	each("cpu", func(t tag) {
		switch {
		case t.name == "cpu:numVCPUs":
			processors = t.value
		case t.name == "CR64" && t.block == nil && len(t.indices) == 2 && t.indices[0] == 0 && t.indices[1] < uint64(len(cr)):
			cr[t.indices[1]] = t.value
			haveRoot = haveRoot || t.indices[1] == 3
		case t.name == "CR64" && t.block != nil && t.index() == 0 && t.block.size >= 8*uint64(len(cr)):
			if b, err := in.exactly(8*len(cr), t.block.at); err == nil {
				for i := range cr {
					cr[i] = input.NewFields(b, addr.Little).U64(8 * i)
				}
				haveRoot = true
			}
		}
	})
	each("Checkpoint", func(t tag) {
		switch t.name {
		case "Platform":
			m.isARM = t.value == platformARM64
		case "memSize":
			megabytes = t.value
		}
	})
	if processors > 0 {
		m.facts = append(m.facts, image.Fact{Name: "processors", Value: fmt.Sprint(processors)})
	}
	if megabytes > 0 {
		m.facts = append(m.facts, image.Fact{Name: "guest_memory", Value: fmt.Sprintf("%d MiB", megabytes)})
	}
	if haveRoot {
		root := cr[3] &^ cr3Flags
		if cr[4]&cr4PCIDE != 0 {
			root = cr[3] &^ cr3PCID
		}
		m.facts = append(m.facts, image.Fact{Name: "dtb", Value: fmt.Sprintf("%#x", root)})
	}
	return ctx.Err()
}
