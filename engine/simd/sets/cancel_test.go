package sets

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"vscan/engine/simd"
)

// The end of a context ends the making of a set, of whatever parts, and so the listing of
// its methods; a kernel that was made before goes on as ever.
func TestCancelled(t *testing.T) {
	why := errors.New("why")
	ended, end := context.WithCancelCause(t.Context())
	end(why)
	for name, lit := range map[string]func(i int) simd.Lit{
		"grams": func(i int) simd.Lit { return simd.Lit{Bytes: fmt.Appendf(nil, "literal %d", i)} },
		"crowd": func(i int) simd.Lit {
			return simd.Lit{Bytes: fmt.Appendf(nil, "%06d%s", i, "the same for all of them")}
		},
		"short": func(i int) simd.Lit { return simd.Lit{Bytes: []byte{byte(i), byte(i >> 8), byte(i >> 16)}} },
		"masked": func(i int) simd.Lit {
			return simd.Lit{Bytes: []byte{byte(i), 7, byte(i >> 8), 0}, Mask: []byte{255, 255, 255, 0}}
		},
	} {
		var lits []simd.Lit
		for i := range 40000 {
			lits = append(lits, lit(i))
		}
		if k, err := New(ended, simd.Auto, lits); err != why || k != nil {
			t.Errorf("%s: %v, %v", name, k, err)
		}
		ctx, end := context.WithCancelCause(t.Context())
		k, err := New(ctx, simd.Auto, lits)
		if err != nil {
			t.Fatal(name, err)
		}
		end(why)
		if _, err := Methods(ctx, k); err != why {
			t.Errorf("%s: methods: %v", name, err)
		}
		b := append(make([]byte, 100), lits[12345].Bytes...)
		found := make([]Match, k.MinMatches())
		if n, next := k.Scan(found, b, 0, len(b), nil); n == 0 || next < len(b) {
			t.Errorf("%s: %d matches, next %d", name, n, next)
		}
	}
}
