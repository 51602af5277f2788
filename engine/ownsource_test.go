package engine_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// An ownSource is a source as users write them, with a View of its own.
type ownSource struct {
	size uint64
	view func(buf []byte, off uint64) ([]byte, error)
}

func (s *ownSource) Name() string { return "own" }
func (s *ownSource) Size() uint64 { return s.size }
func (s *ownSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	return s.view(buf[:n], off)
}

// A readerFunc is a function as a ReadAt.
type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

var errBad = errors.New("bad")

// xs fills p, which begins at offset off of a source, with x up to the first byte
// whose offset is from lo up to hi, exclusive, and returns how many there are.
func xs(p []byte, off, lo, hi uint64) int {
	for i := range p {
		if at := off + uint64(i); at >= lo && at < hi {
			return i
		}
		p[i] = 'x'
	}
	return len(p)
}

// Sources keep what their documentation promises: which bytes cannot be read, that
// these are told, and that all others are searched.
func TestOwnSources(t *testing.T) {
	const page = engine.PageSize
	bad := func(buf []byte, off uint64) ([]byte, error) {
		if n := xs(buf, off, page+0x10, 2*page); n < len(buf) {
			return buf[:n], errBad
		}
		return buf, nil
	}
	for _, test := range []struct {
		name   string
		source engine.Source
		offset uint64 // in the source, of address 0x10000
		lost   addr.Range
		why    error // nil: any
	}{
		{"the rest of a page", &ownSource{4 * page, bad}, 0,
			addr.Range{First: 0x10000 + page + 0x10, Last: 0x10000 + 2*page - 1}, errBad},
		{"the rest of the source's page, not of memory's", &ownSource{4 * page, bad}, 0x123,
			addr.Range{First: 0x10000 + page + 0x10 - 0x123, Last: 0x10000 + 2*page - 1 - 0x123}, errBad},
		{"past the size, though there is a view", &ownSource{3*page + 1, func(buf []byte, off uint64) ([]byte, error) {
			return buf[:xs(buf, off, 0, 0)], nil
		}}, 0, addr.Range{First: 0x10000 + 3*page + 1, Last: 0x10000 + 4*page - 1}, nil},
		{"a short view without an error", &ownSource{4 * page, func(buf []byte, off uint64) ([]byte, error) {
			return buf[:xs(buf, off, page, 2*page)], nil
		}}, 0, addr.Range{First: 0x10000 + page, Last: 0x10000 + 2*page - 1}, nil},
		{"a reader's error", engine.ReaderSource("reader", readerFunc(func(p []byte, off int64) (int, error) {
			if n := xs(p, uint64(off), 2*page+1, 3*page); n < len(p) {
				return n, errBad
			}
			return len(p), nil
		}), 4*page), 0, addr.Range{First: 0x10000 + 2*page + 1, Last: 0x10000 + 3*page - 1}, errBad},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := addr.Range{First: 0x10000, Last: 0x10000 + 4*page - 1 - addr.Addr(test.offset)}
			space, err := engine.NewSpace(engine.Mapping{Range: r, Source: test.source, Offset: test.offset})
			if err != nil {
				t.Fatal(err)
			}
			// A layer under it does not show where the source fails.
			under, err := engine.BytesMapping("under", 0x10000, make([]byte, r.Size()))
			if err != nil {
				t.Fatal(err)
			}
			if space, err = space.AddUnder(under); err != nil {
				t.Fatal(err)
			}
			hits, incomplete := allXs(t, space)
			if want := r.Size() - test.lost.Size(); hits != want {
				t.Errorf("%d hits, want %d", hits, want)
			}
			if incomplete == nil || !reflect.DeepEqual(incomplete.Stats.Unreadable, []addr.Range{test.lost}) {
				t.Errorf("told %+v, want unreadable %v", incomplete, test.lost)
			}
			_, err = space.Byte(test.lost.First)
			var missing *engine.MemoryError
			if !errors.As(err, &missing) || missing.State != engine.Present || test.why != nil && !errors.Is(err, test.why) {
				t.Errorf("%v: %v, want one of a present byte, because %v", test.lost.First, err, test.why)
			}
		})
	}
}

// allXs counts the bytes that are x.
func allXs(t *testing.T, space *engine.Space) (hits uint64, incomplete *engine.IncompleteError) {
	t.Helper()
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{patterns.Bytes([]byte("x"))}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range scanner.All(context.Background()) {
		if err != nil && !errors.As(err, &incomplete) {
			t.Fatal(err)
		}
		if err == nil {
			hits++
		}
	}
	return hits, incomplete
}

// An error beside all bytes, as a ReadAt may have at the end of a file, is none: a scan
// and a read of each byte agree.
func TestSourceWithErrorAtItsEnd(t *testing.T) {
	src := &ownSource{size: 100, view: func(buf []byte, off uint64) ([]byte, error) {
		xs(buf, off, 100, 100)
		return buf, errBad
	}}
	space, err := engine.NewSpace(engine.Mapping{Range: addr.Range{First: 0x1000, Last: 0x1063}, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := space.Bytes(0x1000, 100); len(b) != 100 || err != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if b, err := space.Byte(0x1063); b != 'x' || err != nil {
		t.Errorf("%c, %v", b, err)
	}
}
