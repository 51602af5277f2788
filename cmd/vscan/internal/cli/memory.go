package cli

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"vscan/engine/budget"
	"vscan/internal/memlimit"
	"vscan/internal/mmap"
	"vscan/internal/wording"
)

// The memory that a command may take is a quarter of the machine's, or less where the
// system lets it have less: where the address space is limited, or the memory of the control
// group that a container puts it in. Libraries ask a budget before they take what may be
// large, so that the command ends with an error, and not by the system's hand.

// memory is what the flag --memory says, and the budget that follows from it.
type memory struct {
	size   uint64 // 0: the flag was not given
	fixed  bool   // the command has no such flag, or it says something else
	budget *budget.Budget
	bound  string // what of the system allows no more than the budget has; "" where nothing does
}

const (
	// leastLeft is the least address space that has to be left once the program runs, in
	// bytes, for threads and what the runtime keeps for itself, besides an arena.
	leastLeft = 24 << 20

	// arena is how much address space the runtime reserves at a time for its heap
	// (runtime/malloc.go, heapArenaBytes).
	arena = 64 << 20

	// leastBudget is the least that a command may take, in bytes.
	leastBudget = 16 << 20

	// largeFrom is how many bytes a command takes before what the system allows is found out. A
	// search for some literals takes less.
	largeFrom = leastBudget / 2

	// hugeHeap is for how many bytes of the heap huge pages are asked for, hugeFrom how many are
	// taken before that is done, and hugeBudget what a command may take at least: it takes address
	// space, and memory by 2 MiB at a time.
	hugeHeap   = 128 << 20
	hugeFrom   = 1 << 20
	hugeBudget = 512 << 20
)

// MemoryVar adds the flag --memory to a command.
func (a *App) MemoryVar(cmd *cobra.Command) {
	cmd.Flags().Var(NewByteCount(&a.memory.size, leastBudget, math.MaxInt64), "memory", "take at most about `SIZE` bytes of memory for mappings, patterns, rules, hits and graphs; what needs more is refused (default a quarter of the machine's, or what ulimit -v and the container leave)")
}

// Budget returns the memory that the command may take. What the system allows is found out
// once more is taken than any command may: every start would pay for it.
func (a *App) Budget() *budget.Budget {
	if a.memory.budget == nil {
		a.memory.budget = budget.NewAsked(largeFrom, a.memory.limit)
	}
	return a.memory.budget
}

// FixedBudget is Budget of a command whose flag --memory, if it has one, says something else,
// so that no advice names it.
func (a *App) FixedBudget() *budget.Budget {
	a.memory.fixed = true
	return a.Budget()
}

// limit returns how many bytes the command may take, for a command that takes much. It has Go's
// runtime collect garbage in time for it.
func (m *memory) limit() uint64 {
	size := m.size
	if size == 0 {
		size = memlimit.Machine() / 4
	}
	space, threads := addressSpace()
	for _, l := range []memlimit.Limit{spaceLimit(space, threads), groupLimit(memlimit.Groups())} {
		if l.Left < size {
			size, m.bound = l.Left, l.What
		}
	}
	limit := int64(min(size, math.MaxInt64/2))
	if limit += limit/4 + 32<<20; limit < debug.SetMemoryLimit(-1) { // $GOMEMLIMIT may have set less
		debug.SetMemoryLimit(limit)
	}
	return size
}

// hugePages has the system back the next n bytes by which Go's heap grows by huge pages, where it
// does that on request only. A heap of 64 MiB is 16,384 page faults otherwise, which on virtual
// machines may take as long as reading thousands of rules does. Go's runtime does not ask for them
// (https://go.dev/doc/gc-guide#Linux_transparent_huge_pages), so a block of that size is
// allocated, asked for, and given back untouched: the heap grows into it, lowest addresses first,
// and what was asked for holds for the addresses. Where the system might refuse the block, and
// Go's runtime end the program, nothing is done.
func hugePages(n int) {
	if !mmap.Fits(2 * n) {
		return
	}
	block := make([]byte, n)
	mmap.Huge(block)
	runtime.KeepAlive(block)
	debug.FreeOSMemory()
}

