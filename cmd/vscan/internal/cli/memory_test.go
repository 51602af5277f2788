package cli

import (
	"strings"
	"testing"

	"vscan/engine/budget"
	"vscan/internal/memlimit"
)

func TestLimitsOfTheSystem(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, c := range map[string]struct {
		got         memlimit.Limit
		least, most uint64
	}{
		"no limit on address space":   {spaceLimit(memlimit.Limit{Left: memlimit.None}, 0), memlimit.None, memlimit.None},
		"half of what address space":  {spaceLimit(memlimit.Limit{Left: 1 * gib, Of: 2 * gib}, 0), 400 * mib, 512 * mib},
		"never more than files leave": {spaceLimit(memlimit.Limit{Left: 3 * gib, Of: 4 * gib}, 0), 1 * gib, 1 * gib},
		"less than an arena":          {spaceLimit(memlimit.Limit{Left: 60 * mib, Of: 800 * mib}, 0), 16 * mib, 16 * mib},
		"threads of libc take some":   {spaceLimit(memlimit.Limit{Left: 1 * gib, Of: 2 * gib}, libcThreads(2, 4)), 150 * mib, 320 * mib},
		"no group":                    {groupLimit(memlimit.Limit{Left: memlimit.None}), memlimit.None, memlimit.None},
		"a container":                 {groupLimit(memlimit.Limit{Left: 512 * mib, Of: 512 * mib}), 300 * mib, 384 * mib},
		"a container that is full":    {groupLimit(memlimit.Limit{Left: 0, Of: 512 * mib}), leastBudget, leastBudget},
	} {
		if c.got.Left < c.least || c.got.Left > c.most {
			t.Errorf("%s: %d bytes: want %d to %d", name, c.got.Left, c.least, c.most)
		}
	}
}

// What helps is the flag, unless the system allows no more.
func TestBudgetAdvice(t *testing.T) {
	a := &App{memory: memory{budget: budget.New(1)}}
	if got := a.budgetAdvice(); got != " (--memory)" {
		t.Errorf("%q", got)
	}
	a.memory.bound = "the limit on the address space (ulimit -v)"
	if got := a.budgetAdvice(); strings.Contains(got, "--memory") || !strings.HasSuffix(got, "(ulimit -v) leaves no more") {
		t.Errorf("%q", got)
	}
}

// The heap of a program begins anywhere in the first arena, so the next one has to find room
// as well, or the runtime ends the program in the middle of a search.
func TestRoomForTheNextArena(t *testing.T) {
	const mib = 1 << 20
	for left, enough := range map[uint64]bool{0: false, 24 * mib: false, 54 * mib: false, arena: false, arena + leastLeft - 1: false, arena + leastLeft: true, memlimit.None: true} {
		for _, threads := range []uint64{0, libcThreads(2, 4)} {
			l := memlimit.Limit{Left: left, Of: 2000 * mib, What: "the limit"}
			if l.Left != memlimit.None {
				l.Left += threads
			}
			err := checkRoom(l, threads)
			if enough != (err == nil) || err != nil && (threads > 0) != strings.Contains(err.Error(), "CGO_ENABLED=0") {
				t.Errorf("%d bytes left, %d for threads: %v", left, threads, err)
			}
		}
	}
}

// A command without the flag is not told to use it.
func TestFixedBudgetAdvice(t *testing.T) {
	var a App
	if a.FixedBudget(); a.budgetAdvice() != "" {
		t.Errorf("%q", a.budgetAdvice())
	}
}
