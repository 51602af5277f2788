package input

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vscan/internal/testenv"
)

// A stretch of a file costs this many nanoseconds a KiB, one way and the other.
type stretch struct {
	mib          int
	read, mapped float64
	cold         float64 // where it is not 0, what the disk takes in addition
}

// Whatever the two ways cost, and wherever that changes, a pass takes at most 1.1 times what
// it takes where the file is read all through or mapped all through, whichever is less.
func TestChooserCosts(t *testing.T) {
	repeat := func(n int, s ...stretch) (all []stretch) {
		for range n {
			all = append(all, s...)
		}
		return all
	}
	for name, file := range map[string][]stretch{
		"mapped is far worse":   {{2048, 75, 430, 0}},
		"mapped is much worse":  {{256, 75, 430, 0}},
		"mapped is far better":  {{2048, 75, 35, 0}},
		"small, mapped worse":   {{64, 75, 430, 0}},
		"small, mapped better":  {{128, 75, 35, 0}},
		"about the same":        {{1024, 170, 165, 0}},
		"the other way round":   {{1024, 75, 430, 0}, {1024, 75, 35, 0}},
		"and again":             {{1024, 75, 35, 0}, {1024, 75, 430, 0}},
		"pieces of 256 MiB":     repeat(4, stretch{256, 75, 430, 0}, stretch{256, 75, 35, 0}),
		"cold":                  {{2048, 75, 430, 600}},
		"cold, then warm":       {{512, 75, 35, 600}, {1536, 75, 35, 0}},
		"warm, then cold":       {{1024, 75, 35, 0}, {1024, 75, 35, 600}},
		"every other MiB cold":  repeat(512, stretch{1, 75, 35, 0}, stretch{1, 75, 35, 600}),
		"searching is the work": {{512, 5000, 5200, 0}},
	} {
		for _, noise := range []float64{0, 0.05, 0.3} {
			t.Run(fmt.Sprintf("%s/noise=%v", name, noise), func(t *testing.T) {
				rnd := testenv.Rand(t)
				took, fixed := goThrough(rnd, file, noise)
				if best := min(fixed[read], fixed[mapped]); took > best+best/10 {
					t.Errorf("%v where reading takes %v and mapping %v: %.2f times the better", took, fixed[read], fixed[mapped], float64(took)/float64(best))
				}
			})
		}
	}
}

// goThrough returns how long a pass takes, and how long it takes each of the fixed ways.
func goThrough(rnd *rand.Rand, file []stretch, noise float64) (took time.Duration, fixed [2]time.Duration) {
	size := 0
	for _, s := range file {
		size += s.mib << 20
	}
	c := &chooser{tries: size >= choosable}
	for _, s := range file {
		for left := s.mib << 20; left > 0; {
			way, n := c.choose(min(left, 1<<20))
			factor := 1 + noise*rnd.ExpFloat64()
			if rnd.IntN(20) == 0 {
				factor += 20 * noise // something else had the processor
			}
			cost := func(way wayKind) time.Duration {
				ns := s.cold
				if way == read {
					ns += s.read
				} else {
					ns += s.mapped
				}
				return time.Duration(ns * float64(n>>10) * factor)
			}
			d := cost(way)
			took += d
			fixed[read] += cost(read)
			fixed[mapped] += cost(mapped)
			c.took(way, n, d)
			left -= n
		}
	}
	return took, fixed
}
