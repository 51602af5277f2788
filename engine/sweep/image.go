package sweep

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/identity"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/internal/interrupt"
)

// ImageSpec names an image and says how it is opened.
type ImageSpec struct {
	Arg     string // as layered.Open takes it
	Options layered.Options
}

// Image is an image of a plan: how it is opened, and what it was when the plan was made.
type Image struct {
	Arg     Text    `json:"arg"`
	Opening Opening `json:"options"`
	Is      ImageIs `json:"identity"`
	Format  string  `json:"image_format"` // what it was recognised as, for readers
	Bytes   uint64  `json:"bytes"`        // how many bytes of it are searched
}

// Opening is layered.Options as plain values.
type Opening struct {
	Over      []Text `json:"over,omitempty"` // layers, as layered.ParseLayer reads them
	Under     []Text `json:"under,omitempty"`
	With      []Text `json:"with,omitempty"` // files that may hold other parts of the image
	Modules   bool   `json:"modules,omitempty"`
	Sysroot   Text   `json:"sysroot,omitempty"`
	Format    string `json:"format,omitempty"`
	Space     string `json:"space,omitempty"`
	WordSize  int    `json:"word,omitempty"`   // in bytes
	ByteOrder string `json:"endian,omitempty"` // little or big
	Empty     bool   `json:"empty,omitempty"`
	ProtNone  bool   `json:"prot_none,omitempty"`
	Resident  bool   `json:"resident,omitempty"`

	UnpackLimit uint64 `json:"unpack_limit,omitempty"` // in bytes
}

// ImageIs tells an image from others, and from what it was before it changed. Digests are
// SHA-256 in hexadecimal.
type ImageIs struct {
	Files   []File `json:"files"`   // of the image, and then of its layers
	Layout  string `json:"layout"`  // digest of how its memory is mapped, with names and permissions
	Samples string `json:"samples"` // digest of samples of its bytes
}

// File is a file of an image.
type File struct {
	Name     Text      `json:"name"`     // the last part of its path
	Size     int64     `json:"size"`     // in bytes
	Modified time.Time `json:"modified"` // in UTC
}

// A ChangedError says that an image is not the one that a plan was made for.
type ChangedError struct {
	Arg string // names the image
	Why string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s is not what it was when the plan was made: %s: plan anew, or bring the image back as it was, with its time of modification", e.Arg, e.Why)
}

// An ImageError says that the question cannot be asked of an image.
type ImageError struct {
	Arg string // names the image
	Err error
}

func (e *ImageError) Error() string { return e.Arg + ": " + e.Err.Error() }
func (e *ImageError) Unwrap() error { return e.Err }

// OpeningOf returns options as plain values, without those that change nothing of what is
// found.
func OpeningOf(o *layered.Options) Opening {
	out := Opening{Modules: o.Modules, Sysroot: Text(o.Sysroot), Format: string(o.Format), Space: string(o.Space), WordSize: o.WordSize, Empty: o.Empty, ProtNone: o.ProtNone, Resident: o.Resident, UnpackLimit: o.UnpackLimit}
	for _, path := range o.With {
		out.With = append(out.With, Text(path))
	}
	for _, l := range o.Over {
		out.Over = append(out.Over, Text(l.Text))
	}
	for _, l := range o.Under {
		out.Under = append(out.Under, Text(l.Text))
	}
	if o.ByteOrder != nil {
		out.ByteOrder = o.ByteOrder.String()
	}
	return out
}

// Options returns the options that an Opening is of.
func (o *Opening) Options() (layered.Options, error) {
	out := layered.Options{
		Modules: o.Modules, Sysroot: string(o.Sysroot), Format: image.FormatName(o.Format), Space: image.AddressSpace(o.Space),
		WordSize: o.WordSize, Empty: o.Empty, ProtNone: o.ProtNone, Resident: o.Resident,
		UnpackLimit: o.UnpackLimit,
	}
	for _, path := range o.With {
		out.With = append(out.With, string(path))
	}
	if n := o.WordSize; n != 0 && n != 4 && n != 8 {
		return out, fmt.Errorf("words of %d bytes: want 4 or 8", n)
	}
	for _, list := range []struct {
		from []Text
		to   *[]layered.Layer
	}{{o.Over, &out.Over}, {o.Under, &out.Under}} {
		for _, text := range list.from {
			l, err := layered.ParseLayer(string(text))
			if err != nil {
				return out, err
			}
			*list.to = append(*list.to, l)
		}
	}
	if o.ByteOrder != "" {
		order, err := addr.ParseByteOrder(o.ByteOrder)
		if err != nil {
			return out, err
		}
		out.ByteOrder = &order
	}
	return out, nil
}

