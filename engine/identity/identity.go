// Package identity tells memory from other memory at once, by how it is mapped and by
// samples of its bytes, without going through all of it. It is for packages that keep
// something that was made of an image and is of use with that image alone, as a graph or a
// task, and may change.
package identity

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"vscan/engine"
	"vscan/internal/interrupt"
)

// Identity is how the memory of a space is mapped, and for each source of bytes its size
// and samples of its content. Two spaces that have the same may differ beside the samples.
type Identity struct {
	Layout  [sha256.Size]byte // a digest of the ranges, states, sources and offsets of all mappings
	Sources []Source          // in the order in which mappings refer to them first
}

// Source is the size of a source in bytes and a digest of samples of it.
type Source struct {
	Size    uint64
	Samples [sha256.Size]byte
}

const (
	// samples is how many blocks of a source are looked at: the first, the last,
	// and blocks at equal distances between them. All of a source is looked at, once, that
	// has no more than so many blocks.
	samples     = 64
	sampleBytes = 4096
)

// Of returns the identity of a space. Of a block that cannot be read, the part that can be
// read counts. The error is that of ctx.
func Of(ctx context.Context, space *engine.Space) (Identity, error) {
	var id Identity
	layout := sha256.New()
	numbers := map[engine.Source]uint64{}
	watch := interrupt.New(ctx)
	var b []byte
	for _, m := range space.Mappings() {
		if err := watch.Step(1); err != nil {
			return id, err
		}
		source := uint64(0)
		if m.Source != nil {
			n, known := numbers[m.Source]
			if !known {
				if err := ctx.Err(); err != nil {
					return id, err
				}
				n = uint64(len(numbers)) + 1
				numbers[m.Source] = n
				id.Sources = append(id.Sources, sourceOf(m.Source))
			}
			source = n
		}
		b = b[:0]
		for _, v := range []uint64{uint64(m.First), uint64(m.Last), uint64(m.State), source, m.Offset} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		layout.Write(b)
	}
	layout.Sum(id.Layout[:0])
	return id, nil
}

// A peeker is a source that readies itself for views that go on from one to the next. Its
// Peek does what View does and leaves that alone.
type peeker interface {
	Peek(buf []byte, off uint64, n int) ([]byte, error)
}

// sourceOf returns the identity of a source of bytes.
func sourceOf(src engine.Source) Source {
	id := Source{Size: src.Size()}
	h := sha256.New()
	buf := make([]byte, min(sampleBytes, id.Size))
	view := src.View
	if p, ok := src.(peeker); ok {
		view = p.Peek
	}
	step := max(id.Size/samples, sampleBytes)
	for i := range uint64(samples) {
		at := i * step
		if i == samples-1 && id.Size > samples*sampleBytes {
			at = id.Size - sampleBytes
		}
		if at >= id.Size {
			break
		}
		n := int(min(sampleBytes, id.Size-at))
		engine.Guard(func() {
			b, _ := view(buf, at, n)
			h.Write(b)
		})
	}
	h.Sum(id.Samples[:0])
	return id
}
