package image

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"vscan/engine/addr"
)

// Stacks names memory after the threads whose stack it is, for formats that do not tell
// the names of mappings.
type Stacks struct {
	at   []addr.Addr // of stack pointers, ascending
	name []string
}

// NewStacks returns the stacks of threads, by their stack pointers: those that have none
// are on no stack.
func NewStacks(threads []Thread) Stacks {
	sorted := slices.SortedStableFunc(slices.Values(threads), func(a, b Thread) int { return cmp.Compare(a.SP, b.SP) })
	var s Stacks
	for i := range sorted {
		if t := &sorted[i]; t.SP != 0 {
			s.at, s.name = append(s.at, t.SP), append(s.name, fmt.Sprintf("[stack:%d]", t.ID))
		}
	}
	return s
}

// On returns "[stack:N]" where the stack pointer of the thread N is in the range, of several
// the lowest, or "".
func (s Stacks) On(r addr.Range) string {
	if i := sort.Search(len(s.at), func(i int) bool { return s.at[i] >= r.First }); i < len(s.at) && s.at[i] <= r.Last {
		return s.name[i]
	}
	return ""
}
