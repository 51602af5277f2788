package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/internal/interrupt"
	"vscan/internal/mmap"
)

// The file of what is known of objects, so that a second question need not find it
// out again. All numbers are little-endian.
//
//	offset  bytes
//	0       16     magic
//	16      4      version: it also changes when something else is found out; 4, since the
//	               digest is of all bytes of the image
//	20      4      zeros
//	24      32     SHA-256 of what it was found out of: see ObjectsKey
//	56      8      objects
//	64      8      heads
//	72      8      edges
//	80      8×16   sections, in this order in the file, the first at headerSize:
//	               bytes, CRC-32C of the section and 4 zeros
//	208     44     zeros
//	252     4      CRC-32C of the bytes before
//	256            the sections
//
// Each section is a column. Of each object there are the first address, the size and
// the retained size (8 bytes each), and the state, anchor and loss (1 byte each). Then
// come the heads (index, blocks, bytes, 8 bytes each), and the account with the totals
// as JSON. Everything is verified when the file is opened.
const (
	objectsMagic   = "vscan objects\n\x1a\x00"
	objectsVersion = 4
)

const (
	columnFirst = iota
	columnSize
	columnRetained
	columnState
	columnAnchor
	columnLoss
	columnHeads
	columnAccount
	columnSections
)

// ErrOtherGraph is the error of a file that was made of another graph, with other
// threads, or by another version of this package.
var ErrOtherGraph = errors.New("it was made of another graph or image")

// savedObjects is the columns of a file.
type savedObjects struct {
	first, size, retained, state []byte
	Account                      heap.Account
	Totals                       Totals
	close                        io.Closer
}

// object returns the object of an index.
func (k *savedObjects) object(i int) heap.Object {
	first := addr.Addr(binary.LittleEndian.Uint64(k.first[8*i:]))
	return heap.Object{Range: addr.Range{First: first, Last: first + addr.Addr(binary.LittleEndian.Uint64(k.size[8*i:])-1)}, State: heap.State(k.state[i])}
}

func (k *savedObjects) retainedBy(i int) uint64 { return binary.LittleEndian.Uint64(k.retained[8*i:]) }

// ObjectsKey returns a digest of all that Objects depends on: the graph, all that the space
// shows, and the threads. It takes one pass over the memory, with o.Workers. So a file whose
// key it is need not be compared with the image any more, if Graph.Check was asked when the
// file was made. Where ctx ends before, the error wraps that of ctx.
func (g *Graph) ObjectsKey(ctx context.Context, space *engine.Space, o ObjectOptions) (key [sha256.Size]byte, err error) {
	content, err := contentDigest(ctx, space, workersOr(o.Workers))
	if err != nil {
		return key, interrupted(g.data.name(), "comparing it with the image", err)
	}
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
	memory, err := g.metadata.encode(ctx)
	if err != nil {
		return key, interrupted(g.data.name(), "comparing it with the image", err)
	}
	part(memory)
	part(content[:])
	for _, t := range o.Threads {
		var b []byte
		for _, v := range append([]uint64{uint64(t.SP), uint64(t.Pointer), t.RedZone}, t.Registers...) {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		part(b)
	}
	h.Sum(key[:0])
	return key, nil
}

// Save writes what was found out to a file, which OpenObjects reads. Retained sizes
// have to be known. The file appears whole or not at all, and a file that is already
// there is replaced. key is the ObjectsKey of the graph, of the image, which Graph.Check has
// to have found to be that of the graph, and of the options that it was found out with. The file can be read by nobody who cannot read the file of the graph, and what
// ObjectOptions.From says, and it is not written over these. Where ctx ends, it does not appear.
func (r *Retention) Save(ctx context.Context, path string, key [sha256.Size]byte) error {
	if !r.HasRetained() {
		return errors.New("what objects retain has not been found out")
	}
	w, err := createFile(ctx, path, r.from)
	if err != nil {
		return err
	}
	defer w.f.Close()
	le := binary.LittleEndian
	header := append(make([]byte, 0, headerSize), objectsMagic...)
	header = le.AppendUint32(header, objectsVersion)
	header = append(le.AppendUint32(header, 0), key[:]...)
	for _, v := range []int{r.Len(), len(r.Heads), int(r.Edges)} {
		header = le.AppendUint64(header, uint64(v))
	}
	for i := range columnSections {
		size, sum, err := w.column(r, i)
		if err != nil {
			return err
		}
		header = le.AppendUint64(le.AppendUint64(header, size), uint64(sum))
	}
	header = append(header, make([]byte, headerSize-4-len(header))...)
	return w.publish(ctx, le.AppendUint32(header, crc32.Checksum(header, castagnoli())))
}

// column appends a section, and returns its size in bytes and its checksum.
func (w *fileWriter) column(r *Retention, section int) (size uint64, sum uint32, err error) {
	le := binary.LittleEndian
	var b []byte
	flush := func(least int) {
		if err == nil && len(b) >= least {
			sum = crc32.Update(sum, castagnoli(), b)
			size += uint64(len(b))
			err = w.append(b)
			b = b[:0]
		}
	}
	eachObject := func(add func(i int)) {
		for i := range r.Len() {
			add(i)
			flush(1 << 20)
		}
	}
	switch section {
	case columnFirst:
		eachObject(func(i int) { b = le.AppendUint64(b, uint64(r.Object(i).First)) })
	case columnSize:
		eachObject(func(i int) { b = le.AppendUint64(b, r.Object(i).Size()) })
	case columnRetained:
		eachObject(func(i int) { b = le.AppendUint64(b, r.RetainedBy(i)) })
	case columnState:
		eachObject(func(i int) { b = append(b, byte(r.Object(i).State)) })
	case columnAnchor:
		eachObject(func(i int) { b = append(b, byte(r.Anchors[i])) })
	case columnLoss:
		eachObject(func(i int) { b = append(b, byte(r.Losses[i])) })
	case columnHeads:
		for _, h := range r.Heads {
			for _, v := range []uint64{uint64(h.Object), h.Blocks, h.Bytes} {
				b = le.AppendUint64(b, v)
			}
			flush(1 << 20)
		}
	case columnAccount:
		if b, err = json.Marshal(savedObjects{Account: *r.Account(), Totals: *r.Totals()}); err != nil {
			return 0, 0, err
		}
	}
	flush(1)
	return size, sum, err
}

// OpenObjects opens a file that Retention.Save has written. Where its key is another
// one, the error wraps [ErrOtherGraph]; the error of a file that is damaged says
// where. The caller has to close what it returns. Where ctx ends before all is verified,
// the error wraps that of ctx.
func OpenObjects(ctx context.Context, path string, key [sha256.Size]byte) (*Retention, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &closer{f: f}
	r, err := openObjects(ctx, path, f, c, key)
	if err != nil {
		c.Close()
		return nil, err
	}
	r.saved.close = c
	return r, nil
}

// openObjects reads a file that is open. Its bytes go to c where they are mapped.
func openObjects(ctx context.Context, path string, f *os.File, c *closer, key [sha256.Size]byte) (*Retention, error) {
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
	if fault := engine.Guard(func() { r, err = readObjects(ctx, path, b, key) }); fault != nil {
		err = fmt.Errorf("%s: %w", path, fault)
	}
	return r, err
}

// checksum returns the CRC-32C of b. The error is that of ctx.
func checksum(ctx context.Context, b []byte) (sum uint32, err error) {
	for part := range slices.Chunk(b, 4<<20) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli(), part)
	}
	return sum, nil
}

