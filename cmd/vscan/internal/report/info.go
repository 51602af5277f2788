package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/internal/wording"
)

// Info is what an image is: what it tells of itself, and what was found out by a look at it.
type Info struct {
	*layered.Image
	Account     engine.Account
	Hidden      uint64   // bytes that show nowhere, since other mappings lie over them
	Ranges      uint64   // in which the bytes lie that show
	Over, Under []string // what is laid over and under it, as given
	Oddities    []string // its notes and those of layers, with what to do about them
	Complete    bool     // whether it has all that it should

	Banner     string // what its kernel calls itself; "" where that was not found
	BannerAt   addr.Addr
	BannerLeft bool // the search for it was ended before its end
}

// facts returns what the image tells, without the lines of VMCOREINFO, and these.
func (i *Info) facts() (facts []image.Fact, lines []string) {
	for _, f := range i.Facts {
		if f.Name == image.FactVMCoreInfo {
			lines = append(lines, f.Value)
		} else {
			facts = append(facts, f)
		}
	}
	return facts, lines
}

// addresses returns the lowest and the highest address that is mapped, and whether there is
// one.
func (i *Info) addresses() (r addr.Range, some bool) {
	for _, m := range i.Image.Space.Mappings() {
		if !some {
			r, some = m.Range, true
		}
		r = addr.Range{First: min(r.First, m.First), Last: max(r.Last, m.Last)}
	}
	return r, some
}

// Info writes what an image is, as one line.
func (r *JSONLReporter) Info(i *Info) error {
	facts, lines := i.facts()
	r.StartLine("info")
	r.AddName("image", i.Arg)
	r.AddName("format", i.Format)
	r.addText("detail", i.Detail)
	r.AddUint("file_size", i.FileSize)
	if i.WordSize != 0 {
		r.AddUint("word_size", uint64(i.WordSize))
	}
	if i.OrderKnown {
		r.AddName("byte_order", i.Order.String())
	}
	r.AddName("space", string(i.Image.Image.Space))
	r.AddNames("spaces", spaceNames(i))
	if all, some := i.addresses(); some {
		r.addAddr("first", all.First)
		r.addAddr("last", all.Last)
	}
	r.AddUint("mappings", uint64(i.Image.Space.Len()))
	r.AddUint("ranges", i.Ranges)
	a := &i.Account
	r.Add("account", fmt.Sprintf(`{"size":%d,"present":%d,"zero":%d,"unsaved":%d,"excluded":%d,"missing":%d}`,
		a.Size(), a.Present, a.Zero, a.Unsaved, a.Excluded, a.Missing))
	if i.Hidden > 0 {
		r.AddUint("hidden", i.Hidden)
	}
	r.AddUint("missing", i.Missing)
	r.Add("live", strconv.FormatBool(i.Live))
	r.Add("complete", strconv.FormatBool(i.Complete))
	r.AddUint("modules", uint64(len(i.Modules)))
	for _, laid := range []struct {
		key  string
		args []string
	}{{"over", i.Over}, {"under", i.Under}, {"left_out", i.LeftOut}} {
		if len(laid.args) > 0 {
			r.AddNames(laid.key, laid.args)
		}
	}
	if i.Banner != "" {
		r.addText("banner", i.Banner)
		r.addAddr("banner_addr", i.BannerAt)
	}
	if i.BannerLeft {
		r.Add("banner_given_up", "true")
	}
	r.addFacts(facts)
	if len(lines) > 0 {
		r.AddNames("vmcoreinfo", lines)
	}
	r.AddNames("notes", i.Oddities)
	return r.FinishLine()
}

// addFacts adds an array of objects, in the order of the facts.
func (r *JSONLReporter) addFacts(facts []image.Fact) {
	text := r.Texts("facts", func(yield func(string) bool) {
		for _, f := range facts {
			if !yield(f.Value) {
				return
			}
		}
	})
	var all []string
	for _, f := range facts {
		all = append(all, fmt.Sprintf(`{"name":%s,"value":%s}`, QuoteJSON(f.Name), QuoteJSON(text(f.Value))))
	}
	r.Add("facts", "["+strings.Join(all, ",")+"]")
}

