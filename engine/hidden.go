package engine

import (
	"cmp"
	"context"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Hidden returns how many bytes of sources a present mapping of the space has, and no address of it
// shows, since other mappings lie over them: no search looks at them. A byte of a source that shows
// anywhere, at another address or through another mapping, is not hidden. Where two mappings overlap and have
// sources of their own, those are other bytes, even if they are of one file:
//
//	B                 |---- 0x20.. ----|
//	A      |---- 0x10.. ----|
//	hidden            xxxxxxx              of A
//
// It is 2^64 − 1 where there are more. What it found is kept. The error is that of ctx.
func (s *Space) Hidden(ctx context.Context) (uint64, error) {
	if n := s.hidden.Load(); n != nil {
		return *n, nil
	}
	if err := s.Index(ctx); err != nil {
		return 0, err
	}
	n, err := s.ix().hidden(ctx)
	if err != nil {
		return 0, err
	}
	s.hidden.Store(&n)
	return n, nil
}

// extent is bytes of a source; both ends are included.
type extent struct {
	first, last uint64 // offsets
	source      int32  // its number
}

// hidden counts what Hidden does. Most spaces have no mapping of which a part does not show; of
// others, what those mappings have is compared with what shows of the same sources.
func (x *index) hidden(ctx context.Context) (uint64, error) {
	if x.unders == 0 && x.over.Disjoint() {
		return 0, nil
	}
	watch := interrupt.New(ctx)
	shown := make([]uint64, len(x.mappings)) // bytes, by layer; wraps to 0 at 2^64
	for r, owner := range x.shows.Intervals(addr.All) {
		if err := watch.Step(1); err != nil {
			return 0, err
		}
		if owner >= 0 {
			shown[owner] += uint64(r.Last-r.First) + 1
		}
	}
	numbers := map[Source]int32{}
	var had []extent
	for i := range x.mappings {
		if err := watch.Step(1); err != nil {
			return 0, err
		}
		m := &x.mappings[i]
		if m.State != Present || shown[i] == uint64(m.Last-m.First)+1 && (shown[i] != 0 || x.showsAll(i)) {
			continue
		}
		k, ok := numbers[m.Source]
		if !ok {
			k = int32(len(numbers))
			numbers[m.Source] = k
		}
		had = append(had, extent{m.Offset, m.OffsetOf(m.Last), k})
	}
	if len(had) == 0 {
		return 0, nil
	}
	var shows []extent
	for r, owner := range x.shows.Intervals(addr.All) {
		if err := watch.Step(1); err != nil {
			return 0, err
		}
		if owner < 0 || x.mappings[owner].State != Present {
			continue
		}
		m := &x.mappings[owner]
		if k, ok := numbers[m.Source]; ok {
			shows = append(shows, extent{m.OffsetOf(r.First), m.OffsetOf(r.Last), k})
		}
	}
	var err error
	if had, err = unite(ctx, had); err == nil {
		shows, err = unite(ctx, shows)
	}
	if err != nil {
		return 0, err
	}
	return without(watch, had, shows)
}

// showsAll reports whether the mapping of a layer, which has 2^64 bytes, shows at each.
func (x *index) showsAll(layer int) bool {
	_, owner := x.shows.Interval(0)
	return int(owner) == layer
}

// unite sorts extents by source and offset, and makes one of those that overlap. The error is
// that of ctx.
func unite(ctx context.Context, all []extent) ([]extent, error) {
	err := interrupt.SortFunc(ctx, all, func(a, b extent) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.first, b.first))
	})
	if err != nil {
		return nil, err
	}
	n := 0
	for _, e := range all {
		if n > 0 && all[n-1].source == e.source && e.first <= all[n-1].last {
			all[n-1].last = max(all[n-1].last, e.last)
			continue
		}
		all[n] = e
		n++
	}
	return all[:n], nil
}

// without returns how many bytes of all are not in some. Both are as unite returns them. The error is that
// of watch.
func without(watch *interrupt.Watch, all, some []extent) (n uint64, err error) {
	for _, e := range all {
		if err := watch.Step(1); err != nil {
			return 0, err
		}
		for len(some) > 0 && (some[0].source < e.source || some[0].source == e.source && some[0].last < e.first) {
			some = some[1:]
		}
		from, ended := e.first, false // what is not looked at yet
		for _, s := range some {
			if err := watch.Step(1); err != nil {
				return 0, err
			}
			if s.source != e.source || s.first > e.last {
				break
			}
			if s.first > from {
				n = addr.Sum(n, s.first-from)
			}
			if ended = s.last >= e.last; ended {
				break
			}
			from = s.last + 1
		}
		if !ended {
			n = addr.Sum(n, e.last-from, 1)
		}
	}
	return n, nil
}
