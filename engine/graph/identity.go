package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"vscan/engine"
	"vscan/internal/interrupt"
)

// identity is what is stored of the memory that a graph was made of, besides regions and
// edges: how it is mapped, and for each source of bytes its size and samples of its content.
// It tells most other images apart at once; what proves that a graph is that of an image is
// its edges (edgesum.go).
type identity struct {
	layout  [sha256.Size]byte // a digest of all mappings
	sources []sourceIdentity  // in the order in which mappings refer to them first
}

// sourceIdentity is the size of a source of bytes and a digest of samples of it.
type sourceIdentity struct {
	size    uint64
	samples [sha256.Size]byte
}

const (
	// samples is how many blocks of a source are looked at: the first, the last,
	// and blocks at equal distances between them.
	samples     = 64
	sampleBytes = 4096
)

// identify returns the identity of a space. Of a block that cannot be read, the part
// that can be read counts. The error is that of ctx.
func identify(ctx context.Context, space *engine.Space) (identity, error) {
	var id identity
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
				id.sources = append(id.sources, identifySource(m.Source))
			}
			source = n
		}
		b = b[:0]
		for _, v := range []uint64{uint64(m.First), uint64(m.Last), uint64(m.State), source, m.Offset} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		layout.Write(b)
	}
	layout.Sum(id.layout[:0])
	return id, nil
}

// identifySource returns the identity of a source of bytes.
func identifySource(src engine.Source) sourceIdentity {
	id := sourceIdentity{size: src.Size()}
	h := sha256.New()
	buf := make([]byte, sampleBytes)
	step := id.size / samples
	for i := range uint64(samples) {
		at := i * step
		if i == samples-1 && id.size > sampleBytes {
			at = id.size - sampleBytes
		}
		if at >= id.size {
			break
		}
		n := int(min(sampleBytes, id.size-at))
		engine.Guard(func() {
			b, _ := src.View(buf, at, n)
			h.Write(b)
		})
	}
	h.Sum(id.samples[:0])
	return id
}

// ErrOtherImage is the error of a graph that was made of another image.
var ErrOtherImage = errors.New("the graph was made of another image")

// Check returns nil where the graph is that of this space: Build would make the same graph of
// it. Mappings have to lie alike and to have the same names and permissions, and their
// sources the same sizes and, as far as samples tell, the same content. Then all words are
// looked at, for which so many goroutines go through the memory, or one for each processor
// where workers is 0: each edge has to be there, and no other. Otherwise the error wraps
// [ErrOtherImage] and says what differs. Words that lead nowhere, beside the samples, may
// differ, since the graph does not depend on them.
//
// Of a graph that is not Complete, words behind its last edge are not looked at, for it does
// not tell whether Build has. The memory of a live process changes, and its graph is that of
// a moment: it passes as long as no pointer has changed. Where ctx ends before, the error
// wraps that of ctx.
func (g *Graph) Check(ctx context.Context, space *engine.Space, workers int) error {
	for _, check := range []func() error{
		func() error { return g.checkIdentity(ctx, space) },
		func() error { return g.checkRegions(ctx, space) },
		func() error { return g.checkEdges(ctx, space, workers) },
	} {
		err := check()
		switch ended := ctx.Err(); {
		case err == nil:
		case ended != nil:
			return interrupted(g.data.name(), "comparing it with the image", ended)
		case errors.Is(err, ErrOtherImage):
			return fmt.Errorf("%s: %w", g.data.name(), err)
		default:
			return err
		}
	}
	return nil
}

// checkIdentity returns nil where the identity of the space is that of the graph.
func (g *Graph) checkIdentity(ctx context.Context, space *engine.Space) error {
	now, err := identify(ctx, space)
	switch {
	case err != nil:
		return err
	case now.layout != g.identity.layout:
		return fmt.Errorf("%w: other memory is mapped, or elsewhere", ErrOtherImage)
	case len(now.sources) != len(g.identity.sources):
		return fmt.Errorf("%w: its memory lies in %d files or sources, not %d", ErrOtherImage, len(g.identity.sources), len(now.sources))
	}
	for i, s := range now.sources {
		switch was := g.identity.sources[i]; {
		case was.size != s.size:
			return fmt.Errorf("%w: its file had %d bytes, not %d", ErrOtherImage, was.size, s.size)
		case was.samples != s.samples:
			return fmt.Errorf("%w: the file has the same size and other bytes", ErrOtherImage)
		}
	}
	return nil
}

// encode returns the stored form of an identity: the digest of the mappings, then size and digest of each
// source.
func (id *identity) encode() []byte {
	b := append([]byte(nil), id.layout[:]...)
	for _, s := range id.sources {
		b = binary.LittleEndian.AppendUint64(b, s.size)
		b = append(b, s.samples[:]...)
	}
	return b
}

// decode reads what encode has written.
func (id *identity) decode(ctx context.Context, b []byte) error {
	const sourceSize = 8 + sha256.Size
	if len(b) < sha256.Size || (len(b)-sha256.Size)%sourceSize != 0 {
		return fmt.Errorf("%d bytes are no identity of an image", len(b))
	}
	b = b[copy(id.layout[:], b):]
	watch := interrupt.New(ctx)
	for ; len(b) > 0; b = b[sourceSize:] {
		if err := watch.Step(1); err != nil {
			return err
		}
		s := sourceIdentity{size: binary.LittleEndian.Uint64(b)}
		copy(s.samples[:], b[8:])
		id.sources = append(id.sources, s)
	}
	return nil
}
