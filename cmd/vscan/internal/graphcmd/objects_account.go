package graphcmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/heap"
	"vscan/internal/wording"
)

// threadsFound is how much is known of the threads.
type threadsFound struct {
	threads, partial uint64 // how many there are, and of how many only some registers are known
	running          uint64 // of how many no registers are known
	err              error  // why the image tells no threads
}

// askThreads asks the image for its threads.
func (q *objectsQuestion) askThreads(ctx context.Context) {
	threads, err := q.t.Threads(ctx)
	q.found = threadsFound{threads: uint64(len(threads)), err: err}
	for _, t := range threads {
		if t.Partial {
			q.found.partial++
		}
		if len(t.Registers) == 0 {
			q.found.running++
		}
		q.threads = append(q.threads, graph.Thread{SP: t.SP, Pointer: t.Pointer, RedZone: t.RedZone, Registers: t.Registers})
	}
}

// registers returns how many of the threads' registers are known: "all", "some" or
// "none".
func (f *threadsFound) registers() string {
	switch {
	case f.threads == 0 || f.running == f.threads:
		return "none"
	case f.partial > 0:
		return "some"
	}
	return "all"
}

// text returns a sentence about the threads, and what follows from what is not known of
// them.
func (f *threadsFound) text() string {
	switch {
	case f.err != nil:
		return fmt.Sprintf("no threads: %v; all of a stack counts as in use, and what only a register refers to as lost", f.err)
	case f.threads == 0:
		return "the image tells no threads: all of a stack counts as in use, and what only a register refers to as lost"
	case f.running > 0:
		return fmt.Sprintf("%s, of which %d run and tell no registers, others only some: what only a register refers to counts as lost", wording.Count(f.threads, "thread"), f.running)
	case f.partial > 0:
		return fmt.Sprintf("%s, of whose registers only stack pointers and arguments of system calls are known: what only another register refers to counts as lost", wording.Count(f.threads, "thread"))
	}
	return wording.Count(f.threads, "thread") + " with registers"
}

const (
	mostTold = 5    // lines of one kind that are told
	mostGaps = 1000 // gaps that a line of jsonl has
)

// accountLines returns the account in lines for people. The last lines are about the
// objects.
func (q *objectsQuestion) accountLines() []string {
	a, t := q.r.Account(), q.r.Totals()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if q.r.Len() == 0 {
		add("no heap of glibc's malloc was recognised")
	}
	add("memory that may be written and is no file: %s, of which %s understood%s", wording.Size(a.Writable), wording.Size(a.Understood), percent(a.Understood, a.Writable))
	for _, line := range arenaLines(a) {
		add("%s", line)
	}
	addFew(len(a.Gaps), "gap", add, func(i int) string {
		return fmt.Sprintf("gap: %v, %s: %s", a.Gaps[i].Range, wording.Size(a.Gaps[i].Size()), a.Gaps[i].Reason)
	})
	for _, o := range a.OtherAllocators {
		add("another allocator: %s, %s: %s", wording.Printable(o.Name), wording.Size(o.Bytes), wording.Printable(o.Evidence))
	}
	add("%s", q.found.text())
	if info := q.g.Info(); info.Filtered {
		add("not complete: the graph has not all of the memory: what only the rest refers to counts as lost")
	}
	if n, written := absentData(q.g); n > 0 {
		add("%s%s that may be written are not in the image: what only they refer to counts as lost", textUnless(!written || q.t.Live, "not complete: "), wording.Size(n))
	}
	if n := q.stacksMissing(); n > 0 {
		add("not complete: the image does not hold stacks of %s: what only they refer to counts as lost", wording.Count(uint64(n), "thread"))
	}
	if q.onlyHeaps() {
		add("not complete: the image holds nothing but heaps: what refers to their objects from outside is not known")
	}
	if q.r.Len() == 0 {
		return lines
	}
	add("objects: %s used, %s free, %s cached%s%s; %s between them", countText(t.States[heap.Used]), countText(t.States[heap.Free]), countText(t.States[heap.Cached]),
		unlessNone(", %s in fastbins", t.States[heap.Fastbin]), unlessNone(", %s malloc's own", t.Internal), wording.Count(q.r.Edges, "reference"))
	definite, indirect := t.Losses[graph.LossDefinite], t.Losses[graph.LossIndirect]
	lost := graph.Count{N: definite.N + indirect.N, Bytes: definite.Bytes + indirect.Bytes}
	add("kept by static data: %s, stacks: %s%s%s, other memory: %s%s; leaked: %s%s%s; possibly leaked: %s", countText(t.Anchors[graph.AnchorStatic]), countText(t.Anchors[graph.AnchorStack]),
		unlessNone(", registers: %s", t.Anchors[graph.AnchorRegister]), unlessNone(", thread-local memory: %s", t.Anchors[graph.AnchorThreadLocal]), countText(t.Anchors[graph.AnchorOther]),
		unlessNone(", stale stacks: %s", t.Anchors[graph.AnchorStale]), countText(lost), unlessNone(", definitely %s", definite), unlessNone(", indirectly %s", indirect), countText(t.Losses[graph.LossPossible]))
	return lines
}