func spaceNames(i *Info) (names []string) {
	for _, s := range i.Spaces {
		names = append(names, string(s))
	}
	return names
}

// NewTextInfo returns a function that writes what an image is, for people, to out: its name,
// and lines of a name and what is called so. An empty line stands between images.
func NewTextInfo(out io.Writer) func(*Info) error {
	between := ""
	return func(i *Info) error {
		_, err := io.WriteString(out, between+i.text())
		between = "\n"
		return err
	}
}

// text returns what an image is, for people.
func (i *Info) text() string {
	var b strings.Builder
	b.WriteString(wording.Escape(i.Arg) + "\n")
	facts, lines := i.facts()
	width := 15 // of names
	for _, f := range facts {
		width = max(width, min(len(wording.Printable(f.Name)), 30))
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-*s %s\n", width, name, fmt.Sprintf(format, args...))
	}
	line("format", "%s", i.Format)
	line("detail", "%s", wording.Printable(i.Detail))
	if !i.Live {
		size, exact := wording.Size(i.FileSize), wording.Count(i.FileSize, "byte")
		if size != exact {
			size += " (" + exact + ")"
		}
		line("file", "%s", size)
	}
	line("words", "%s", i.words())
	space := string(i.Image.Image.Space)
	if others := slices.DeleteFunc(spaceNames(i), func(s string) bool { return s == space }); len(others) > 0 {
		space += " (it offers " + strings.Join(others, ", ") + " as well)"
	}
	line("address space", "%s", space)
	if all, some := i.addresses(); some {
		line("addresses", "%v", all)
	}
	line("memory", "%s in %s of %s", wording.Size(i.Account.Size()), wording.Count(i.Ranges, "range"), wording.Count(uint64(i.Image.Space.Len()), "mapping"))
	unsaved := "not saved"
	if i.Live {
		unsaved = "not readable" // by nature
	}
	for _, part := range []struct {
		name  string
		bytes uint64
	}{
		{"present", i.Account.Present}, {"zero", i.Account.Zero}, {unsaved, i.Account.Unsaved}, {"excluded", i.Account.Excluded}, {"missing", i.Account.Missing},
	} {
		if part.bytes > 0 || part.name == "present" {
			line("  "+part.name, "%s", wording.Size(part.bytes))
		}
	}
	if i.Hidden > 0 {
		line("hidden", "%s, that lie under other mappings and show nowhere", wording.Size(i.Hidden))
	}
	if i.Missing > 0 {
		line("not complete", "it is truncated or damaged: %s are missing", wording.Size(i.Missing))
	}
	if n := len(i.Modules); n > 0 {
		line("modules", "%s", wording.Count(uint64(n), "file"))
	}
	for _, o := range i.Over {
		line("over it", "%s", wording.Escape(o))
	}
	for _, u := range i.Under {
		line("under it", "%s", wording.Escape(u))
	}
	for _, f := range i.LeftOut {
		line("left out", "%s", wording.Escape(f))
	}
	switch {
	case i.Banner != "":
		line("banner", "%s (at %v)", wording.Escape(i.Banner), i.BannerAt)
	case i.BannerLeft:
		line("banner", "not found in the time that the search for it may take")
	}
	for _, f := range facts {
		line(f.Name, "%s", wording.Escape(f.Value))
	}
	if n := len(lines); n > 0 {
		line("vmcoreinfo", "%s (-o jsonl has them)", wording.Count(uint64(n), "line"))
	}
	for _, o := range i.Oddities {
		line("note", "%s", wording.Printable(o))
	}
	return b.String()
}

// words returns how large words are and in which order their bytes are.
func (i *Info) words() string {
	if i.WordSize == 0 && !i.OrderKnown {
		return "not told"
	}
	size, order := "size not told", "order not told"
	if i.WordSize != 0 {
		size = wording.Count(uint64(i.WordSize), "byte")
	}
	if i.OrderKnown {
		order = i.Order.String() + "-endian"
	}
	return size + ", " + order
}
