package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/internal/mmap"
)

// The file of what is known of objects, so that a second question need not find
// it out again. All numbers are little-endian.
//
//	offset  bytes
//	0       16     magic
//	16      4      version: it changes with what is found out, too
//	20      4      zeros
//	24      32     SHA-256 of what it was found out of: see ObjectsKey
//	56      8      objects
//	64      8      heads
//	72      8      edges
//	80      8×16   sections, in this order in the file, the first at headerSize:
//	               bytes, CRC-32C of all of it and 4 zeros
//	208     44     zeros
//	252     4      CRC-32C of the bytes before
//	256            the sections
//
// The sections are of each object its first address, its size and its retained
// size (8 bytes each), its state, anchor and loss (1 byte each); heads (index,
// blocks, bytes, 8 bytes each); and the account with totals as JSON. All is
// verified when the file is opened.
const (
	keptMagic   = "vscan objects\n\x1a\x00"
	keptVersion = 2
)

const (
	keptFirst = iota
	keptSize
	keptRetained
	keptState
	keptAnchor
	keptLoss
	keptHeads
	keptAccount
	keptSections
)

// ErrOtherObjects is the error of a file that was made of another graph, or with
// other threads.
var ErrOtherObjects = errors.New("it was made of another graph or image")

// keptObjects is the columns of a file.
type keptObjects struct {
	first, size, retained, state []byte
	Account                      heap.Account
	Totals                       Totals
	close                        io.Closer
}

func (k *keptObjects) object(i int) heap.Object {
	first := addr.Addr(binary.LittleEndian.Uint64(k.first[8*i:]))
	return heap.Object{Range: addr.Range{First: first, Last: first + addr.Addr(binary.LittleEndian.Uint64(k.size[8*i:])-1)}, State: heap.State(k.state[i])}
}

func (k *keptObjects) retainedBy(i int) uint64 { return binary.LittleEndian.Uint64(k.retained[8*i:]) }