// countText returns a number of objects and their size.
func countText(c graph.Count) string { return fmt.Sprintf("%d (%s)", c.N, wording.Size(c.Bytes)) }

// unlessNone returns a part of a line with a count, or "" where the count is 0.
func unlessNone(format string, c graph.Count) string {
	if c.N == 0 {
		return ""
	}
	return fmt.Sprintf(format, countText(c))
}

// percent returns a share as " (12.3 %)", or "" where the whole is 0.
func percent(part, whole uint64) string {
	if whole == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f %%)", 100*float64(part)/float64(whole))
}

// addFew adds the first few of n lines of a kind, and then how many more there are.
func addFew(n int, noun string, add func(string, ...any), line func(int) string) {
	for i := range min(n, mostTold) {
		add("%s", line(i))
	}
	if n > mostTold {
		add("and %s", wording.Count(uint64(n-mostTold), "more "+noun))
	}
}

// arenaLines returns lines about the arenas. Those that were refused come last, with
// the reasons.
func arenaLines(a *heap.Account) []string {
	var lines []string
	var all, refused []*heap.Arena
	for i := range a.Arenas {
		if arena := &a.Arenas[i]; arena.Refused != "" {
			refused = append(refused, arena)
		} else {
			all = append(all, arena)
		}
	}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	addFew(len(all), "arena", add, func(i int) string {
		return fmt.Sprintf("%s: %s, %s", arenaName(all[i]), wording.Count(all[i].Objects, "object"), wording.Size(all[i].Bytes))
	})
	addFew(len(refused), "refused arena", add, func(i int) string {
		how := "not recognised"
		if refused[i].Objects > 0 {
			how = wording.Count(refused[i].Objects, "object") + ", and not all"
		}
		return fmt.Sprintf("%s: %s: %s", arenaName(refused[i]), how, wording.Printable(refused[i].Refused))
	})
	return lines
}

// arenaName returns what kind of arena it is, and where it lies.
func arenaName(a *heap.Arena) string {
	name := a.Kind.String() + " arena"
	if a.Kind == heap.ArenaMapped {
		name = "chunks mapped on their own"
	}
	if a.At != 0 {
		name += " at " + a.At.String()
	}
	if len(a.Heaps) > 0 && a.Kind != heap.ArenaMapped {
		name += fmt.Sprintf(", heap %v", a.Heaps[0])
		if n := len(a.Heaps) - 1; n > 0 {
			name += " and " + wording.Count(uint64(n), "more")
		}
	}
	return name
}

// absentData returns how many bytes of memory that may be written are not in the image.
// written is true if the stack or the heap is in it as absent memory only: every
// program has written to these, so the image was made without them. Other such memory
// may never have been touched, which kernels leave out of a core.
func absentData(g *graph.Graph) (n uint64, written bool) {
	absent, present := map[string]bool{}, map[string]bool{}
	for _, r := range g.Regions() {
		state := present
		if r.State == engine.Absent {
			state = absent
			if r.Perm&engine.PermWrite != 0 {
				n += r.Size()
			}
		}
		state[r.Name] = true
	}
	for _, name := range []string{"[heap]", "[stack]"} {
		written = written || absent[name] && !present[name]
	}
	return n, written
}

// stacksMissing returns how many threads have a stack pointer that leads to no memory
// of the image. A thread that has run over the end of its stack does not count if the
// end is near.
func (q *objectsQuestion) stacksMissing() (n int) {
	const near = 1 << 20
	regions := q.g.Regions()
	for _, t := range q.threads {
		if t.SP == 0 {
			continue
		}
		i := sort.Search(len(regions), func(i int) bool { return regions[i].Last >= t.SP })
		for i < len(regions) && regions[i].State == engine.Absent && regions[i].Last-t.SP < near {
			i++
		}
		if i == len(regions) || regions[i].State == engine.Absent || regions[i].First > t.SP && regions[i].First-t.SP > near {
			n++
		}
	}
	return n
}

// onlyHeaps reports whether no memory outside of heaps could refer to their objects.
func (q *objectsQuestion) onlyHeaps() bool {
	var heaps []addr.Range
	for _, arena := range q.r.Account().Arenas {
		heaps = append(heaps, arena.Heaps...)
	}
	heaps = addr.Merge(heaps)
	if len(heaps) == 0 {
		return false
	}
	return !slices.ContainsFunc(q.g.Regions(), func(r graph.Region) bool {
		mayRefer := r.State != engine.Absent && (r.Perm == 0 || r.Perm&engine.PermWrite != 0)
		i := sort.Search(len(heaps), func(i int) bool { return heaps[i].Last >= r.First })
		return mayRefer && (i == len(heaps) || heaps[i].First > r.Last)
	})
}

// textUnless returns text, or "" if not is set.
func textUnless(not bool, text string) string {
	if not {
		return ""
	}
	return text
}

