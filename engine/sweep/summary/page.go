package summary

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"vscan/engine/addr"
	"vscan/engine/sweep/state"
	"vscan/internal/webpage"
	"vscan/internal/wording"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageRules string
	//go:embed page.js
	pageScript string
)

// lightHeat and darkHeat are the colours of the cells of the matrix, from few hits to many, and
// of the numbers in them.
const (
	lightHeat = "--c1: #e8f2fc; --c2: #c9e0f6; --c3: #9cc7ec; --c4: #1f6bb3; --c5: #174f8a; --c6: #103a68; --c7: #0a2647; --low: #1b1f24; --high: #ffffff; --bar: #1f6bb3;"
	darkHeat  = "--c1: #14253a; --c2: #1a3757; --c3: #1f4f85; --c4: #58a6ff; --c5: #8cc4ff; --c6: #ffbe5a; --c7: #fff0c0; --low: #e6edf3; --high: #0d1117; --bar: #58a6ff;"
	heatSteps = 7
)

var pageStyle = sync.OnceValue(func() string { return webpage.Style(lightHeat, darkHeat, pageRules) })

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageHTML)) })

// maxPage is how many bytes a page has at most.
const maxPage = 4_900_000

// pageLimits say how much of each thing a page shows.
type pageLimits struct {
	rows, columns, patterns, images, density, slow, problems, names, noHit, options int
	text                                                                            int // characters of a name
}

var wholePage = pageLimits{rows: 60, columns: 40, patterns: maxPatterns, images: maxTop, density: 100, slow: 20, problems: 100, names: maxNames, noHit: maxNoHit, options: 100, text: 160}

// half returns limits of about half the size, and whether they are any lower.
func (l pageLimits) half() (pageLimits, bool) {
	h := l
	for _, n := range []*int{&h.rows, &h.columns, &h.patterns, &h.images, &h.density, &h.slow, &h.problems, &h.names, &h.noHit, &h.options} {
		*n = max(1, *n/2)
	}
	h.text = max(20, h.text*3/4)
	return h, h != l
}

// WritePage writes the summary as one HTML page of at most 5 MB. Where names are so long that
// it would have more, it shows fewer things, and says of how many.
func (s *Summary) WritePage(w io.Writer) error {
	var b bytes.Buffer
	for l := wholePage; ; {
		b.Reset()
		if err := pageTemplate().Execute(&b, s.page(l)); err != nil {
			return err
		}
		if b.Len() <= maxPage {
			_, err := w.Write(b.Bytes())
			return err
		}
		ok := false
		if l, ok = l.half(); !ok {
			return errors.New("the page of the sweep's summary has more than 5 MB, however little it shows")
		}
	}
}

// pageView is what the template shows. All texts are as a person reads them; what comes from
// outside is escaped by wording, and by the template once more.
type pageView struct {
	Style    template.CSS
	Script   template.JS
	Policy   string
	Complete bool
	Sentence string
	Notes    []string
	LeftOut  []string // rules, a line each
	Facts    [][2]string
	Options  []state.Option
	States   []stateRow
	Problems []problemRow
	Matrix   matrixView
	Patterns []patternRow
	NoHit    []string
	Images   []imageRow
	Density  []densityRow
	Coverage []coverageRow
	Missing  string // how many bytes, or ""
	Slow     []slowRow

	// What is left out, each as a sentence, or "".
	RulesLeft, OptionsLeft, ProblemsLeft, MatrixLeft, PatternsLeft, NoHitLeft, ImagesLeft, DensityLeft string
}

type stateRow struct{ State, Count, What string }

type problemRow struct {
	State, Reason, Count string
	Sort                 uint64
	Names                []string
	More                 string
}

type patternRow struct {
	N                     int
	Name                  string
	Hits, Images, Limited number
}

type imageRow struct {
	N                                                    int
	Name, State, Format                                  string
	Hits                                                 number
	Most                                                 []mostRow
	Size, Scanned, Zero, Absent, Unreadable, Missing, In number
}

type mostRow struct{ Name, Hits string }

// number is a number as it is shown, and as it is sorted.
type number struct {
	Text string
	Sort uint64
}

