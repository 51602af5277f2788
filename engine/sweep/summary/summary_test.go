package summary

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"vscan/engine/addr"
	"vscan/engine/sweep/state"
	"vscan/internal/outfile"
	"vscan/internal/testenv"
	"vscan/internal/webpage"
	"vscan/internal/wording"
)

func TestSentence(t *testing.T) {
	running := done("b")
	running.State = state.Running
	unreadable := done("a", 1)
	unreadable.Unreadable = 8192
	limited := done("a", 5)
	limited.AtLeast, limited.Patterns[0].AtLeast = true, true
	part := done("p", 2)
	part.State, part.Reason = state.Partial, "cut off"
	for _, c := range []struct {
		want   string
		whole  bool
		images []state.Image
	}{
		{"There was no image to search.", false, nil},
		{"There was no image to search; 1 file was skipped.", false, []state.Image{notDone("n", state.Skipped, "a note")}},
		{"Everything was looked at: 1 image with 4.0 KiB, which have 3 hits of 2 patterns.", true, []state.Image{done("a", 1, 2)}},
		{"Everything was looked at: 1 image with 4.0 KiB, which have at least 5 hits of 2 patterns; 2 files were skipped.", true, []state.Image{limited, notDone("n", state.Skipped, ""), notDone("m", state.Skipped, "")}},
		{"Nothing has been searched yet: of 2 images 1 is being searched and 1 is waiting.", false, []state.Image{{State: state.Running}, {State: state.Waiting}}},
		{"Not everything was looked at: of 4 images 1 could not be opened, 1 was searched in part and 1 was set aside; what was searched, 8.0 KiB, has 3 hits of 2 patterns.", false,
			[]state.Image{done("a", 1), part, notDone("f", state.Failed, "x"), notDone("s", state.Aside, "y")}},
		{"Not everything was looked at: of 2 images 1 is being searched; what was searched, 8.0 KiB, has 0 hits of 2 patterns.", false, []state.Image{done("a"), running}},
		{"Not everything was looked at: of 1 image 8.0 KiB of memory could not be read, or is missing; what was searched, 4.0 KiB, has 1 hit of 2 patterns.", false, []state.Image{unreadable}},
	} {
		s := collect(t, fromImages(2, c.images...))
		if got := s.Sentence(); got != c.want || s.Complete() != c.whole {
			t.Errorf("%s\ncomplete: %v, want %s\n", got, s.Complete(), c.want)
		}
	}
}

// Sums, lists and the matrix are those of a count that keeps everything.
func TestCollect(t *testing.T) {
	rnd := testenv.Rand(t)
	states := []string{state.Done, state.Done, state.Done, state.Partial, state.Failed, state.Skipped, state.Aside, state.Waiting, state.Running}
	for range testenv.Rounds(3, 10, 300) {
		patterns := 1 + rnd.IntN(60)
		images := make([]state.Image, rnd.IntN(3*maxRows))
		var all uint64
		byPattern, reasons := make([]uint64, patterns), map[problemKey]uint64{}
		var total Bytes
		for n := range images {
			hits := make([]uint64, patterns)
			for range rnd.IntN(4) {
				hits[rnd.IntN(patterns)] = rnd.Uint64N(3)
			}
			i := done(fmt.Sprint("image", n), hits...)
			i.State, i.Missing, i.Absent, i.Elapsed = states[rnd.IntN(len(states))], rnd.Uint64N(9), rnd.Uint64N(9), time.Duration(rnd.IntN(20))
			if i.State != state.Done {
				i.Reason = fmt.Sprintf("%s has trouble %c at %#x", i.Arg, 'a'+rnd.IntN(3), rnd.IntN(2))
			}
			switch i.State {
			case state.Done, state.Running, state.Waiting:
			default:
				reason, _, _ := strings.Cut(strings.ReplaceAll(i.Reason, i.Arg, "…"), "0x")
				reasons[problemKey{i.State, reason}]++
			}
			for p, h := range hits {
				byPattern[p] += h
				all += h
			}
			total.add(&i)
			images[n] = i
		}
		s := collect(t, fromImages(patterns, images...))
		if s.Hits != all || s.Total != total || s.Images.Total() != uint64(len(images)) || len(s.Listed) != len(images) {
			t.Fatalf("%d hits of %d; %+v, want %+v", s.Hits, all, s.Total, total)
		}
		for k, p := range s.Patterns {
			if p.Hits != byPattern[p.Pattern] || k > 0 && s.Patterns[k-1].Hits < p.Hits {
				t.Fatalf("pattern %d has %d hits, want %d, or is out of order", p.Pattern, p.Hits, byPattern[p.Pattern])
			}
		}
		for _, p := range s.Problems {
			reason, _, _ := strings.Cut(strings.TrimSuffix(p.Reason, "…"), "0x")
			key := problemKey{p.State, reason}
			if reasons[key] != p.Images || len(p.Names) != min(maxNames, int(p.Images)) {
				t.Fatalf("%+v, want %d", p, reasons[key])
			}
			delete(reasons, key)
		}
		if len(reasons) > 0 {
			t.Fatalf("reasons that are not told: %v", reasons)
		}
		checkMatrix(t, s, images, pageLimits{rows: 1 + rnd.IntN(maxRows), columns: 1 + rnd.IntN(60), text: 100})
	}
}

