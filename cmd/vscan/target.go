package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	imagelayer "vscan/engine/image/layer"
	"vscan/patterns"
)

// imageFlags say how an image is opened, and what else belongs to it.
type imageFlags struct {
	maps, unders layerList
	format       string
	space        string
	word         string // "", "4" or "8"
	endian       string // "", "little" or "big"
	noMmap       bool
	protNone     bool   // of a live process
	resident     bool   // of a live process
	sysroot      string // a folder; "": none
	modules      bool

	once  bool // no flag: whether the command goes through the image once
	empty bool // no flag: a file of no bytes is an image, for rules ask for more than bytes
}

func (f *imageFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(&f.maps, "map", "lay `FILE[@ADDR[+OFFSET[:LEN]]]` over the image; repeatable, each on top of what came before. An ELF program or library lies where its program headers say, its first page at ADDR, or without ADDR where a core has it; with OFFSET, and any other file, the bytes lie as they are")
	fs.Var(&f.unders, "under", "lay `FILE[@ADDR[+OFFSET[:LEN]]]`, as --map has it, below everything: it shows through holes and bytes that were not saved; repeatable")
	fs.BoolVar(&f.modules, "modules", false, "lay all files that a core names below everything, from their paths; those that are not the ones that were mapped are left out")
	fs.StringVar(&f.sysroot, "sysroot", "", "as --modules, with the files of that machine below the folder `DIR`")
	choiceVar(cmd, &f.format, "image-format", "", "read the image as `NAME`: "+orList(formatNames())+" (default what it is recognised as)", formatNames()...)
	fs.StringVar(&f.space, "space", "", "address `SPACE` of a machine dump, virtual or physical (default virtual where the image has it)")
	choiceVar(cmd, &f.word, "word", "", "word size of `N` bytes, 4 or 8, where the image does not say", "4", "8")
	choiceVar(cmd, &f.endian, "endian", "", "byte `ORDER`, little or big, where the image does not say", "little", "big")
	fs.BoolVar(&f.protNone, "prot-none", false, "of a live process, also mappings without any permission, which are absent otherwise")
	fs.BoolVar(&f.resident, "resident", false, "of a live process, only what is in memory: pages that are swapped out are absent")
	fs.BoolVar(&f.noMmap, "no-mmap", false, "read files call by call instead of mapping them into memory")
}

// formatNames returns the formats that --image-format knows.
func formatNames() (names []string) {
	for _, n := range formats.Names() {
		names = append(names, string(n))
	}
	return names
}

// target is an opened image with all that was laid over and under it.
type target struct {
	*image.Image
	arg   string // as given
	space *engine.Space
	notes []string       // what was laid
	files []image.Module // that were laid
	// Files that were to be laid and were not, and the bytes of theirs that are
	// nowhere.
	leftOut []string
	lost    uint64
	close   []io.Closer

	residentOnly bool // pages that are swapped out are absent
}

// Close closes the image and its layers.
func (t *target) Close() {
	for _, c := range t.close {
		c.Close()
	}
}

