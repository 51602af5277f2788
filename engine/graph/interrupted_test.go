package graph

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
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
	for name, open := range map[string]func(ctx context.Context) error{
		"open": func(ctx context.Context) error {
			g, err := Open(ctx, path)
			if err == nil {
				g.Close()
			}
			return err
		},
		"check": func(ctx context.Context) error { return g.Check(ctx, space) },
	} {
		whole := &asked{Context: t.Context(), left: math.MaxInt}
		if err := open(whole); err != nil {
			t.Fatal(err)
		}
		if whole.count < 5 {
			t.Errorf("%s: it asked %d times", name, whole.count)
		}
		for left := range whole.count {
			ctx := &asked{Context: t.Context(), left: left}
			err := open(ctx)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path+": interrupted while ") {
				t.Errorf("%s: ended at question %d of %d: %v", name, left+1, whole.count, err)
			}
			if more := ctx.count - left; more > 4 {
				t.Errorf("%s: ended at question %d, and asked %d more", name, left+1, more)
			}
		}
	}
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