// checkMatrix compares the matrix with the images, and its sums.
func checkMatrix(t *testing.T, s *Summary, images []state.Image, l pageLimits) {
	t.Helper()
	with := slices.DeleteFunc(slices.Clone(images), func(i state.Image) bool { return i.Hits == 0 })
	slices.SortStableFunc(with, func(a, b state.Image) int { return cmp.Compare(b.Hits, a.Hits) })
	with = with[:min(len(with), l.rows)]
	m, left := s.matrix(l)
	if len(m.Rows) != len(with) || (left == "") != (len(with) == int(s.ImagesWithHits) && len(m.Columns) == s.WithHits) {
		t.Fatalf("%d rows, want %d; %q", len(m.Rows), len(with), left)
	}
	sums := make([]uint64, len(m.Columns)+2)
	add := func(r matrixRow, to []uint64) {
		to[0] += r.Total.Sort
		across := uint64(0)
		for k, c := range r.Cells {
			to[k+1] += c.Sort
			across += c.Sort
		}
		if across != r.Total.Sort {
			t.Fatalf("the row of %s has %d hits, and in all %d", r.Name, across, r.Total.Sort)
		}
	}
	rows := append(slices.Clone(m.Rows), m.Foot[:len(m.Foot)-1]...)
	for _, r := range rows {
		add(r, sums)
	}
	want := make([]uint64, len(sums))
	add(m.Foot[len(m.Foot)-1], want)
	if !slices.Equal(sums, want) || want[0] != s.Hits {
		t.Fatalf("columns have %v, and in all %v", sums, want)
	}
	for _, r := range m.Rows {
		k := slices.IndexFunc(with, func(i state.Image) bool { return i.Arg == r.Name })
		if k < 0 {
			t.Fatalf("%s is not among the images with the most hits", r.Name)
		}
		for _, p := range with[k].Patterns {
			if c := slices.IndexFunc(m.Columns, func(c matrixColumn) bool { return c.Name == p.Name }); c >= 0 && r.Cells[c].Sort != p.Hits {
				t.Fatalf("%s has %d hits of %s, want %d", r.Name, r.Cells[c].Sort, p.Name, p.Hits)
			}
		}
	}
}

// A ranking keeps what a sort of everything has first.
func TestRanking(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(20, 200, 5000) {
		r := ranking{most: 1 + rnd.IntN(8), cells: rnd.IntN(30), order: byHits}
		var all []*state.Image
		for n := range rnd.IntN(60) {
			i := &state.Image{N: n, Hits: rnd.Uint64N(12), Patterns: make([]state.PatternHits, rnd.IntN(6))}
			all = append(all, i)
			if r.wants(i) {
				r.add(i)
			}
		}
		slices.SortStableFunc(all, byHits)
		got, held := r.list(), 0
		for k, i := range got {
			if i != all[k] {
				t.Fatalf("place %d is image %d, want %d", k, i.N, all[k].N)
			}
			held += len(i.Patterns)
		}
		if len(got) > r.most || r.cells > 0 && len(got) > 1 && held > r.cells || len(got) == 0 && len(all) > 0 || r.cells == 0 && len(got) != min(len(all), r.most) {
			t.Fatalf("%d of %d images with %d cells", len(got), len(all), held)
		}
	}
}