type densityRow struct {
	Name, Path, First, Last, Text string
}

type coverageRow struct {
	What, Means, Bytes, Share string
	Width                     string // of the bar, of 100
}

type slowRow struct {
	Name, State string
	In          number
	Size, Rate  string
}

func (s *Summary) page(l pageLimits) *pageView {
	v := &pageView{
		Style: template.CSS(pageStyle()), Script: template.JS(pageScript), Policy: webpage.Policy("\n"+pageStyle(), "\n"+pageScript),
		Complete: s.Complete(), Sentence: s.sentence(digits),
	}
	s.facts(v, l)
	s.states(v)
	s.problems(v, l)
	v.Matrix, v.MatrixLeft = s.matrix(l)
	s.patternRows(v, l)
	s.imageRows(v, l)
	s.densityRows(v, l)
	s.coverage(v)
	for _, i := range s.slow[:min(len(s.slow), l.slow)] {
		v.Slow = append(v.Slow, slowRow{l.name(i.Arg), StateWords(i.State), timeNumber(i.Elapsed), wording.Size(i.Size), rate(i)})
	}
	return v
}

// name returns a name as it is shown: what does not show is escaped, and the middle of one that
// is too long left out.
func (l pageLimits) name(s string) string { return l.cut(wording.Escape(s)) }

func (l pageLimits) sentence(s string) string { return l.cut(wording.Printable(s)) }

func (l pageLimits) cut(s string) string {
	if len(s) <= l.text {
		return s
	}
	r := []rune(s)
	if len(r) <= l.text {
		return s
	}
	behind := l.text / 2
	return string(r[:l.text-behind-1]) + "…" + string(r[len(r)-behind:])
}

// leftOut says how many of some things are shown, or nothing where all are.
func leftOut(shown, all uint64, noun, with, which string) string {
	if shown >= all {
		return ""
	}
	return fmt.Sprintf("%s of %s%s, %s; %s left out.", digits(shown), grouped(all, noun), with, which, areCount(all-shown))
}

func areCount(n uint64) string {
	if n == 1 {
		return "1 is"
	}
	return digits(n) + " are"
}

func (s *Summary) facts(v *pageView, l pageLimits) {
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, [2]string{name, value})
		}
	}
	a := s.About
	add("Patterns", digits(uint64(len(a.Patterns))))
	add("Digest of the patterns", l.name(a.Digest))
	add("vscan", l.name(a.Version))
	add("Began", Time(a.Began))
	add("Ended", Time(a.Ended))
	if !a.Began.IsZero() && !a.Ended.IsZero() {
		add("From beginning to end", Duration(a.Ended.Sub(a.Began)))
	}
	for _, o := range a.Options[:min(len(a.Options), l.options)] {
		v.Options = append(v.Options, state.Option{Name: l.name(o.Name), Value: l.name(o.Value)})
	}
	v.OptionsLeft = leftOut(uint64(len(v.Options)), uint64(len(a.Options)), "option", "", "the first")
	for _, line := range s.LeftOut(l.noHit) {
		v.LeftOut = append(v.LeftOut, l.sentence(line))
	}
	v.RulesLeft = leftOut(uint64(len(v.LeftOut)), uint64(len(a.LeftOut)), "rule", " that were left out", "the first")
	if s.AtLeast {
		v.Notes = append(v.Notes, fmt.Sprintf("A limit ended the count of a pattern in an image %s, in %s: there may be more hits of these. Their numbers are marked ≥, at least.",
			grouped(s.LimitedPairs, "time"), grouped(s.LimitedImages, "image")))
	}
}

// stateMeans says what the states of images mean.
var stateMeans = map[string]string{
	state.Done: "all of it was searched", state.Partial: "some of its memory is missing or could not be read", state.Failed: "nothing of it was searched",
	state.Aside: "the process died in it twice", state.Skipped: "no image, or left out by choice", state.Running: "", state.Waiting: "nothing of it was searched yet",
}

func (s *Summary) states(v *pageView) {
	s.Images.Each(func(name string, n uint64) {
		if n > 0 {
			v.States = append(v.States, stateRow{StateWords(name), digits(n), stateMeans[name]})
		}
	})
}