// ReadsMuch tells that what may be much and stays is read from now on, such as thousands of rules, until
// the function that it returns is called. Garbage is collected less often meanwhile, since
// each collection goes through all that was read so far: $GOGC has the last word. Once it is
// much, huge pages are asked for.
func (a *App) ReadsMuch() (until func()) {
	forget := a.Budget().Beyond(hugeFrom, func() {
		if space, _ := addressSpace(); space.Left == memlimit.None && a.Budget().Limit() >= hugeBudget {
			hugePages(hugeHeap)
		}
	})
	if os.Getenv("GOGC") != "" {
		return forget
	}
	const percent = 400 // of garbage beside what is used
	old := debug.SetGCPercent(percent)
	return func() {
		forget()
		debug.SetGCPercent(old)
	}
}

// addressSpace returns the limit on the address space, and how much of what is left is taken by
// threads that are still to start.
func addressSpace() (l memlimit.Limit, threads uint64) {
	if l = memlimit.AddressSpace(); l.Left != memlimit.None && usesLibc() {
		threads = libcThreads(runtime.GOMAXPROCS(0), memlimit.Threads())
	}
	return l, threads
}

// usesLibc reports whether the program was built with cgo: Go's own packages link libc then.
func usesLibc() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "CGO_ENABLED" && s.Value == "1" })
}

// libcThreads returns how much address space the threads take that the program will start yet:
// with libc each has a stack of 8 MiB, and an arena of malloc, for which 64 MiB are reserved.
// There are up to eight besides those that run Go's code; of these not more than eight count,
// for libc does without arenas where it gets none.
func libcThreads(procs, running int) uint64 {
	return uint64(max(0, min(procs, 8)+8-running)) * (72 << 20)
}

// spaceLimit and groupLimit return a limit with as much left as may be taken where the
// address space, or a control group, has so much left. What is taken is counted and not
// measured, and Go's heap is larger than what is used of it, so that is not all.
func spaceLimit(l memlimit.Limit, threads uint64) memlimit.Limit {
	if l.Left != memlimit.None {
		arenas := (l.Left - min(l.Left, 2*leastLeft+threads)) / arena
		l.Left = max(min((arena/2+arenas*arena)/2, l.Of/4), leastBudget)
	}
	return l
}

func groupLimit(l memlimit.Limit) memlimit.Limit {
	if l.Left != memlimit.None {
		l.Left = max(l.Left/4*3-min(l.Left/4*3, 32<<20), leastBudget)
	}
	return l
}

// budgetAdvice returns what to do where the budget has not enough left.
func (a *App) budgetAdvice() string {
	if a.memory.bound != "" {
		return "; " + a.memory.bound + " leaves no more"
	}
	if a.memory.fixed {
		return ""
	}
	return " (--memory)"
}

// CheckRoom returns an error where the system leaves so little address space that Go's
// runtime would end the program in the middle.
func CheckRoom() error { return checkRoom(addressSpace()) }

// checkRoom is CheckRoom where the address space has a limit. An arena is reserved by then,
// but since Go 1.26 the heap begins anywhere in it, so that next to nothing of it may be left.
func checkRoom(l memlimit.Limit, threads uint64) error {
	want := leastLeft + arena + threads
	if l.Left >= want {
		return nil
	}
	without := ""
	if threads > 0 {
		without = fmt.Sprintf(", or vscan built with CGO_ENABLED=0, whose threads do not take %s of it", wording.Size(threads))
	}
	return fmt.Errorf("%s is %s, which leaves %s: want %s more%s, or ulimit -v unlimited", l.What, wording.Size(l.Of), wording.Size(l.Left), wording.Size(want-l.Left), without)
}