func TestCollectErrors(t *testing.T) {
	gone := errors.New("the disk is gone")
	broken := fromImages(1, done("a", 1))
	broken.err = gone
	if _, err := Collect(t.Context(), broken); err != gone {
		t.Error(err)
	}
	if _, err := Collect(t.Context(), fromImages(1, done("a", 1, 2))); err == nil || !strings.Contains(err.Error(), "pattern 1, and the sweep has 1") {
		t.Error(err)
	}
	if _, err := Collect(t.Context(), fromImages(1, notDone("a", "eaten", ""))); err == nil || !strings.Contains(err.Error(), `"eaten"`) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(ctx, fromImages(1, done("a", 1))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Sums that no number holds stop at the largest.
func TestSumsDoNotWrap(t *testing.T) {
	i := done("a", 1)
	i.Size, i.Absent, i.Hits = math.MaxUint64, math.MaxUint64-1, math.MaxUint64-1
	i.Patterns[0].Hits = i.Hits
	s := collect(t, fromImages(1, i, i))
	if s.Total.Absent != math.MaxUint64 || s.Total.Memory() != math.MaxUint64 || s.Hits != math.MaxUint64 || s.Patterns[0].Hits != math.MaxUint64 {
		t.Errorf("%+v, %d hits", s.Total, s.Hits)
	}
	if err := s.WritePage(io.Discard); err != nil {
		t.Error(err)
	}
}

// decoded is summary.json as a reader has it.
type decoded struct {
	Format   int
	Complete bool
	Ended    *time.Time
	Images   stateCounts
	Bytes    byteCounts
	Problems []jsonProblem
	Patterns []jsonPattern
	Options  []jsonOption
	LeftOut  int         `json:"patterns_left_out"`
	List     []jsonImage `json:"image_list"`
	Beyond   stateCounts `json:"images_left_out"`
}

func decode(t *testing.T, s *Summary) (d decoded, text []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatalf("%v in %.1000s", err, b.Bytes())
	}
	return d, b.Bytes()
}

// Names come back from the JSON as they were, also those that are no UTF-8, and nothing in it
// does not show.
func TestJSONNames(t *testing.T) {
	d, text := decode(t, collect(t, hostileSweep()))
	back := func(s, key string, escaped []string) string {
		if slices.Contains(escaped, key) {
			return wording.Unescape(s)
		}
		return s
	}
	for k, name := range hostile {
		i, o := d.List[2*k], d.Options[k+2]
		if got := back(i.Image, "image", i.Escaped); got != name {
			t.Errorf("%q, want %q", got, name)
		}
		if got := back(o.Value, "value", o.Escaped); got != name {
			t.Errorf("%q, want %q", got, name)
		}
		p := d.Patterns[slices.IndexFunc(d.Patterns, func(p jsonPattern) bool { return p.Pattern == k })]
		if got := back(p.Name, "name", p.Escaped); got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
	if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && !wording.Shows(r) }) {
		t.Error("the JSON has characters that do not show")
	}
}

// The keys are those that docs/sweep.md has.
func TestJSONKeys(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/sweep.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(string(doc), -1) {
		listed[m[1]] = true
	}
	_, text := decode(t, collect(t, night()))
	for _, m := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(string(text), -1) {
		if !listed[m[1]] {
			t.Errorf("docs/sweep.md does not tell of the key %s", m[1])
			listed[m[1]] = true
		}
	}
}

