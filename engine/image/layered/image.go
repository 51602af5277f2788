// Package layered opens an image as it is named in an argument, with all that is laid
// over and under it, as one address space. It is for programs that take images from
// their users.
//
//	IMAGE   FILE, FILE@ADDR, FILE@ADDR+OFFSET, FILE@ADDR+OFFSET:LEN, pid:N, pid:NAME, pid:self
//	LAYER   FILE, FILE@ADDR, FILE@ADDR+OFFSET, FILE@ADDR+OFFSET:LEN
//
// FILE is a dump of a known format or raw memory. FILE@ADDR is raw memory whose first
// byte lies at ADDR, or an ELF program or library that is loaded there; with OFFSET, and
// LEN if it is given, so many of its bytes as they are. A path that exists is always
// that file, whatever its name looks like. pid:N is the live process with the number N,
// pid:NAME the only one of that name, and pid:self the program that asks. A layer that
// is FILE alone is a program or library, and lies where the image has it.
//
//	Parse, ParseLayer   what an argument means
//	Open, Arg.Open      the image and its space
//	Of                  an image of a space that a program made itself
//	Image.Complete      whether it holds all that it should: to be asked wherever
//	                    something was not found in it
//	Image.Changed       what of its files is no longer as it was, to be asked at the end
package layered

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/where"
	"vscan/patterns"
)

// Options say how an image is opened and what is laid over and under it. The zero value
// takes what the image says of itself, and nothing but the image.
type Options struct {
	// Over are the layers that are laid over the image, each on top of those before
	// it. Under are the layers that are laid below everything else; in its list, too,
	// each lies on top of those before it.
	Over, Under []Layer

	// Modules lays the files that the image names, from their paths, below
	// everything. Sysroot, where it is not "", is the folder that has the files of
	// the image's machine: they are taken from there.
	Modules bool
	Sysroot string

	// Format and Space are as in image.Options. Format is that of the image; only
	// image.FormatRaw holds for the layers as well.
	Format image.FormatName
	Space  image.AddressSpace

	// WordSize, 4 or 8 bytes, and ByteOrder are for images that do not say them. 0 and
	// nil leave them open. It is an error if they contradict the image.
	WordSize  int
	ByteOrder *addr.ByteOrder

	// Empty takes a file without a byte for an image. It is refused otherwise, for
	// nothing can be found in it.
	Empty bool

	// With is as in image.Options. Of those that are no part of the image there is a note.
	// Siblings are more such files, of which there is none.
	With, Siblings []string

	// These are as in image.Options.
	Mmap image.Mmap

	ProtNone, Resident, Sequential bool

	UnpackLimit uint64
	Known       bool
	Unpacking   func(read, size uint64)

	// Budget is asked for the memory of mappings and of their index before it is spent,
	// which is given back when the image is closed: the error is a *budget.Error. Nil has no
	// limit.
	Budget *budget.Budget
}

// Image is an opened image with all that was laid over and under it.
type Image struct {
	*image.Image
	Arg   string        // the argument as it was given
	Space *engine.Space // the image and its layers; Image.Space says of what kind its addresses are

	LayerNotes []string // what was odd about layers, to be told like Notes

	// LeftOut are the paths of files that Options ask for and that were not laid, if
	// the space lacks memory because of that; LeftOutBytes is how many bytes it lacks.
	LeftOut      []string
	LeftOutBytes uint64

	ResidentOnly bool // whether pages of a live process that are swapped out are absent

	files  []image.Module // the programs and libraries that were laid
	opened []io.Closer    // the image and its layers
}

// A StepError says that something could not be laid.
type StepError struct {
	Step    Step
	Layer   Layer  // of LayOver and LayUnder
	Sysroot string // of LayModules: Options.Sysroot
	Err     error
}

// Step is what was to be laid where.
type Step uint8

const (
	LayOver    Step = iota // a layer of Options.Over
	LayUnder               // one of Options.Under
	LayModules             // the files that the image names
)