// readObjects reads a file whose bytes are b.
func readObjects(ctx context.Context, path string, b []byte, key [sha256.Size]byte) (*Retention, error) {
	fail := func(at uint64, format string, args ...any) error {
		return fmt.Errorf("%s: file offset %#x: %s", path, at, fmt.Sprintf(format, args...))
	}
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(objectsMagic)]) != objectsMagic:
		return nil, fail(0, "not the file of what is known of objects")
	case le.Uint32(b[16:]) != objectsVersion:
		return nil, fmt.Errorf("%s: version %d, and this program reads version %d: %w", path, le.Uint32(b[16:]), objectsVersion, ErrOtherGraph)
	case crc32.Checksum(b[:headerSize-4], castagnoli()) != le.Uint32(b[headerSize-4:]):
		return nil, fail(headerSize-4, "the header has another checksum: the file is damaged")
	case [sha256.Size]byte(b[24:56]) != key:
		return nil, fmt.Errorf("%s: %w", path, ErrOtherGraph)
	}
	n, heads, edges := le.Uint64(b[56:]), le.Uint64(b[64:]), le.Uint64(b[72:])
	if n > maxObjects || heads > n {
		return nil, fail(56, "%d objects, %d heads: the file is damaged", n, heads)
	}
	want := [columnSections]uint64{8 * n, 8 * n, 8 * n, n, n, n, 24 * heads, 0}
	var sections [columnSections][]byte
	at := uint64(headerSize)
	for i := range sections {
		p := 80 + 16*i
		size := le.Uint64(b[p:])
		if i == columnAccount {
			want[i] = uint64(len(b)) - at
		}
		if size != want[i] || size > uint64(len(b))-at {
			return nil, fail(uint64(p), "section %d has %#x bytes: the file is truncated or damaged", i, size)
		}
		sections[i] = b[at : at+size]
		sum, err := checksum(ctx, sections[i])
		if err != nil {
			return nil, interrupted(path, "verifying it", err)
		}
		if sum != le.Uint32(b[p+8:]) {
			return nil, fail(at, "section %d has the checksum %#08x instead of %#08x: the file is damaged", i, sum, le.Uint32(b[p+8:]))
		}
		at += size
	}
	k := &savedObjects{first: sections[columnFirst], size: sections[columnSize], retained: sections[columnRetained], state: sections[columnState]}
	if err := json.Unmarshal(sections[columnAccount], k); err != nil {
		return nil, fail(at, "the account: %v", err)
	}
	r := &Retention{saved: k, totals: &k.Totals, Edges: edges, Anchors: make([]Anchor, n), Losses: make([]Loss, n)}
	watch := interrupt.New(ctx)
	for i := range n {
		if err := watch.Step(1); err != nil {
			return nil, interrupted(path, "reading it", err)
		}
		r.Anchors[i], r.Losses[i] = Anchor(sections[columnAnchor][i]), Loss(sections[columnLoss][i])
		if r.Anchors[i] >= anchorCount || r.Losses[i] >= lossCount || heap.State(k.state[i]) > heap.Fastbin {
			return nil, fail(uint64(headerSize)+24*n+i, "no state, anchor or loss: the file is damaged")
		}
	}
	for i := range heads {
		if err := watch.Step(1); err != nil {
			return nil, interrupted(path, "reading it", err)
		}
		h := sections[columnHeads][24*i:]
		head := Head{Object: int(le.Uint64(h)), Blocks: le.Uint64(h[8:]), Bytes: le.Uint64(h[16:])}
		if uint64(head.Object) >= n {
			return nil, fail(at, "a head that is no object: the file is damaged")
		}
		r.Heads = append(r.Heads, head)
	}
	return r, nil
}