// The files have a bounded size, and say how much they leave out, with so many images and patterns
// that not all are named.
func TestBounds(t *testing.T) {
	images := testenv.Rounds(20_000, 20_000, 2_000_000)
	s := collect(t, &fakeSource{about: about(10_000), images: images, image: func(n int) state.Image {
		i := state.Image{Arg: "/srv/dumps/some/where/image", State: state.Done, Size: 1 << 20, Scanned: 1 << 20, Elapsed: time.Duration(n), Hits: 1, Patterns: []state.PatternHits{{Pattern: n % 5000, Hits: 1}}}
		if n%1000 == 999 {
			i.State, i.Reason = state.Failed, fmt.Sprint("trouble ", n)
		}
		return i
	}})
	d, text := decode(t, s)
	if len(d.Patterns) != maxPatterns || d.LeftOut != 4000 || len(d.List) != maxListed || d.Images.Total != uint64(images) || d.Beyond.Total != uint64(images-maxListed) || d.Beyond.Failed != uint64(images-maxListed)/1000 {
		t.Errorf("%d patterns, %d left out; %d images, %+v left out", len(d.Patterns), d.LeftOut, len(d.List), d.Beyond)
	}
	if len(text) > 10e6 || len(s.Problems) > maxProblems+1 {
		t.Errorf("%d bytes, %d problems", len(text), len(s.Problems))
	}
	page := pageOf(t, s)
	for _, want := range []string{
		"1,000 of 5,000 patterns with hits, those with the most; 4,000 are left out.",
		"200 of 5,000 patterns without a hit, the first; 4,800 are left out.",
		fmt.Sprintf("of %s with hits and 40 of 5,000 patterns with hits", grouped(uint64(images), "image")),
		"those with the most hits, those that took longest and the first that are not done; ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// pageOf returns the page, which is valid and not too long.
func pageOf(t *testing.T, s *Summary) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 5e6 || !utf8.Valid(b.Bytes()) {
		t.Fatalf("the page has %d bytes, or is no UTF-8", b.Len())
	}
	return b.String()
}

// The page keeps its size where all names are as long as names can be, and of characters that
// take much room: it shows less, and says of how many.
func TestPageOfLongNames(t *testing.T) {
	name := strings.Repeat(`"`, 1000)
	var images []state.Image
	for n := range 700 {
		i := done(fmt.Sprint(name, n))
		i.Format, i.Patterns, i.Hits, i.Density = name, []state.PatternHits{{Pattern: n, Hits: 1}, {Pattern: n + 1, Hits: 1}, {Pattern: n + 2, Hits: 1}}, 3, slices.Repeat([]uint32{1, math.MaxUint32}, 32)
		images = append(images, i)
	}
	for n := range 100 * maxNames {
		images = append(images, notDone(fmt.Sprint(name, n), state.Failed, name+strings.Repeat("x", n%100)))
	}
	from := fromImages(2000, images...)
	for n := range from.about.Patterns {
		from.about.Patterns[n] = fmt.Sprint(name, n)
	}
	from.about.Options = slices.Repeat([]state.Option{{Name: name, Value: name}}, 100)
	s := collect(t, from)
	var whole bytes.Buffer
	if err := pageTemplate().Execute(&whole, s.page(wholePage)); err != nil || whole.Len() <= maxPage {
		t.Fatalf("with nothing left out the page has %d bytes: the test wants more; %v", whole.Len(), err)
	}
	page := pageOf(t, s)
	if len(page) < 1e6 {
		t.Errorf("the page has %d bytes: more would have found room", len(page))
	}
	if want := "400 of 2,700 images, those with the most hits"; !strings.Contains(page, want) {
		t.Errorf("the page does not say %q", want)
	}
}

// Nothing that comes from a name is markup, and the browser is told to run nothing but the page's own
// script, by its digest.
func TestPageIsHarmless(t *testing.T) {
	page := pageOf(t, collect(t, hostileSweep()))
	for _, no := range []string{"<img", "<b>", "<!--", "\x1b", "\u202e", "\u2028", "\u200b", "http:", "https:"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
	for tag, n := range map[string]int{"<script": 1, "</script": 1, "<style": 1, "</style": 1, "<title": 1, "</title": 1} {
		if strings.Count(page, tag) != n {
			t.Errorf("%s is there %d times", tag, strings.Count(page, tag))
		}
	}
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(page, from)
		text, _, ok := strings.Cut(rest, to)
		if !ok {
			t.Fatalf("no %s", from)
		}
		return text
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(between(`Content-Security-Policy" content="`, `"`))
	if want := webpage.Policy(between("<style>", "</style>"), between("<script>", "</script>")); policy != want || strings.Contains(policy, "unsafe") {
		t.Errorf("%s, want %s", policy, want)
	}
	if strings.Contains(page, " style=") {
		t.Error("the page has styles in attributes, which its policy forbids")
	}
}

// The parts of the addresses of an image are as long as one another, but for the last, and each
// address is in the part that its hits are counted in.
func TestPartOf(t *testing.T) {
	for _, i := range []state.Image{{First: 0, Last: addr.Max}, {First: 0x1000, Last: 0x1fff}, {First: 5, Last: 5}, {First: 1, Last: 100}, {First: addr.Max - 64, Last: addr.Max}} {
		i.Density = make([]uint32, 64)
		size := uint64(i.Last-i.First)/64 + 1
		for _, a := range []addr.Addr{i.First, i.First + (i.Last-i.First)/3, i.First + (i.Last-i.First)/2, i.Last} {
			p := partOf(&i, int(uint64(a-i.First)/size))
			if a < p.First || a > p.Last || p.Last > i.Last || p.Last != i.Last && p.Size() != size {
				t.Errorf("%s..%s: %s is not in %v", i.First, i.Last, a, p)
			}
		}
	}
}

// Reasons that differ in names and numbers alone are one, with what they have in common.
func TestReasons(t *testing.T) {
	s := collect(t, fromImages(0,
		notDone("/d/a", state.Partial, "the image is truncated or damaged, 1.5 MiB are missing"), notDone("/d/b", state.Partial, "the image is truncated or damaged, 7 bytes are missing"),
		notDone("/d/c\x1b", state.Failed, `open /d/c\x1b: permission denied`), notDone("/d/d", state.Failed, "open /d/d: permission denied"),
		notDone("/d/e", state.Failed, "no LiME header at 0x10"), notDone("/d/f", state.Skipped, "a note"), notDone("/d/g", state.Skipped, "a note")))
	var got []string
	for _, p := range s.Problems {
		got = append(got, fmt.Sprintf("%d %s %s", p.Images, p.State, p.Reason))
	}
	want := []string{
		"2 partial the image is truncated or damaged, … are missing", "2 failed open …: permission denied",
		"1 failed no LiME header at 0x10", "2 skipped a note",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestMostHits(t *testing.T) {
	p := func(n int, hits uint64) state.PatternHits { return state.PatternHits{Pattern: n, Hits: hits} }
	if got := mostHits([]state.PatternHits{p(0, 2), p(1, 5), p(2, 2), p(3, 9), p(4, 5), p(5, 1)}); !slices.Equal(got, []state.PatternHits{p(3, 9), p(1, 5), p(4, 5)}) {
		t.Error(got)
	}
	if got := mostHits(nil); len(got) > 0 {
		t.Error(got)
	}
}

func TestTexts(t *testing.T) {
	l := pageLimits{text: 10}
	for got, want := range map[string]string{
		digits(0): "0", digits(999): "999", digits(1000): "1,000", digits(math.MaxUint64): "18,446,744,073,709,551,615",
		short(9999): "9,999", short(10_000): "10.0k", short(99_949): "99.9k", short(99_950): "100k", short(999_499): "999k", short(999_500): "1.0M", short(math.MaxUint64): "18.4E",
		percent(0, 0): "0.0 %", percent(0.001, 1): "< 0.1 %", percent(99.95, 1): "> 99.9 %", percent(100, 1): "100.0 %",
		Duration(1234 * time.Microsecond): "1.2ms", Duration(90*time.Minute + 300*time.Millisecond): "1h30m0s",
		l.name("0123456789"): "0123456789", l.name("0123456789a"): "0123…6789a", l.name("\x00\x00\x00\x00"): `\x00…0\x00`, l.name("äöüäöüäöüä"): "äöüäöüäöüä",
		leftOut(1, 2, "image", "", "the first"): "1 of 2 images, the first; 1 is left out.", leftOut(2, 2, "image", "", ""): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	s := collect(t, fromImages(2, done("a", 1)))
	for range 2 { // the second time over the files of the first
		if err := s.Write(t.Context(), dir, outfile.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{JSONName, PageName} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Contains(b, []byte("Everything was looked at")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Write(t.Context(), filepath.Join(dir, "no"), outfile.Options{}); err == nil {
		t.Error("written into a folder that is not there")
	}
}
