package formats

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/engine/image/vmware"
)

// readPacked has what is in a container read as if it were a file, but that it may be no container
// itself.
func readPacked(ctx context.Context, in input.Reader, k *magic.Format, o image.Options) (*image.Draft, error) {
	look := func(head []byte) error {
		inner := Recognize(head, nil)
		if inner == nil && o.Known && o.Format == "" && o.Base == nil {
			return fmt.Errorf("%s: %w", in.Path(), image.ErrUnknown)
		}
		return refuseInside(in.Path(), k, inner)
	}
	c, err := k.Unpack(ctx, in, o, look)
	if err != nil {
		return nil, image.Interrupted(err, in.Path(), "unpacking it")
	}
	head, tail, err := magic.Ends(c.Reader)
	if err != nil {
		return nil, err
	}
	inner := Recognize(head, tail)
	if err := refuseInside(in.Path(), k, inner); err != nil {
		return nil, err
	}
	d, err := readAs(ctx, c.Reader, head, inner, o)
	if err != nil {
		return nil, err
	}
	d.Hints = slices.DeleteFunc(d.Hints, func(h image.Hint) bool { return h.Format == image.FormatRaw }) // that is the bytes of the container
	d.TellAppended(nil)                                                                                  // what is appended to the file is in the container
	d.Detail += ", " + k.What
	d.Tell("container", k.Name)
	d.Tell("packed_size", fmt.Sprint(in.Size))
	d.Tell("unpacked_size", fmt.Sprint(c.Size))
	for _, n := range c.Notes {
		d.Note("%s", n)
	}
	if c.Lost > 0 && d.Missing == 0 { // a format that tells how large it is has counted what is missing
		d.Lose(c.Lost)
	}
	if inner == nil && o.Base == nil && vmware.IsMemory(strings.TrimSuffix(in.Path(), filepath.Ext(in.Path()))) {
		d.Note("those of a .vmem file are at their physical addresses only if the machine's memory has no gap, which the state file tells: unpack the file beside that")
	}
	return d, nil
}

// refuseInside refuses a container inside a container, and what in it is not read.
func refuseInside(path string, outer, inner *magic.Format) error {
	if inner == nil || inner.Open != nil || inner.Holds == image.HoldsProgram {
		return nil
	}
	advice := strings.ReplaceAll(inner.Advice, "FILE", "OUT")
	e := outer.Refuse(path)
	e.Holds = inner.Holds
	e.What += ", and what it holds is " + inner.What
	e.Advice += "; then, of that: " + advice
	return e
}
