package input

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vscan/internal/testenv"
)

// A stretch of a file costs this many nanoseconds a KiB: read, mapped, and mapped where the
// pager has entered the pages.
type stretch struct {
	mib                 int
	read, mapped, paged float64
	cold                float64 // what the disk takes in addition
	overlap             float64 // the part of that which passes while the pager enters pages
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
		"mapped is far worse":                   {{2048, 75, 430, 360, 0, 0}},
		"mapped is much worse":                  {{256, 75, 430, 360, 0, 0}},
		"mapped is far better":                  {{2048, 75, 35, 33, 0, 0}},
		"small, mapped worse":                   {{64, 75, 430, 360, 0, 0}},
		"small, mapped better":                  {{128, 75, 35, 33, 0, 0}},
		"about the same":                        {{1024, 170, 165, 165, 0, 0}},
		"better with the pager":                 {{2048, 260, 330, 210, 0, 0}},
		"a little with the pager":               {{512, 260, 330, 250, 0, 0}},
		"the other way round":                   {{1024, 75, 430, 360, 0, 0}, {1024, 75, 35, 33, 0, 0}},
		"and again":                             {{1024, 75, 35, 33, 0, 0}, {1024, 75, 430, 360, 0, 0}},
		"pieces of 256 MiB":                     repeat(4, stretch{256, 75, 430, 360, 0, 0}, stretch{256, 75, 35, 33, 0, 0}),
		"cold":                                  {{2048, 75, 430, 360, 600, 0}},
		"cold, then warm":                       {{512, 75, 35, 33, 600, 0}, {1536, 75, 35, 33, 0, 0}},
		"warm, then cold":                       {{1024, 75, 35, 33, 0, 0}, {1024, 75, 35, 33, 600, 0}},
		"every other MiB cold":                  repeat(512, stretch{1, 75, 35, 33, 0, 0}, stretch{1, 75, 35, 33, 600, 0}),
		"64 MiB by turns cold, the pager helps": repeat(16, stretch{64, 190, 140, 130, 0, 0}, stretch{64, 190, 140, 130, 900, 0.5}),
		"64 MiB by turns cold, it does not":     repeat(16, stretch{64, 75, 430, 360, 0, 0}, stretch{64, 75, 430, 360, 900, 0}),
		"64 MiB by turns cold, both the same":   repeat(16, stretch{64, 190, 140, 130, 0, 0}, stretch{64, 190, 190, 190, 900, 0}),
		"cold, the pager helps":                 {{2048, 190, 200, 180, 900, 0.4}},
		"searching is the work":                 {{512, 5000, 5200, 5100, 0, 0}},
	} {
		for _, noise := range []float64{0, 0.05, 0.3} {
			t.Run(fmt.Sprintf("%s/noise=%v", name, noise), func(t *testing.T) {
				rnd := testenv.Rand(t)
				// One pass of ten may take more than the bound where there is much noise. The
				// median of a few then exceeds it once in some hundred runs of this test.
				rounds := testenv.Rounds(21, 31, 61)
				if noise == 0 {
					rounds = 1
				}
				var times []float64
				for range rounds {
					took, fixed := goThrough(rnd, file, noise)
					times = append(times, float64(took)/float64(min(fixed[read], fixed[mapped])))
				}
				slices.Sort(times)
				if median := times[len(times)/2]; median > 1.1 {
					t.Errorf("%.3f times what the better of both ways takes", median)
				}
			})
		}
	}
}

// goThrough returns how long a pass takes, and how long it takes each of the fixed ways.
func goThrough(rnd *rand.Rand, file []stretch, noise float64) (took time.Duration, fixed [2]time.Duration) {
	const pagerComes = 2 * pagerStep // how far a pass goes before it comes
	size := 0
	for _, s := range file {
		size += s.mib << 20
	}
	c := newChooser(uint64(size))
	c.now, c.busy = func() time.Duration { return took }, 1.5
	disk, ahead := int64(0), 0 // in blocks, and what the system has read ahead of the pass
	c.disk, c.fromDisk = func() int64 { return disk }, 0
	inARow, readInARow, gone := 0, 0, 0
	for _, s := range file {
		for left := s.mib << 20; left > 0; {
			way, n, account := c.choose(min(left, 1<<20))
			factor := 1 + noise*rnd.ExpFloat64()
			if rnd.IntN(20) == 0 {
				factor += 20 * noise // something else had the processor
			}
			// The disk is waited for at one block of many, for what is read ahead then.
			wait := 0.0
			if s.cold > 0 && ahead <= 0 {
				const readAhead = 8 << 20
				ahead += readAhead
				disk += readAhead / 512
				wait = s.cold * readAhead / 1024 * (1 + 2*noise*rnd.ExpFloat64())
			}
			ahead = max(ahead-n, 0)
			cost := func(way wayKind, inARow int) time.Duration {
				ns, wait := 0.0, wait
				switch {
				case way == read:
					ns = s.read
				case inARow < pagerComes:
					ns = s.mapped
				default:
					ns = s.paged
					wait *= 1 - s.overlap
				}
				return time.Duration(ns*float64(n>>10)*factor + wait)
			}
			d := cost(way, inARow)
			took += d
			fixed[read] += cost(read, 0)
			fixed[mapped] += cost(mapped, gone)
			c.took(account, way, n, d)
			if way == mapped {
				inARow, readInARow = inARow+n, 0
			} else if readInARow += n; readInARow > pagerStep {
				inARow = 0
			}
			gone += n
			left -= n
		}
	}
	return took, fixed
}