// account tells the account: as a line of jsonl, with --summary in text as the output
// itself, and otherwise as notes.
func (q *objectsQuestion) account() error {
	switch {
	case q.format == "jsonl":
		return q.accountRecord()
	case q.format == "text" && q.summary:
		for _, line := range q.accountLines() {
			if _, err := fmt.Fprintf(q.Out, "%s: %s\n", wording.Escape(q.arg), wording.Printable(line)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, line := range q.accountLines() {
		q.Note("%s: %s", q.arg, line)
	}
	return nil
}

// These types are the account as JSON. Their keys are laid down in docs/output.md.
type (
	jsonRange struct {
		First string `json:"first"`
		Last  string `json:"last"`
	}
	jsonArena struct {
		Kind    string      `json:"kind"`
		At      string      `json:"at,omitempty"`
		Heaps   []jsonRange `json:"heaps"`
		Objects uint64      `json:"objects"`
		Bytes   uint64      `json:"bytes"`
		Refused string      `json:"refused,omitempty"`
	}
	jsonGap struct {
		jsonRange
		Reason string `json:"reason"`
	}
	jsonOther struct {
		Name     string `json:"name"`
		Evidence string `json:"evidence"`
		Bytes    uint64 `json:"bytes"`
	}
	jsonCount struct {
		N     uint64 `json:"objects"`
		Bytes uint64 `json:"bytes"`
	}
)

// rangeJSON returns a range for JSON.
func rangeJSON(r addr.Range) jsonRange { return jsonRange{r.First.String(), r.Last.String()} }

// accountRecord writes the account as a line of jsonl.
func (q *objectsQuestion) accountRecord() error {
	a, t := q.r.Account(), q.r.Totals()
	r := report.NewJSONLReporter(q.Out, report.Style{})
	r.StartLine("heaps")
	r.AddName("image", q.arg)
	r.AddUint("writable", a.Writable)
	r.AddUint("understood", a.Understood)
	arenas := []jsonArena{}
	text := r.Texts("arenas", func(yield func(string) bool) {
		for _, arena := range a.Arenas {
			if !yield(arena.Refused) {
				return
			}
		}
	})
	for _, arena := range a.Arenas {
		j := jsonArena{Kind: arena.Kind.String(), Heaps: []jsonRange{}, Objects: arena.Objects, Bytes: arena.Bytes, Refused: text(arena.Refused)}
		if arena.At != 0 {
			j.At = arena.At.String()
		}
		for _, h := range arena.Heaps {
			j.Heaps = append(j.Heaps, rangeJSON(h))
		}
		arenas = append(arenas, j)
	}
	gaps := []jsonGap{}
	listed := a.Gaps[:min(len(a.Gaps), mostGaps)]
	text = r.Texts("gaps", func(yield func(string) bool) {
		for _, g := range listed {
			if !yield(g.Reason) {
				return
			}
		}
	})
	for _, g := range listed {
		gaps = append(gaps, jsonGap{rangeJSON(g.Range), text(g.Reason)})
	}
	others := []jsonOther{}
	text = r.Texts("others", func(yield func(string) bool) {
		for _, o := range a.OtherAllocators {
			if !yield(o.Name) || !yield(o.Evidence) {
				return
			}
		}
	})
	for _, o := range a.OtherAllocators {
		others = append(others, jsonOther{text(o.Name), text(o.Evidence), o.Bytes})
	}
	counts := map[string]jsonCount{"malloc": jsonCount(t.Internal)}
	for s, c := range t.States {
		counts[heap.State(s).String()] = jsonCount(c)
	}
	kept := map[string]jsonCount{}
	for k := graph.AnchorStatic; k <= graph.AnchorNone; k++ {
		kept[k.String()] = jsonCount(t.Anchors[k])
	}
	losses := map[string]jsonCount{}
	for l, c := range t.Losses {
		losses[graph.Loss(l).String()] = jsonCount(c)
	}
	for _, part := range []struct {
		key   string
		value any
	}{{"arenas", arenas}, {"gaps", gaps}, {"others", others}} {
		if err := addJSON(r, part.key, part.value); err != nil {
			return err
		}
	}
	if n := len(a.Gaps) - len(gaps); n > 0 {
		r.AddUint("gaps_left_out", uint64(n))
	}
	r.AddUint("threads", q.found.threads)
	r.Add("registers", `"`+q.found.registers()+`"`)
	for _, part := range []struct {
		key   string
		value any
	}{{"states", counts}, {"anchors", kept}, {"losses", losses}} {
		if err := addJSON(r, part.key, part.value); err != nil {
			return err
		}
	}
	r.AddUint("references", q.r.Edges)
	r.Add("complete", fmt.Sprint(!q.incomplete()))
	return r.FinishLine()
}

// addJSON adds a key whose value is any value as JSON.
func addJSON(r *report.JSONLReporter, key string, value any) error {
	b, err := json.Marshal(value)
	r.Add(key, string(b))
	return err
}