// ObjectsKey is a digest of all that Objects depends on: the graph, with the
// identity of its image, and the threads.
func (g *Graph) ObjectsKey(o ObjectOptions) (key [sha256.Size]byte) {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	flags := byte(0)
	for i, set := range []bool{g.presentOnly, g.filtered, o.Space != nil} {
		if set {
			flags |= 1 << i
		}
	}
	part([]byte{byte(g.arch.WordSize()), byte(g.arch.Order()), byte(g.align), flags})
	part(g.groups.encode())
	part(g.about.encode())
	part(g.identity.encode())
	for _, t := range o.Threads {
		var b []byte
		for _, v := range append([]uint64{uint64(t.SP), uint64(t.Pointer), t.RedZone}, t.Registers...) {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		part(b)
	}
	h.Sum(key[:0])
	return key
}

// Keep writes to a file what was found out, which has to include retained sizes.
// The file appears whole or not at all; one that is there is replaced. The key is
// that of the graph and the options that it was found out with.
func (r *Retention) Keep(path string, key [sha256.Size]byte) error {
	if !r.HasRetained() {
		return errors.New("what objects retain has not been found out")
	}
	w, err := createFile(path)
	if err != nil {
		return err
	}
	defer w.abandon()
	le := binary.LittleEndian
	header := append(make([]byte, 0, headerSize), keptMagic...)
	header = le.AppendUint32(header, keptVersion)
	header = append(le.AppendUint32(header, 0), key[:]...)
	for _, v := range []int{r.Len(), len(r.Heads), int(r.Edges)} {
		header = le.AppendUint64(header, uint64(v))
	}
	for i := range keptSections {
		size, sum, err := w.column(r, i)
		if err != nil {
			return err
		}
		header = le.AppendUint64(le.AppendUint64(header, size), uint64(sum))
	}
	header = append(header, make([]byte, headerSize-4-len(header))...)
	return w.publish(le.AppendUint32(header, crc32.Checksum(header, castagnoli)))
}

// column appends a section, and returns its bytes and checksum.
func (w *fileWriter) column(r *Retention, section int) (size uint64, sum uint32, err error) {
	le := binary.LittleEndian
	var b []byte
	flush := func(least int) {
		if err == nil && len(b) >= least {
			sum = crc32.Update(sum, castagnoli, b)
			size += uint64(len(b))
			err = w.append(b)
			b = b[:0]
		}
	}
	each := func(add func(i int)) {
		for i := range r.Len() {
			add(i)
			flush(1 << 20)
		}
	}
	switch section {
	case keptFirst:
		each(func(i int) { b = le.AppendUint64(b, uint64(r.Object(i).First)) })
	case keptSize:
		each(func(i int) { b = le.AppendUint64(b, r.Object(i).Size()) })
	case keptRetained:
		each(func(i int) { b = le.AppendUint64(b, r.RetainedBy(i)) })
	case keptState:
		each(func(i int) { b = append(b, byte(r.Object(i).State)) })
	case keptAnchor:
		each(func(i int) { b = append(b, byte(r.Anchors[i])) })
	case keptLoss:
		each(func(i int) { b = append(b, byte(r.Losses[i])) })
	case keptHeads:
		for _, h := range r.Heads {
			for _, v := range []uint64{uint64(h.Object), h.Blocks, h.Bytes} {
				b = le.AppendUint64(b, v)
			}
			flush(1 << 20)
		}
	case keptAccount:
		if b, err = json.Marshal(keptObjects{Account: *r.Account(), Totals: *r.Totals()}); err != nil {
			return 0, 0, err
		}
	}
	flush(1)
	return size, sum, err
}

// OpenObjects opens a file that Retention.Keep has written. Where the key is
// another one, the error is [ErrOtherObjects]; a file that is damaged is an error that says
// where. It has to be closed.
func OpenObjects(path string, key [sha256.Size]byte) (*Retention, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &closer{f: f}
	r, err := openObjects(path, f, c, key)
	if err != nil {
		c.Close()
		return nil, err
	}
	r.kept.close = c
	return r, nil
}

func openObjects(path string, f *os.File, c *closer, key [sha256.Size]byte) (*Retention, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	size := uint64(info.Size())
	b, err := mmap.Map(f, size)
	if err == nil {
		c.b = b
	} else if b, err = io.ReadAll(io.LimitReader(f, info.Size())); err != nil {
		return nil, err
	}
	var r *Retention
	if fault := engine.Guard(func() { r, err = readObjects(path, b, key) }); fault != nil {
		err = fmt.Errorf("%s: %w", path, fault)
	}
	return r, err
}

func readObjects(path string, b []byte, key [sha256.Size]byte) (*Retention, error) {
	fail := func(at uint64, format string, args ...any) error {
		return fmt.Errorf("%s: file offset %#x: %s", path, at, fmt.Sprintf(format, args...))
	}
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(keptMagic)]) != keptMagic:
		return nil, fail(0, "not the file of what is known of objects")
	case le.Uint32(b[16:]) != keptVersion:
		return nil, fmt.Errorf("%s: version %d, and this program reads version %d: %w", path, le.Uint32(b[16:]), keptVersion, ErrOtherObjects)
	case crc32.Checksum(b[:headerSize-4], castagnoli) != le.Uint32(b[headerSize-4:]):
		return nil, fail(headerSize-4, "the header has another checksum: the file is damaged")
	case [sha256.Size]byte(b[24:56]) != key:
		return nil, fmt.Errorf("%s: %w", path, ErrOtherObjects)
	}
	n, heads, edges := le.Uint64(b[56:]), le.Uint64(b[64:]), le.Uint64(b[72:])
	if n > maxObjects || heads > n {
		return nil, fail(56, "%d objects, %d heads: the file is damaged", n, heads)
	}
	want := [keptSections]uint64{8 * n, 8 * n, 8 * n, n, n, n, 24 * heads, 0}
	var sections [keptSections][]byte
	at := uint64(headerSize)
	for i := range sections {
		p := 80 + 16*i
		size := le.Uint64(b[p:])
		if i == keptAccount {
			want[i] = uint64(len(b)) - at
		}
		if size != want[i] || size > uint64(len(b))-at {
			return nil, fail(uint64(p), "section %d has %#x bytes: the file is truncated or damaged", i, size)
		}
		sections[i] = b[at : at+size]
		if sum := crc32.Checksum(sections[i], castagnoli); sum != le.Uint32(b[p+8:]) {
			return nil, fail(at, "section %d has the checksum %#08x instead of %#08x: the file is damaged", i, sum, le.Uint32(b[p+8:]))
		}
		at += size
	}
	k := &keptObjects{first: sections[keptFirst], size: sections[keptSize], retained: sections[keptRetained], state: sections[keptState]}
	if err := json.Unmarshal(sections[keptAccount], k); err != nil {
		return nil, fail(at, "the account: %v", err)
	}
	r := &Retention{kept: k, totals: &k.Totals, Edges: edges, Anchors: make([]Anchor, n), Losses: make([]Loss, n)}
	for i := range n {
		r.Anchors[i], r.Losses[i] = Anchor(sections[keptAnchor][i]), Loss(sections[keptLoss][i])
		if r.Anchors[i] >= anchors || r.Losses[i] >= losses || heap.State(k.state[i]) > heap.Fast {
			return nil, fail(uint64(headerSize)+24*n+i, "no state, anchor or loss: the file is damaged")
		}
	}
	for i := range heads {
		h := sections[keptHeads][24*i:]
		head := Head{Object: int(le.Uint64(h)), Blocks: le.Uint64(h[8:]), Bytes: le.Uint64(h[16:])}
		if uint64(head.Object) >= n {
			return nil, fail(at, "a head that is no object: the file is damaged")
		}
		r.Heads = append(r.Heads, head)
	}
	return r, nil
}
