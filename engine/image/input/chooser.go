package input

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"vscan/internal/mmap"
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
//
// Where a file comes from the disk, what the disk takes hides all of that, and some blocks
// wait for it and others do not, whichever way they go. So there are two accounts, of what was
// in the page cache and of what was not, each with a way that goes on. In the latter the mean
// of all blocks counts, and the way is tried for longer.
type chooser struct {
	size uint64 // of the file
	now  func() time.Duration
	disk func() int64 // how many blocks of 512 bytes were read from disks, for this program
	busy float64      // with so many workers, no processor is idle
	rest func()       // is called where reading goes on; nil: nobody wants to know

	mu         sync.Mutex
	warm, cold account
	unasked    int   // bytes since the disk was asked
	fromDisk   int64 // what it said
	coldFor    int   // so many more bytes are taken for cold

	began time.Duration // when the first block was chosen
	spent time.Duration // by all blocks
}

// An account is what is known of both ways, and which of them goes on.
type account struct {
	cold   bool
	ways   [2]wayCost
	pages  [2]wayCost // what the pager takes to let go and to enter, besides
	going  wayKind    // the way that goes on
	trial  int        // how many bytes are still to go the other way
	since  uint64     // bytes since the last trial
	fresh  int        // bytes of this trial that do not count, since that way has to get going
	spent  time.Duration
	wasted time.Duration // by trials: what they took more than the other way would have
}

func newChooser(size uint64) *chooser {
	begin := time.Now()
	return &chooser{
		size: size, now: func() time.Duration { return time.Since(begin) }, began: -1,
		disk: mmap.BlocksRead, fromDisk: mmap.BlocksRead(),
		busy: float64(runtime.GOMAXPROCS(0)) - 0.5, cold: account{cold: true},
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

	diskAsked = 2 << 20  // the disk is asked after so many bytes
	diskPart  = 8        // what has such a part of its bytes from the disk is cold
	coldLasts = 16 << 20 // and so is as much behind it: the system reads so far ahead

	// Of what is cold:
	coldTrial    = 32 << 20 // bytes of a trial, of which half are for getting going
	coldGap      = 32 << 20 // the fewest bytes between two trials
	coldPatience = 100      // trials may waste 1/coldPatience of all time
	coldSpan     = 96 << 20 // of the last bytes, so many at most, the mean cost counts
	coldKnown    = 8 << 20  // it is known from so many on
	coldBetter   = 0.85     // a way that costs so many times as much, or less, is taken instead
)

// wayCost is what the last blocks of one way cost.
type wayCost struct {
	last      [costs]float64 // nanoseconds a byte
	n         int            // how many there were in all
	ns, bytes float64        // of the last ones, coldSpan together at most
}

// costs is how many blocks are looked at. What else the machine does makes some of them
// slower and none faster, so that the cheaper half of them counts.
const costs = 8

func (c *wayCost) add(n int, d time.Duration) {
	c.last[c.n%costs] = float64(d) / float64(n)
	c.n++
	if c.ns, c.bytes = c.ns+float64(d), c.bytes+float64(n); c.bytes > coldSpan {
		c.ns, c.bytes = c.ns/2, c.bytes/2
	}
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

// account returns the one of what is at hand.
func (c *chooser) account() *account {
	if c.coldFor > 0 {
		return &c.cold
	}
	return &c.warm
}

// choose returns the way for the next block, of n bytes at most, how many bytes of it to take,
// and the account that it belongs to.
func (c *chooser) choose(n int) (wayKind, int, *account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began < 0 {
		c.began = c.now()
	}
	a := c.account()
	way := a.going
	if a.trial <= 0 && c.size >= choosable && a.due() {
		a.begin(c.size)
	}
	if a.trial > 0 {
		way = a.going.other()
	}
	if way == read {
		n = min(n, readBlock)
		if a.going == read && c.rest != nil {
			c.rest()
		}
	}
	if a.trial > 0 {
		if !a.cold && a.ways[way].n < 2 { // it may be far worse
			n = min(n, readBlock)
		}
		a.trial -= n
	}
	return way, n, a
}

// due reports whether it is time to try the way that does not go on.
func (a *account) due() bool {
	gap, patient := uint64(trialGap), time.Duration(patience)
	switch {
	case a.cold:
		gap, patient = coldGap, coldPatience
	case a.ways[a.going.other()].n == 0:
		gap = trialRead
	}
	return a.since >= gap && a.ways[a.going].n >= costs && a.wasted*patient <= a.spent
}

// begin begins a trial, in a file of a size.
func (a *account) begin(size uint64) {
	a.since, a.fresh = 0, 0
	switch {
	case a.cold:
		a.trial = int(min(coldTrial, size/trialPart))
		a.fresh = a.trial / 2
	case a.going == mapped:
		a.trial = trialRead
	default:
		a.trial = int(min(trialMost, size/trialPart))
	}
}

// took is told what a block cost that went one way, and the account that choose returned.
func (c *chooser) took(a *account, way wayKind, n int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent += d
	usual, known := c.warm.ways[way].perByte()
	c.look(n, !known || float64(d) > farWorse*usual*float64(n))
	if a != c.account() {
		return // there may be of either in it
	}
	a.spent += d
	a.since += uint64(n)
	here, _ := c.cost(a, a.going)
	if trial := way != a.going; trial && a.fresh > 0 {
		a.fresh -= n
		return
	} else if a.ways[way].add(n, d); trial {
		a.wasted = max(0, a.wasted+d-time.Duration(here*float64(n)))
		if !a.cold && a.ways[way].least() > farWorse*here {
			a.trial = 0
		}
	}
	here, _ = c.cost(a, a.going)
	there, known := c.cost(a, a.going.other())
	enough := better
	if a.cold {
		enough = coldBetter
	}
	if known && there < enough*here && a.trial <= 0 {
		a.going, a.wasted = a.going.other(), 0
	}
}

// look asks the disk, now or once it is time again, whether n more bytes came from there.
func (c *chooser) look(n int, now bool) {
	c.unasked += n
	if c.coldFor > 0 {
		now = false
	}
	if !now && c.unasked < diskAsked {
		return
	}
	all := c.disk()
	if (all-c.fromDisk)*512*diskPart > int64(c.unasked) {
		c.coldFor = coldLasts
	} else {
		c.coldFor = max(0, c.coldFor-c.unasked)
	}
	c.unasked, c.fromDisk = 0, all
}

// cost returns what a byte costs one way, in nanoseconds of a worker, and whether that is
// known. What the pager does comes at the expense of workers where all processors have one.
func (c *chooser) cost(a *account, way wayKind) (ns float64, known bool) {
	if a.cold {
		w := &a.ways[way]
		return w.ns / max(w.bytes, 1), w.bytes >= coldKnown
	}
	ns, known = a.ways[way].perByte()
	if way == mapped && float64(c.spent) > c.busy*float64(c.now()-c.began) {
		for i := range a.pages {
			more, _ := a.pages[i].perByte()
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
	c.account().pages[i].add(n, d)
}
