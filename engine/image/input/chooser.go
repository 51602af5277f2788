package input

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// chooser decides for one file, block by block, whether it is read or mapped, by what both
// have cost lately. Which of them costs less, and by how much, depends on the machine, on
// how the file came into the page cache, and on the part of the file: by up to 12 times
// either way. What a block costs is the time to view and to search it, per byte, for bytes
// that were just read lie in the cache of the processor, and mapped ones do not.
//
// The way that costs less goes on. The other is tried with trial bytes now and then: as
// soon as what trials have cost too much, all together, is less than 1/patience of all
// time. So trials of a way that is far worse are rare, and those of one that is nearly as
// good are not. Where the way that goes on gets worse than what is known of the other, the
// other goes on, which shows what that costs now.
//
//	read    RRRR    RRRRRRRRRRRRRRRR R    R: a block is read
//	mapped      MMMM                M     M: it is mapped
//	        |- begin -|             |- trial
type chooser struct {
	size uint64 // of the file
	now  func() time.Duration
	busy float64 // with so many workers, no processor is idle
	rest func()  // is called where reading goes on; nil: nobody wants to know

	mu    sync.Mutex
	ways  [2]wayCost
	pages [2]wayCost // what the pager takes to let go and to enter, besides
	going wayKind    // the way that goes on
	trial int        // how many bytes are still to go the other way
	since uint64     // bytes since the last trial

	began  time.Duration // when the first block was chosen
	spent  time.Duration // by all blocks
	wasted time.Duration // by trials: what they took more than the other way would have
}

func newChooser(size uint64) *chooser {
	begin := time.Now()
	return &chooser{
		size: size, now: func() time.Duration { return time.Since(begin) }, began: -1,
		busy: float64(runtime.GOMAXPROCS(0)) - 0.5,
	}
}

// wayKind is one of the two ways.
type wayKind int

const (
	read wayKind = iota
	mapped
)

func (k wayKind) String() string { return [...]string{"read", "mapped"}[k] }

func (k wayKind) other() wayKind { return 1 - k }

const (
	readBlock = 256 << 10 // read at a time: it lies in the level-2 cache when it is searched
	trialRead = 1 << 20   // bytes of a trial of reading
	trialMost = 32 << 20  // bytes of a trial of mapping, for which the pager has to get going
	trialPart = 16        // and at most such a part of the file
	trialGap  = 16 << 20  // the fewest bytes between two trials
	patience  = 50        // trials may waste 1/patience of all time
	better    = 0.95      // a way that costs so many times as much, or less, is taken instead
	farWorse  = 2         // a way that costs so many times as much is not tried to the end
	choosable = 64 << 20  // a smaller file is read: a trial would cost more than it tells
)

// wayCost is what the last blocks of one way cost.
type wayCost struct {
	last [costs]float64 // nanoseconds a byte
	n    int            // how many there were in all
}

// costs is how many blocks are looked at. What else the machine does makes some of them
// slower and none faster, so that the cheaper half of them counts.
const costs = 8

func (c *wayCost) add(ns float64) {
	c.last[c.n%costs] = ns
	c.n++
}

// perByte returns what a byte costs in nanoseconds, and whether that is known.
func (c *wayCost) perByte() (ns float64, known bool) {
	n := min(c.n, costs)
	if n == 0 {
		return 0, false
	}
	sorted := c.last
	slices.Sort(sorted[:n])
	half := sorted[:(n+1)/2]
	for _, one := range half {
		ns += one
	}
	return ns / float64(len(half)), true
}

// least returns what the cheaper one of the last two blocks cost, by the byte; 0 where there
// was but one.
func (c *wayCost) least() float64 {
	if c.n < 2 {
		return 0
	}
	return min(c.last[(c.n-1)%costs], c.last[(c.n-2)%costs])
}

// choose returns the way for the next block, of n bytes at most, and how many bytes of it
// to take.
func (c *chooser) choose(n int) (wayKind, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began < 0 {
		c.began = c.now()
	}
	way := c.going
	if c.trial <= 0 && c.due() {
		c.trial, c.since = c.trialLen(), 0
	}
	if c.trial > 0 {
		way = c.going.other()
	}
	if way == read {
		n = min(n, readBlock)
		if c.going == read && c.rest != nil {
			c.rest()
		}
	}
	if c.trial > 0 {
		if c.ways[way].n < 2 { // it may be far worse
			n = min(n, readBlock)
		}
		c.trial -= n
	}
	return way, n
}

// due reports whether it is time to try the way that does not go on.
func (c *chooser) due() bool {
	gap := uint64(trialGap)
	if c.ways[c.going.other()].n == 0 {
		gap = trialRead
	}
	return c.size >= choosable && c.since >= gap && c.ways[c.going].n >= costs && c.wasted*patience <= c.spent
}

// trialLen returns how many bytes the other way is tried with.
func (c *chooser) trialLen() int {
	if c.going == mapped {
		return trialRead
	}
	return int(min(trialMost, c.size/trialPart))
}

// took is told what a block cost that went one way.
func (c *chooser) took(way wayKind, n int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent += d
	c.since += uint64(n)
	c.ways[way].add(float64(d) / float64(n))
	here, _ := c.cost(c.going)
	there, known := c.cost(c.going.other())
	if way != c.going {
		c.wasted = max(0, c.wasted+d-time.Duration(here*float64(n)))
		if c.ways[way].least() > farWorse*here {
			c.trial = 0
		}
	}
	if known && there < better*here && c.trial <= 0 {
		c.going = c.going.other()
	}
}

// cost returns what a byte costs one way, in nanoseconds of a worker, and whether that is
// known. What the pager does comes at the expense of workers where all processors have one.
func (c *chooser) cost(way wayKind) (ns float64, known bool) {
	ns, known = c.ways[way].perByte()
	if way == mapped && float64(c.spent) > c.busy*float64(c.now()-c.began) {
		for i := range c.pages {
			more, _ := c.pages[i].perByte()
			ns += more
		}
	}
	return ns, known
}

// helped is told what the pager took to enter n bytes, or to let go of them.
func (c *chooser) helped(entered bool, n int, d time.Duration) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := 0
	if entered {
		i = 1
	}
	c.pages[i].add(float64(d) / float64(n))
}
