package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// asked is a context that ends with its question number left + 1.
type asked struct {
	context.Context
	left, count int
}

func (c *asked) Err() error {
	if c.count++; c.count > c.left {
		return context.Canceled
	}
	return nil
}

// Opening a graph, comparing it with its image and opening what is known of objects end
// at whichever question the context has ended, and say so.
func TestOpenInterrupted(t *testing.T) {
	const many = 1 << 15
	data := make([]byte, 8*many)
	for i := range many { // each word refers to a page that no mapping joins to the next
		addr.Little.PutUint(data[8*i:8*i+8], 0x10_0000_0000+uint64(i)<<16)
	}
	words, err := engine.BytesMapping("words", 0x1000, data)
	if err != nil {
		t.Fatal(err)
	}
	mappings := []engine.Mapping{words}
	for i := range addr.Addr(many) {
		first := 0x10_0000_0000 + i<<16
		mappings = append(mappings, engine.Mapping{Range: addr.Range{First: first, Last: first + 0xfff}, State: engine.Zero})
	}
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g")
	if _, err := BuildFile(t.Context(), space, addr.LE64, Options{}, path); err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	open := func(ctx context.Context) error {
		g, err := Open(ctx, path)
		if err == nil {
			g.Close()
		}
		return err
	}
	whole := &asked{Context: t.Context(), left: math.MaxInt}
	if err := open(whole); err != nil {
		t.Fatal(err)
	}
	if whole.count < 5 {
		t.Errorf("opening asked %d times", whole.count)
	}
	for left := range whole.count {
		ctx := &asked{Context: t.Context(), left: left}
		err := open(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path+": interrupted while ") {
			t.Errorf("ended at question %d of %d: %v", left+1, whole.count, err)
		}
		if more := ctx.count - left; more > 4 {
			t.Errorf("ended at question %d, and asked %d more", left+1, more)
		}
	}
	endsInTheMiddle(t, "check", 20, 40, func(ctx context.Context) error {
		err := g.Check(ctx, space, 2)
		if err != nil && !strings.Contains(err.Error(), path+": interrupted while ") {
			t.Errorf("check: %v", err)
		}
		return err
	})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range g.From(ended, addr.All) {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("edges by source: %v", err)
		}
	}
	if _, err := g.TopPages(ended, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("pages: %v", err)
	}
}

// What a section says of its size takes no memory that the file has no bytes for.
func TestReadSectionBounded(t *testing.T) {
	b, _, err := readSection(t.Context(), bytes.NewReader(make([]byte, 100)), section{at: 0, size: maxSection})
	if err == nil || len(b) != 100 || cap(b) > 8<<20 {
		t.Errorf("%d bytes in %d, %v", len(b), cap(b), err)
	}
}

// holeReader is a file of zeros but for some bytes at its beginning.
type holeReader struct{ head []byte }

func (h holeReader) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(h.head)) {
		copy(b, h.head[at:])
	}
	return len(b), nil
}

// A section that lies in a hole of the file, from its beginning or from somewhere on, takes
// as much memory as there is before the hole, and not as its size says.
func TestSectionInHole(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5 << 20, 9<<20 + 1} {
		head := bytes.Repeat([]byte{1}, n)
		b, _, err := readSection(t.Context(), holeReader{head}, section{at: 0, size: maxSection})
		if !errors.Is(err, errZeros) || len(b) > n || cap(b) > 2*n+(8<<20) {
			t.Errorf("%d bytes of data: %d bytes in %d, %v", n, len(b), cap(b), err)
		}
	}
	// Zeros that a section can have are no hole.
	short := make([]byte, len(zeroPart)-1)
	if b, _, err := readSection(t.Context(), bytes.NewReader(short), section{at: 0, size: uint64(len(short))}); err != nil || len(b) != len(short) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// The file of a graph of which a section was made a hole is refused with where it is.
func TestOpenHole(t *testing.T) {
	space := pointerSpace(t, 1<<10)
	path := filepath.Join(t.TempDir(), "g")
	if _, err := BuildFile(t.Context(), space, addr.LE64, Options{}, path); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := binary.LittleEndian.Uint64(head[56+24*sectionMemory:])
	size := at
	for i, n := range []uint64{sectionMemory: maxSection, sectionIdentity: 1 << 20} {
		if i < sectionMemory {
			continue
		}
		binary.LittleEndian.PutUint64(head[56+24*i:], size)
		binary.LittleEndian.PutUint64(head[56+24*i+8:], n)
		size += n
	}
	binary.LittleEndian.PutUint32(head[headerSize-4:], crc32.Checksum(head[:headerSize-4], castagnoli()))
	if err := os.WriteFile(path, head[:at], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(size)); err != nil {
		t.Skip("no sparse files: ", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Open(t.Context(), path)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("file offset %#x", at)) || !strings.Contains(err.Error(), "hole") {
		t.Errorf("opened: %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}
