package search

import (
	"context"
	"errors"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
)

// torn is a source of which the second page cannot be read.
type torn struct{ engine.Source }

func (s *torn) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off < 2*engine.PageSize && off+uint64(n) > engine.PageSize {
		return nil, errors.New("torn")
	}
	return s.Source.View(buf, off, n)
}

// However a search ends, every byte that it was asked for is in one place of its account.
func TestAccountOfSearches(t *testing.T) {
	const page = engine.PageSize
	source := &torn{engine.BytesSource("torn", []byte(strings.Repeat("needle..", 4*page/8)))}
	at := func(first addr.Addr, n uint64, state engine.State, why engine.Absence) engine.Mapping {
		r, _ := addr.Sized(first, n)
		return engine.Mapping{Range: r, State: state, Absence: why}
	}
	present := at(0x10000, 4*page, engine.Present, engine.Unsaved)
	present.Source = source
	whole, err := engine.NewSpace(present, at(0x20000, 1<<30, engine.Zero, engine.Unsaved), at(1<<40, 5, engine.Absent, engine.Unsaved),
		at(1<<41, 70, engine.Absent, engine.Excluded), at(1<<42, 900, engine.Absent, engine.Missing))
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	ranges := []addr.Range{{First: 0x10000, Last: 0x10000 + page - 1}, {First: 1 << 42, Last: 1<<42 + 8}}
	for name, c := range map[string]struct {
		ctx  context.Context
		q    Query
		stop bool
		want Account
	}{
		"to its end":    {q: Query{}, want: Account{Size: 4*page + 1<<30 + 975, Searched: 3 * page, Zero: 1 << 30, Unsaved: 5, Excluded: 70, Missing: 900, Unreadable: page}},
		"in a range":    {q: Query{Ranges: ranges}, want: Account{Size: page + 9, Searched: page, Missing: 9}},
		"with a bound":  {q: Query{MaxBytes: page, Ranges: ranges[:1:1]}, want: Account{Size: page, Searched: page}},
		"one behind it": {q: Query{MaxBytes: page - 1, Ranges: ranges[:1:1]}, want: Account{Size: page, Searched: page - 1, Beyond: 1}},
		"at a hit":      {q: Query{Want: WantAny}, stop: true},
		"with a limit":  {q: Query{MaxHits: 3}, stop: true},
		"interrupted":   {ctx: ended, stop: true},
	} {
		c.q.Patterns = parsed(t, "text:needle")
		ctx := c.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		sum, err := c.q.Run(ctx, layered.Of("memory", whole), nil)
		if sum == nil { // which had not begun
			if ctx.Err() == nil {
				t.Fatal(name, err)
			}
			continue
		}
		a := sum.Account()
		if all := addr.Sum(a.Searched, a.Zero, a.Unsaved, a.Excluded, a.Missing, a.Unreadable, a.Beyond, a.Unsearched); all != a.Size || c.stop && a.Size != 4*page+1<<30+975 {
			t.Errorf("%s: %+v, together %d", name, a, all)
		}
		if !c.stop && a != c.want {
			t.Errorf("%s: %+v, want %+v", name, a, c.want)
		}
		if missing := a.Missing > 0 || a.Unreadable > 0 || a.Beyond > 0; missing && sum.Complete {
			t.Errorf("%s: %+v, and complete", name, a)
		}
	}
}