// OpenOptions say how an image of a plan is opened, besides what the plan says. The zero
// value will do.
type OpenOptions struct {
	// These are as in layered.Options.
	Mmap       image.Mmap
	Sequential bool
	Budget     *budget.Budget
}

// Open opens an image of the plan, by its index. The error is a *ChangedError where it is
// not what it was when the plan was made, or one of layered.Open.
func (p *Plan) Open(ctx context.Context, n int, o OpenOptions) (*layered.Image, error) {
	of := &p.Images[n]
	opt, err := of.Opening.Options()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Arg, err)
	}
	opt.Mmap, opt.Sequential, opt.Budget = o.Mmap, o.Sequential, o.Budget
	img, err := layered.Open(ctx, string(of.Arg), opt)
	if err != nil {
		return nil, err
	}
	is, err := Identify(ctx, img)
	if why := of.Is.Differs(&is); err == nil && why != "" {
		err = &ChangedError{string(of.Arg), why}
	}
	if err != nil {
		img.Close()
		return nil, err
	}
	return img, nil
}

// Identify returns what tells an open image from others. The error is that of ctx, or says
// that the image is of a kind that changes.
func Identify(ctx context.Context, img *layered.Image) (ImageIs, error) {
	var is ImageIs
	if img.Live {
		return is, fmt.Errorf("%s: a live process is not the same when its tasks run: save its memory to a core first", img.Arg)
	}
	for _, f := range img.Files() {
		is.Files = append(is.Files, File{Text(f.Name()), f.Size(), f.ModTime().UTC()})
	}
	id, err := identity.Of(ctx, img.Space)
	if err != nil {
		return is, err
	}
	layout, samples, watch := sha256.New(), sha256.New(), interrupt.New(ctx)
	layout.Write(id.Layout[:])
	var b []byte
	for _, m := range img.Space.Mappings() {
		if err := watch.Step(1); err != nil {
			return is, err
		}
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(m.Perm))
		b = binary.LittleEndian.AppendUint64(b, uint64(len(m.Name)))
		layout.Write(append(b, m.Name...))
	}
	for _, s := range id.Sources {
		samples.Write(binary.LittleEndian.AppendUint64(b[:0], s.Size))
		samples.Write(s.Samples[:])
	}
	is.Layout, is.Samples = hex.EncodeToString(layout.Sum(nil)), hex.EncodeToString(samples.Sum(nil))
	return is, nil
}

// Differs returns in what way an image is another one now, or "".
func (is *ImageIs) Differs(now *ImageIs) string {
	if len(is.Files) != len(now.Files) {
		return fmt.Sprintf("it consisted of %d files, and does of %d", len(is.Files), len(now.Files))
	}
	for i, was := range is.Files {
		switch f := now.Files[i]; {
		case was.Size != f.Size:
			return fmt.Sprintf("%s had %d bytes, and has %d", f.Name, was.Size, f.Size)
		case !was.Modified.Equal(f.Modified):
			return fmt.Sprintf("%s was last written to at %s, and now at %s", f.Name, was.Modified.Format(time.RFC3339Nano), f.Modified.Format(time.RFC3339Nano))
		}
	}
	switch {
	case is.Layout != now.Layout:
		return "other memory is mapped, or elsewhere"
	case is.Samples != now.Samples:
		return "its files have the same sizes and times, and other bytes"
	}
	return ""
}

// digest returns a digest of what tells the image from others and of how it is opened.
func (i *Image) digest() (string, error) {
	return digestOf(struct {
		Opening Opening
		Is      ImageIs
	}{i.Opening, i.Is})
}
