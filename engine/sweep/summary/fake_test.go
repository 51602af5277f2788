package summary

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/engine/sweep/state"
	"vscan/internal/testenv"
)

// fakeSource is a sweep that is made up as it is read.
type fakeSource struct {
	about  state.About
	images int
	image  func(n int) state.Image
	err    error // after the images
}

func (f *fakeSource) About(context.Context) (*state.About, error) { return &f.about, nil }

func (f *fakeSource) Images(context.Context) iter.Seq2[*state.Image, error] {
	return func(yield func(*state.Image, error) bool) {
		var i state.Image // used again, as a source may
		for n := range f.images {
			i = f.image(n)
			i.N = n
			if !yield(&i, nil) {
				return
			}
		}
		if f.err != nil {
			yield(nil, f.err)
		}
	}
}

func (f *fakeSource) Lines(context.Context, int) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// about returns a question with so many patterns.
func about(patterns int) state.About {
	a := state.About{Digest: "sha256:0123456789abcdef", Version: "1.0", Began: someTime, Ended: someTime.Add(90 * time.Minute), Options: []state.Option{{Name: "-m", Value: "1000000"}, {Name: "--align", Value: "4"}}}
	for n := range patterns {
		a.Patterns = append(a.Patterns, fmt.Sprintf("pattern-%d", n))
	}
	return a
}

// done returns an image in which pattern n has hits[n] hits.
func done(name string, hits ...uint64) state.Image {
	i := state.Image{Arg: name, State: state.Done, Format: "raw", Size: 4096, Modified: someTime, Scanned: 4096, Zero: 96, Elapsed: 20 * time.Millisecond, Tries: 1}
	for n, k := range hits {
		if k > 0 {
			i.Patterns = append(i.Patterns, state.PatternHits{Pattern: n, Name: fmt.Sprintf("pattern-%d", n), Hits: k})
			i.Hits += k
		}
	}
	if i.Hits > 0 {
		i.First, i.Last, i.Density = 0x1000, 0x1fff, make([]uint32, 64)
		i.Density[1] = uint32(i.Hits)
	}
	return i
}

// notDone returns an image that was not searched.
func notDone(name, how, reason string) state.Image {
	return state.Image{Arg: name, State: how, Reason: reason, Size: 100}
}

// fromImages is a sweep of these images.
func fromImages(patterns int, images ...state.Image) *fakeSource {
	return &fakeSource{about: about(patterns), images: len(images), image: func(n int) state.Image { return images[n] }}
}

// night is a sweep as somebody finds it on Monday: 200 images, 2,000 patterns, most of
// it done.
func night() *fakeSource {
	rnd := testenv.Fixed(1, 2)
	a := about(2000)
	for n, name := range []string{"password=", "text/i:BEGIN RSA PRIVATE KEY", "re:https?://[a-z0-9.]{4,60}", `C:\Windows\System32`, "u64le:0xffff888000000000..", "hex:4d 5a ?? 00", "aes:256"} {
		a.Patterns[n*3] = name
	}
	images := make([]state.Image, 200)
	for n := range images {
		i := done(fmt.Sprintf("/srv/dumps/host-%03d/memory.lime", n))
		i.Format, i.Size = "LiME", 1<<30+rnd.Uint64N(16<<30)
		i.Zero, i.Absent = i.Size/8, 1<<28
		i.Scanned = i.Size - 4096
		i.Elapsed = time.Duration(i.Scanned/8) * time.Nanosecond
		i.First, i.Last, i.Density = 0xffff888000000000, 0xffff888000000000+addr.Addr(i.Size), make([]uint32, 64)
		for p := range a.Patterns {
			if rnd.IntN(1+p/4) > 0 {
				continue
			}
			h := state.PatternHits{Pattern: p, Name: a.Patterns[p], Hits: 1 + uint64(rnd.ExpFloat64()*1e6/float64(1+p*p))}
			if h.Hits > 1e6 {
				h.Hits, h.AtLeast, i.AtLeast = 1e6, true, true
			}
			i.Patterns = append(i.Patterns, h)
			i.Hits += h.Hits
			for range min(40, h.Hits) {
				i.Density[rnd.IntN(64)*rnd.IntN(64)/63] += uint32(1 + h.Hits/40)
			}
		}
		switch {
		case n%50 == 7:
			i = notDone(i.Arg, state.Failed, "open "+i.Arg+": permission denied")
		case n%60 == 9:
			i.State, i.Reason, i.Missing = state.Partial, fmt.Sprintf("the image is truncated or damaged, %d.0 MiB are missing", n), uint64(n)<<20
		case n == 33:
			i = notDone(i.Arg, state.Aside, "the process ended twice while it was searched")
		case n%40 == 11:
			i = notDone(fmt.Sprintf("/srv/dumps/host-%03d/notes.txt", n), state.Skipped, "no image of a known format")
		}
		images[n] = i
	}
	s := fromImages(0, images...)
	s.about = a
	return s
}

// hostile is a name of each kind that must do no harm.
var hostile = []string{
	"</script><script>document.title='gone'</script>", `"><img src=x onerror=alert(1)>`, "</title></style><b>", "a\x1b[31m\x00\n\tb", "\xff\xfe\xc3", "right\u202eleft", "שלום/עולם", "\u2028&amp;&#39;'`{{.}}${x}",
	"javascript:alert(1)", "<!--", "]]>", "é\u0301\u200b\U000e0041",
}

func hostileSweep() *fakeSource {
	a := about(0)
	a.Patterns = hostile
	a.Digest, a.Version = hostile[0], hostile[1]
	var images []state.Image
	for n, name := range hostile {
		a.Options = append(a.Options, state.Option{Name: name, Value: name})
		i := done(name, make([]uint64, len(hostile))...)
		i.Patterns, i.Hits, i.Format = []state.PatternHits{{Pattern: n, Name: name, Hits: uint64(n + 1)}}, uint64(n+1), name
		i.First, i.Last, i.Density = 0, addr.Max, []uint32{uint32(n + 1), 0}
		images = append(images, i, notDone(name, state.Failed, "open "+name+": "+hostile[(n+1)%len(hostile)]))
	}
	s := fromImages(0, images...)
	s.about = a
	return s
}

func collect(t *testing.T, from state.Source) *Summary {
	t.Helper()
	s, err := Collect(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
