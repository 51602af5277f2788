package interrupt

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"vscan/internal/testenv"
)

func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := New(ctx)
	for range 3 * every {
		if err := w.Step(1); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	steps := 0
	for w.Step(1) == nil {
		if steps++; steps > every {
			t.Fatalf("%d steps after the end of the context", steps)
		}
	}
	if err := New(ctx).Step(1); !errors.Is(err, context.Canceled) {
		t.Errorf("the first step: %v", err)
	}
}

// Sorting gives what package slices does, for lengths around chunks and for elements
// that are in order, in reverse, equal, or neither.
func TestSort(t *testing.T) {
	type pair struct{ key, place int }
	byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	rnd := testenv.Rand(t)
	for _, n := range []int{0, 1, 2, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 7, 5 * chunk} {
		for name, key := range map[string]func(i int) int{
			"ascending": func(i int) int { return i }, "descending": func(i int) int { return -i },
			"few": func(int) int { return rnd.IntN(5) }, "many": func(int) int { return rnd.IntN(2*n + 1) },
			"equal": func(int) int { return 7 },
		} {
			s := make([]pair, n)
			for i := range s {
				s[i] = pair{key(i), i}
			}
			want := slices.Clone(s)
			slices.SortStableFunc(want, byKey)
			unstable := slices.Clone(s)
			if err := SortStableFunc(t.Context(), s, byKey); err != nil || !slices.Equal(s, want) {
				t.Errorf("%d elements, %s: stable sort: %v", n, name, err)
			}
			if err := SortFunc(t.Context(), unstable, byKey); err != nil || !slices.IsSortedFunc(unstable, byKey) {
				t.Errorf("%d elements, %s: sort: %v", n, name, err)
			}
		}
	}
}

// A sort ends soon after its context, whenever that ends.
func TestSortInterrupted(t *testing.T) {
	const n = 20 * chunk
	all := make([]int, n)
	for i := range all {
		all[i] = n - i
	}
	count := func(after int) (compared int, err error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err = SortStableFunc(ctx, slices.Clone(all), func(a, b int) int {
			if compared++; compared == after {
				cancel()
			}
			return cmp.Compare(a, b)
		})
		return compared, err
	}
	whole, err := count(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{1, whole / 10, whole / 2, whole - 1} {
		compared, err := count(after)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at comparison %d of %d: %v", after, whole, err)
		}
		if most := after + 16*chunk; compared > most {
			t.Errorf("cancelled at comparison %d: %d were made, want no more than %d", after, compared, most)
		}
	}
}
