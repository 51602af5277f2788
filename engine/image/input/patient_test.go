package input_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"

	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
	"vscan/internal/testenv"
)

// What can be read is read, whatever lies beside it, and what is told as unreadable is what cannot
// be read, by whole pages.
func TestPatient(t *testing.T) {
	rnd := testenv.Rand(t)
	const page = 4 << 10
	for range testenv.Rounds(30, 100, 5000) {
		size := 1 + rnd.IntN(40*page)
		f := &imagetest.Failing{Data: make([]byte, size), Whole: rnd.IntN(2) == 0}
		bad := make([]bool, size)
		for i := range f.Data {
			f.Data[i] = byte(1 + rnd.IntN(255))
		}
		for range rnd.IntN(4) {
			from := uint64(rnd.IntN(size)) / page * page
			to := min(from+uint64(1+rnd.IntN(3))*page, uint64(size))
			f.Bad = append(f.Bad, [2]uint64{from, to})
			for i := from; i < to; i++ {
				bad[i] = true
			}
		}
		p := input.NewPatient(t.Context(), f.Reader())
		for range 10 {
			off := rnd.IntN(size)
			b := bytes.Repeat([]byte("x"), rnd.IntN(20*page))
			n, told, err := p.Fill(b, uint64(off))
			if err != nil || n != min(len(b), size-off) {
				t.Fatalf("%d bytes at %d of %d: %d, %v", len(b), off, size, n, err)
			}
			for i, c := range b[:n] {
				at := uint64(off + i)
				is := slices.ContainsFunc(told, func(u input.Unreadable) bool { return u.Off <= at && at < u.End })
				if is != bad[at] || is && c != 0 || !is && c != f.Data[at] {
					t.Fatalf("offset %d: byte %d of %d, told %v, unreadable %v", at, c, f.Data[at], told, f.Bad)
				}
			}
			for _, u := range told {
				if !errors.Is(&u, syscall.EIO) {
					t.Fatalf("%v", u.Err)
				}
			}
		}
	}
}

// A stretch that cannot be read is found with few reads, exactly, however long it is.
func TestPatientLongStretch(t *testing.T) {
	const size, from, to = 64 << 20, 5<<20 + 4096, 61<<20 - 8192
	f := &imagetest.Failing{Data: bytes.Repeat([]byte("x"), size), Bad: [][2]uint64{{from, to}}}
	p := input.NewPatient(t.Context(), f.Reader())
	b := make([]byte, 1<<20)
	for off := uint64(0); off < size; off += uint64(len(b)) {
		_, bad, err := p.Fill(b, off)
		if err != nil || len(bad) > 1 || len(bad) == 1 && (bad[0].Off != from || bad[0].End != to) {
			t.Fatalf("at %#x: %v, %v", off, bad, err)
		}
	}
	if f.Reads > 64+600 {
		t.Errorf("%d reads", f.Reads)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := input.NewPatient(ctx, f.Reader()).Fill(b, from); !errors.Is(err, context.Canceled) {
		t.Errorf("%v after the context has ended", err)
	}
}
