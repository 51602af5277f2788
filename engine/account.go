package engine

import (
	"context"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// An Account tells of what kind the bytes of a space are. Together they are all that is
// mapped. A number is 2^64 − 1 where there are more.
type Account struct {
	Present  uint64 // held by a source, without those that it knows to be zero
	Zero     uint64 // known to be zero: those of Zero mappings, and of holes as [Scanner.Zero] has them
	Unsaved  uint64 // absent, by why
	Excluded uint64
	Missing  uint64
}

// Absent returns the sum of all that is absent.
func (a *Account) Absent() uint64 { return addr.Sum(a.Unsaved, a.Excluded, a.Missing) }

// Size returns the sum of all.
func (a *Account) Size() uint64 { return addr.Sum(a.Present, a.Zero, a.Absent()) }

// Add counts the bytes of an interval of a space. The error is
// that of ctx.
func (a *Account) Add(ctx context.Context, v Interval) error {
	if v.Mapping == nil {
		return nil
	}
	switch v.Mapping.State {
	case Zero:
		a.Zero = addSize(a.Zero, v.Range)
	case Absent:
		n := [...]*uint64{&a.Unsaved, &a.Excluded, &a.Missing}[v.Mapping.Absence]
		*n = addSize(*n, v.Range)
	case Present:
		zero, err := v.ZeroBytes(ctx)
		if err != nil {
			return err
		}
		a.Zero = addr.Sum(a.Zero, zero)
		a.Present = addr.Sum(a.Present, v.Size()-zero)
	}
	return nil
}

// ZeroBytes returns how many bytes of an interval are known to be zero, as [Account.Zero]
// counts them. The error is that of ctx.
func (v Interval) ZeroBytes(ctx context.Context) (n uint64, err error) {
	switch v.State() {
	case Zero:
		return v.Size(), nil
	case Present:
		m, holes := v.Mapping, 0
		err = eachHole(interrupt.New(ctx), m.Source, v.Range, m.OffsetOf(v.First), minSkip+1, func(r addr.Range) bool {
			n = addSize(n, r)
			holes++
			return holes < maxHoles
		})
	}
	return n, err
}