func (s *Summary) problems(v *pageView, l pageLimits) {
	all, shown := s.Images.Partial+s.Images.Failed+s.Images.Aside+s.Images.Skipped, uint64(0)
	for _, p := range s.Problems[:min(len(s.Problems), l.problems)] {
		r := problemRow{State: StateWords(p.State), Reason: l.sentence(p.Reason), Count: digits(p.Images), Sort: p.Images}
		for _, n := range p.Names[:min(len(p.Names), l.names)] {
			r.Names = append(r.Names, l.name(n))
		}
		if more := p.Images - uint64(len(r.Names)); more > 0 {
			r.More = "and " + digits(more) + " more"
		}
		shown += p.Images
		v.Problems = append(v.Problems, r)
	}
	v.ProblemsLeft = leftOut(shown, all, "image", "", "by the most frequent reasons")
}

func (s *Summary) patternRows(v *pageView, l pageLimits) {
	for _, p := range s.Patterns[:min(len(s.Patterns), l.patterns)] {
		v.Patterns = append(v.Patterns, patternRow{p.Pattern, l.name(p.Name), hits(p.Hits, p.Limited > 0), plain(p.Images), plain(p.Limited)})
	}
	v.PatternsLeft = leftOut(uint64(len(v.Patterns)), uint64(s.WithHits), "pattern", " with hits", "those with the most")
	for _, n := range s.WithoutHits[:min(len(s.WithoutHits), l.noHit)] {
		v.NoHit = append(v.NoHit, l.name(s.About.Patterns[n]))
	}
	v.NoHitLeft = leftOut(uint64(len(v.NoHit)), uint64(len(s.About.Patterns)-s.WithHits), "pattern", " without a hit", "the first")
}

// imageRows shows the images that a person looks for: those with the most hits, those that took
// longest and those that are not done, in the order as given.
func (s *Summary) imageRows(v *pageView, l pageLimits) {
	chosen := map[int]*state.Image{}
	take := func(from []*state.Image, n int) {
		for _, i := range from[:min(len(from), n)] {
			chosen[i.N] = i
		}
	}
	if total := s.Images.Total(); total <= uint64(l.images) && total <= uint64(len(s.Listed)) {
		for k := range s.Listed {
			chosen[s.Listed[k].N] = &s.Listed[k]
		}
	} else {
		take(s.top, l.images)
		take(s.slow, l.images/3)
		take(s.bad, l.images/3)
	}
	var order []*state.Image
	for _, i := range chosen {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b *state.Image) int { return cmp.Compare(a.N, b.N) })
	for _, i := range order {
		r := imageRow{
			N: i.N, Name: l.name(i.Arg), State: StateWords(i.State), Format: l.name(i.Format), Size: size(i.Size), In: timeNumber(i.Elapsed),
		}
		if i.State == state.Done || i.State == state.Partial { // of the others nothing is known
			r.Hits = hits(i.Hits, i.AtLeast)
			r.Scanned, r.Zero, r.Absent, r.Unreadable, r.Missing = size(i.Scanned), size(i.Zero), size(i.Absent), size(i.Unreadable), size(i.Missing)
		}
		short := pageLimits{text: min(l.text, 40)}
		for _, p := range i.Patterns {
			r.Most = append(r.Most, mostRow{short.name(s.About.Patterns[p.Pattern]), hits(p.Hits, p.AtLeast).Text})
		}
		v.Images = append(v.Images, r)
	}
	v.ImagesLeft = leftOut(uint64(len(order)), s.Images.Total(), "image", "", "those with the most hits, those that took longest and the first that are not done")
}

func (s *Summary) densityRows(v *pageView, l pageLimits) {
	with := uint64(0)
	for _, i := range s.top {
		if len(i.Density) == 0 {
			continue
		}
		if with++; len(v.Density) < l.density {
			v.Density = append(v.Density, densityRow{l.name(i.Arg), densityPath(i.Density), i.First.String(), i.Last.String(), densityText(i)})
		}
	}
	if n := uint64(len(v.Density)); n < with || len(s.top) == maxTop {
		v.DensityLeft = fmt.Sprintf("%s, those with the most hits; of the others, summary.json has the first %s as given.", grouped(n, "image"), digits(maxListed))
	}
}