// open opens the image that an argument names.
func (f *imageFlags) open(arg string) (*target, error) {
	img, err := f.openImage(arg)
	if err != nil {
		return nil, err
	}
	t := &target{Image: img, arg: arg, close: []io.Closer{img}, residentOnly: f.resident}
	if err := t.fill(f); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// fill puts into the target what the flags say, and builds its space.
func (t *target) fill(f *imageFlags) error {
	if err := t.setArch(f); err != nil {
		return err
	}
	var err error
	if t.space, err = engine.NewSpace(t.Mappings...); err != nil {
		return fmt.Errorf("%s: %w", t.arg, err)
	}
	for _, l := range f.maps {
		if err := t.lay(f, "--map", l, (*imagelayer.Layer).LayOver); err != nil {
			return err
		}
	}
	for _, l := range f.unders {
		if err := t.lay(f, "--under", l, (*imagelayer.Layer).LayUnder); err != nil {
			return err
		}
	}
	return t.layModules(f)
}

// setArch puts what the flags say of word size and byte order into the image.
// A contradiction is an error.
func (t *target) setArch(f *imageFlags) error {
	if f.word != "" {
		n, _ := strconv.Atoi(f.word)
		if t.WordSize != 0 && n != t.WordSize && n != t.AltWordSize {
			return fmt.Errorf("%s: --word %d contradicts the image, whose words have %d bytes", t.arg, n, t.WordSize)
		}
		t.WordSize = n
	}
	if f.endian != "" {
		order, err := addr.ParseByteOrder(f.endian)
		if err != nil {
			return fmt.Errorf("--endian: %w", err)
		}
		if t.OrderKnown && t.Order != order {
			return fmt.Errorf("%s: --endian %v contradicts the image, which is %v-endian", t.arg, order, t.Order)
		}
		t.Order, t.OrderKnown = order, true
	}
	return nil
}

// assume makes the target one without an image, of which the flags alone say
// what it is.
func (t *target) assume(f *imageFlags) error {
	t.Image = &image.Image{}
	return t.setArch(f)
}

func (f *imageFlags) openImage(arg string) (*image.Image, error) {
	opt := image.Options{Format: image.FormatName(f.format), Space: image.AddressSpace(f.space), NoMmap: f.noMmap, Sequential: f.once}
	if arg == "-" {
		return nil, errors.New("-: an image is searched out of order and cannot come from a pipe; save it to a file first (./- is the file of that name)")
	}
	name, isProcess := strings.CutPrefix(arg, "pid:")
	if pid, err := strconv.Atoi(name); isProcess && err == nil {
		return f.openProcess(arg, pid)
	}
	info, err := os.Stat(arg)
	if err == nil && f.empty && (f.format == "" || f.format == "raw") && isEmptyFile(arg, info) {
		return &image.Image{Path: arg, Format: "raw", Detail: "an empty file"}, nil
	}
	if err == nil {
		return formats.Open(arg, opt)
	}
	if isProcess {
		pid, err := findProcess(arg, name)
		if err != nil {
			return nil, err
		}
		return f.openProcess(arg, pid)
	}
	if path, _, ok := cutAt(arg); ok {
		spec, err := parseLayer(arg)
		if err == nil {
			opt.Base, opt.Offset, opt.Len, opt.Raw = &spec.At, spec.Offset, spec.Len, spec.Raw
			return formats.Open(path, opt)
		}
		if _, statErr := os.Stat(path); statErr == nil {
			return nil, fmt.Errorf("%s: there is no such file, and as FILE@ADDR: %w", arg, err)
		}
	}
	return formats.Open(arg, opt) // for its error
}

// emptyRaw reports whether empty files below a folder are images.
func (f *imageFlags) emptyRaw() bool { return f.empty && f.format == "raw" }

// isEmptyFile reports whether a file has no bytes. Those of /proc have some,
// whatever their size is.
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

// openProcess opens a live process, which is what it is whatever the flags.
func (f *imageFlags) openProcess(arg string, pid int) (*image.Image, error) {
	switch {
	case f.format != "":
		return nil, fmt.Errorf("%s: --image-format %s: a live process has no format (./%s is the file of that name)", arg, f.format, arg)
	case f.space != "" && f.space != string(image.Virtual):
		return nil, fmt.Errorf("%s: --space %s: a live process has virtual addresses only", arg, f.space)
	}
	return formats.OpenProcess(pid, image.Options{ProtNone: f.protNone, Resident: f.resident})
}

// findProcess is the number of the one process of a name; self is this one.
func findProcess(arg, name string) (int, error) {
	if name == "self" {
		return os.Getpid(), nil
	}
	if name == "" {
		return 0, fmt.Errorf("%s: want pid:N with the number of a process, or pid:NAME with its name", arg)
	}
	found, err := formats.FindProcesses(name)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", arg, err)
	case len(found) == 0:
		return 0, fmt.Errorf("%s: there is no process of this name, and no such file", arg)
	case len(found) > 1:
		return 0, fmt.Errorf("%s: %d processes have this name: choose one by its number: %s", arg, len(found), listProcesses(found))
	}
	return found[0].PID, nil
}

// listProcesses is some processes in a line.
func listProcesses(all []formats.ProcessInfo) string {
	const most, longest = 10, 60
	var list []string
	for _, p := range all[:min(len(all), most)] {
		line := p.Name
		if len(line) > longest {
			line = strings.ToValidUTF8(line[:longest], "") + "…"
		}
		list = append(list, fmt.Sprintf("pid:%d (%s)", p.PID, printable(line)))
	}
	if n := len(all) - most; n > 0 {
		list = append(list, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(list, ", ")
}

// cutAt splits FILE@ADDR at its last @.
func cutAt(arg string) (path, at string, ok bool) {
	i := strings.LastIndexByte(arg, '@')
	if i <= 0 || i == len(arg)-1 {
		return "", "", false
	}
	return arg[:i], arg[i+1:], true
}

// patternTarget is what a set of patterns has to know of the image.
func (t *target) patternTarget(align uint64) patterns.Target {
	about := t.Image.Target(t.space)
	about.Align, about.Mapping = align, t.whereNamed
	return about
}

// whereNamed is the mappings of a name, or a place in one or a range between
// places.
func (t *target) whereNamed(name string) ([]addr.Range, error) {
	ranges := t.space.Named(name)
	if len(ranges) > 0 || !isWhere(name) {
		return ranges, nil
	}
	r, err := parseWhere(t.space.Places(), name)
	return []addr.Range{r}, err
}

// arch is the architecture, for what cannot do without.
func (t *target) arch(what string) (addr.Arch, error) {
	arch, err := t.Image.Arch()
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return arch, err
}
