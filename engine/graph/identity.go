package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"vscan/engine"
	"vscan/engine/identity"
	"vscan/internal/interrupt"
)

// memoryIdentity is what is stored of the memory that a graph was made of, besides regions
// and edges. It tells most other images apart at once; what proves that a graph is that of
// an image is its edges (edgesum.go).
type memoryIdentity struct{ identity.Identity }

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
	now, err := identity.Of(ctx, space)
	switch {
	case err != nil:
		return err
	case now.Layout != g.identity.Layout:
		return fmt.Errorf("%w: other memory is mapped, or elsewhere", ErrOtherImage)
	case len(now.Sources) != len(g.identity.Sources):
		return fmt.Errorf("%w: its memory lies in %d files or sources, not %d", ErrOtherImage, len(g.identity.Sources), len(now.Sources))
	}
	for i, s := range now.Sources {
		switch was := g.identity.Sources[i]; {
		case was.Size != s.Size:
			return fmt.Errorf("%w: its file had %d bytes, not %d", ErrOtherImage, was.Size, s.Size)
		case was.Samples != s.Samples:
			return fmt.Errorf("%w: the file has the same size and other bytes", ErrOtherImage)
		}
	}
	return nil
}

// encode returns the stored form of an identity: the digest of the mappings, then size and digest of each
// source.
func (id *memoryIdentity) encode() []byte {
	b := append([]byte(nil), id.Layout[:]...)
	for _, s := range id.Sources {
		b = binary.LittleEndian.AppendUint64(b, s.Size)
		b = append(b, s.Samples[:]...)
	}
	return b
}

// decode reads what encode has written.
func (id *memoryIdentity) decode(ctx context.Context, b []byte) error {
	const sourceSize = 8 + sha256.Size
	if len(b) < sha256.Size || (len(b)-sha256.Size)%sourceSize != 0 {
		return fmt.Errorf("%d bytes are no identity of an image", len(b))
	}
	b = b[copy(id.Layout[:], b):]
	watch := interrupt.New(ctx)
	for ; len(b) > 0; b = b[sourceSize:] {
		if err := watch.Step(1); err != nil {
			return err
		}
		s := identity.Source{Size: binary.LittleEndian.Uint64(b)}
		copy(s.Samples[:], b[8:])
		id.Sources = append(id.Sources, s)
	}
	return nil
}