// densityHeight is the height of the tallest bar of densityPath.
const densityHeight = 20

// densityPath returns the path of an SVG in which each part of the addresses is a bar, one unit
// wide, whose height is the logarithm of its hits. A part with a hit can be seen.
func densityPath(density []uint32) string {
	most := math.Log1p(float64(slices.Max(density)))
	var b strings.Builder
	for k, n := range density {
		if n > 0 {
			h := max(1.5, densityHeight*math.Log1p(float64(n))/most)
			fmt.Fprintf(&b, "M%d %dv-%.1fh1v%.1fz", k, densityHeight, h, h)
		}
	}
	return b.String()
}

// densityText says where most hits are.
func densityText(i *state.Image) string {
	most, k, parts := uint32(0), 0, 0
	for n, hits := range i.Density {
		if hits > 0 {
			parts++
		}
		if hits > most {
			most, k = hits, n
		}
	}
	if most == 0 {
		return "no hit"
	}
	part := partOf(i, k)
	return fmt.Sprintf("hits in %d of %d parts; most, %s, in %s..%s", parts, len(i.Density), grouped(uint64(most), "hit"), part.First, part.Last)
}

// partOf returns the addresses of part k of those of an image.
func partOf(i *state.Image, k int) addr.Range {
	size := uint64(i.Last-i.First)/uint64(len(i.Density)) + 1
	first := i.First + addr.Addr(uint64(k)*size)
	return addr.Range{First: first, Last: first + addr.Addr(min(size-1, uint64(i.Last-first)))}
}

func (s *Summary) coverage(v *pageView) {
	t := s.Total
	all := t.Memory()
	for _, r := range []struct {
		what, means string
		bytes       uint64
	}{
		{"looked at", "searched for all patterns", less(t.Scanned, t.Zero)},
		{"zero", "known to be zero without a look at them: searched, too", t.Zero},
		{"absent", "not in the image: it was not saved, by choice or because the image is cut off", t.Absent},
		{"unreadable", "could not be read", t.Unreadable},
	} {
		share := 0.0
		if all > 0 {
			share = 100 * float64(r.bytes) / float64(all)
		}
		width := share
		if r.bytes > 0 {
			width = max(width, 0.5)
		}
		v.Coverage = append(v.Coverage, coverageRow{r.what, r.means, exactSize(r.bytes), percent(share, r.bytes), fmt.Sprintf("%.1f", width)})
	}
	v.Coverage = append(v.Coverage, coverageRow{What: "all", Means: "the memory that was asked for: the sum of these", Bytes: exactSize(all)})
	if t.Missing > 0 {
		v.Missing = exactSize(t.Missing)
	}
}

// percent returns a share in percent; what is little is never 0, and what is not all never 100.
func percent(share float64, bytes uint64) string {
	switch {
	case bytes > 0 && share < 0.1:
		return "< 0.1 %"
	case share > 99.9 && share < 100:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", share)
}

func rate(i *state.Image) string {
	if i.Elapsed <= 0 || i.Scanned == 0 {
		return ""
	}
	return wording.Size(uint64(float64(i.Scanned)/i.Elapsed.Seconds())) + "/s"
}

func timeNumber(d time.Duration) number {
	if d <= 0 {
		return number{}
	}
	return number{Duration(d), uint64(d)}
}

func plain(n uint64) number { return number{digits(n), n} }

func size(n uint64) number {
	if n == 0 {
		return number{"0", 0}
	}
	return number{wording.Size(n), n}
}

func exactSize(n uint64) string {
	if n < 1024 {
		return wording.Size(n)
	}
	return wording.Size(n) + " (" + digits(n) + ")"
}

func hits(n uint64, atLeast bool) number {
	if atLeast {
		return number{"≥ " + digits(n), n}
	}
	return plain(n)
}

// grouped is wording.Count with the digits in groups of three.
func grouped(n uint64, noun string) string {
	return counted(digits(n), n, noun)
}

// digits returns a number with its digits in groups of three: "1,234,567".
func digits(n uint64) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