func (e *StepError) Error() string {
	switch e.Step {
	case LayOver:
		return fmt.Sprintf("%s, laid over: %v", e.Layer.Text, e.Err)
	case LayUnder:
		return fmt.Sprintf("%s, laid under: %v", e.Layer.Text, e.Err)
	}
	if e.Sysroot != "" {
		return fmt.Sprintf("the files that the image names, below %s: %v", e.Sysroot, e.Err)
	}
	return fmt.Sprintf("the files that the image names: %v", e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// A ConflictError says that Options contradict the image.
type ConflictError struct {
	Fact      patterns.Fact
	Given, Is string // in the words of messages
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the given %s, %s, contradicts the image, %s", e.Fact, e.Given, e.Is)
}

// A ProcessError says that Options ask of a live process what none has.
type ProcessError struct {
	Arg    string
	Format image.FormatName   // what is asked for; "" where it is Space
	Space  image.AddressSpace // what is asked for; "" where it is Format
}

func (e *ProcessError) Error() string {
	if e.Format != "" {
		return fmt.Sprintf("the format %s is asked for, and a live process has none", e.Format)
	}
	return fmt.Sprintf("%s addresses are asked for, and a live process has virtual ones only", e.Space)
}

// Open opens the image that an argument names. Besides those of formats.Open, errors are a
// *StepError, a *ConflictError and a *ProcessError. Where ctx ends before all is laid and the
// index of the space is built, the error wraps that of ctx and says what was being done.
func Open(ctx context.Context, arg string, o Options) (*Image, error) {
	a, err := Parse(ctx, arg, o)
	if err != nil {
		return nil, err
	}
	return a.Open(ctx, o)
}

// Open opens the image and lays what the options ask for. Errors name the image, and
// are those of the function Open.
func (a Arg) Open(ctx context.Context, o Options) (*Image, error) {
	o.Budget = o.Budget.Share()
	img, err := a.open(ctx, o)
	if err != nil {
		o.Budget.Release()
		return nil, err
	}
	t := &Image{Image: img, Arg: a.Text, opened: []io.Closer{img, taken{o.Budget}}, ResidentOnly: o.Resident}
	for _, path := range o.With {
		if !slices.Contains(img.Parts, path) {
			t.LayerNotes = append(t.LayerNotes, fmt.Sprintf("%s is no part of it, and nothing is read from that file", path))
		}
	}
	if err := t.lay(ctx, o); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// taken is what an image has of a budget, until it is closed.
type taken struct{ share *budget.Budget }

// Close gives all of it back, the first time.
func (t taken) Close() error {
	t.share.Release()
	return nil
}

// Of returns an image of a space that a program made itself, with a name for it. What the
// space does not say, the program sets in the Image: WordSize, Order and OrderKnown of the
// machine, and Missing, where the space was made of an image that lacks bytes.
func Of(name string, space *engine.Space) *Image {
	return &Image{Image: &image.Image{Path: name, Format: "memory", Space: image.Virtual}, Arg: name, Space: space}
}

// Assume returns an image without a byte, of which only the options say what it is.
func Assume(o Options) (*Image, error) {
	t := &Image{Image: &image.Image{}}
	return t, t.setArch(o)
}

// Files returns what the system tells of the files that the image and its layers are read
// from, as Image.Files of package image does. What is made of the image is its owner's alone
// if the image is Live, whatever is laid over it.
func (t *Image) Files() []fs.FileInfo {
	var all []fs.FileInfo
	for _, c := range t.opened {
		if f, ok := c.(interface{ Files() []fs.FileInfo }); ok {
			all = append(all, f.Files()...)
		}
	}
	return all
}

// Close closes the image and its layers.
func (t *Image) Close() error {
	var errs []error
	for _, c := range t.opened {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// lay builds the space of the image and of what the options lay over and under it.
func (t *Image) lay(ctx context.Context, o Options) error {
	if err := t.setArch(o); err != nil {
		return fmt.Errorf("%s: %w", t.Arg, err)
	}
	if err := takeIndex(o.Budget, t.Mappings, !o.layers() && disjoint(t.Mappings)); err != nil {
		return fmt.Errorf("%s: %w", t.Arg, err)
	}
	var err error
	if t.Space, err = engine.NewSpaceOf(ctx, t.Mappings); ctx.Err() != nil && err != nil {
		return image.Interrupted(err, t.Arg, "laying out its mappings")
	} else if err != nil {
		return fmt.Errorf("%s: %w", t.Arg, err)
	}
	for _, l := range o.Over {
		if err := t.layOne(ctx, o, LayOver, l); err != nil {
			return err
		}
	}
	for _, l := range o.Under {
		if err := t.layOne(ctx, o, LayUnder, l); err != nil {
			return err
		}
	}
	if err := t.layModules(ctx, o); err != nil {
		return err
	}
	return t.index(ctx)
}

// The index of a space takes about indexBytes for a mapping while it is built, and about
// disjointBytes where no mapping overlaps another.
const (
	indexBytes    = 280
	disjointBytes = 60
)

// takeIndex takes the memory of the index of mappings, which may overlap one another or be
// disjoint.
func takeIndex(b *budget.Budget, mappings []engine.Mapping, disjoint bool) error {
	each := uint64(indexBytes)
	if disjoint {
		each = disjointBytes
	}
	return b.Take(budget.Product(uint64(len(mappings)), each), fmt.Sprintf("finding what shows where of %d mappings", len(mappings)))
}

// layers reports whether anything is laid over or under the image.
func (o *Options) layers() bool { return len(o.Over)+len(o.Under) > 0 || o.Modules || o.Sysroot != "" }

// disjoint reports whether mappings ascend without one overlapping another. Those that do
// not ascend may be disjoint as well, which takes long to find out.
func disjoint(mappings []engine.Mapping) bool {
	for i := 1; i < len(mappings); i++ {
		if mappings[i].First <= mappings[i-1].Last {
			return false
		}
	}
	return true
}

// index builds what lookups in the space need.
func (t *Image) index(ctx context.Context) error {
	if err := t.Space.Index(ctx); err != nil {
		return image.Interrupted(err, t.Arg, "finding what shows where")
	}
	return nil
}

// setArch puts what the options say of word size and byte order into the image.
func (t *Image) setArch(o Options) error {
	if n := o.WordSize; n != 0 {
		if t.WordSize != 0 && n != t.WordSize && n != t.AltWordSize {
			return &ConflictError{patterns.FactWordSize, fmt.Sprint(n), fmt.Sprintf("whose words have %d bytes", t.WordSize)}
		}
		t.WordSize = n
	}
	if o.ByteOrder != nil {
		order := *o.ByteOrder
		if t.OrderKnown && t.Order != order {
			return &ConflictError{patterns.FactByteOrder, order.String(), fmt.Sprintf("which is %v-endian", t.Order)}
		}
		t.Order, t.OrderKnown = order, true
	}
	return nil
}

// Complete reports whether the image holds all that it should, and all that was to be
// laid with it was laid.
func (t *Image) Complete() bool { return t.Missing == 0 && len(t.LeftOut) == 0 }

// Changed compares the files of the image and of its layers with what they were when they
// were opened, and returns what is different: see image.Image.Changed.
func (t *Image) Changed() []image.Change {
	var all []image.Change
	for _, c := range t.opened {
		if f, ok := c.(interface{ Changed() []image.Change }); ok {
			all = append(all, f.Changed()...)
		}
	}
	return all
}

// Grown returns the image together with what was appended to its file since it was opened,
// or since Grown made it, and whether there is anything: see image.Image.Grown. What was
// appended lies below all layers. It reads from the image, which has to stay open; to
// close it does nothing. The error is that of engine.Space.AddUnder.
func (t *Image) Grown() (*Image, bool, error) {
	img, ok := t.Image.Grown()
	if !ok {
		return nil, false, nil
	}
	space, err := t.Space.AddUnder(img.Mappings[len(img.Mappings)-1])
	if err != nil {
		return nil, false, err
	}
	grown := *t
	grown.Image, grown.Space, grown.opened = img, space, nil
	return &grown, true, nil
}

// OnDisk returns how many bytes the sources have that the image's memory is in, unpacked where
// they are packed, and how much of the disk their files take, which is less where they are packed, have holes, or are
// compressed by their file system. It returns false where that is not known of all of them.
func (t *Image) OnDisk() (size, disk uint64, known bool) {
	// A file may be laid many times, and may have some memory packed and some not.
	type source struct {
		path string
		size uint64
	}
	asked, seen, files := map[engine.Source]bool{nil: true}, map[source]bool{}, map[string]bool{}
	for _, m := range t.Space.Mappings() {
		if asked[m.Source] {
			continue
		}
		asked[m.Source] = true
		s := source{m.Source.Name(), m.Source.Size()}
		if seen[s] {
			continue
		}
		seen[s] = true
		size += s.size
		if files[s.path] {
			continue
		}
		files[s.path] = true
		f, ok := m.Source.(interface{ OnDisk() (uint64, bool) })
		if !ok {
			return 0, 0, false
		}
		n, ok := f.OnDisk()
		if !ok {
			return 0, 0, false
		}
		disk += n
	}
	return size, disk, true
}

// Target returns what a set of patterns has to know of the image and its layers. Names of
// mappings in patterns may be places and ranges between places as well, see package
// where; the Target of image.Image knows names alone.
func (t *Image) Target() patterns.Target {
	about := t.Image.Target(t.Space)
	about.Mapping = t.named
	return about
}

// named returns the ranges of the mappings of a name as it is printed, or the range of a place or
// between places. The name stood behind an @, which may be part of it.
func (t *Image) named(name string) ([]addr.Range, error) {
	ranges, err := t.namedRanges(name)
	if ranges == nil {
		if whole, bad := t.namedRanges("@" + name); bad == nil && whole != nil {
			return whole, nil
		}
	}
	return ranges, err
}

func (t *Image) namedRanges(name string) ([]addr.Range, error) {
	for _, n := range where.Names(name) {
		if ranges := t.Space.Named(n); len(ranges) > 0 {
			return ranges, nil
		}
	}
	if !where.IsPlace(name) {
		return nil, nil
	}
	r, err := where.Parse(t.Space.Places(), name)
	if err != nil {
		return nil, err
	}
	return []addr.Range{r}, nil
}

// BuildIDs returns the build-ids of the mappings.
func (t *Image) BuildIDs() *image.BuildIDs {
	return image.NewBuildIDs(slices.Concat(t.Modules, t.files)...)
}

// isEmptyFile reports whether a file has no bytes. A file of /proc may have bytes
// although its size is 0, so it is read.
func isEmptyFile(path string, info os.FileInfo) bool {
	if !info.Mode().IsRegular() || info.Size() > 0 {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	n, err := file.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}
