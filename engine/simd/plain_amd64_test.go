//go:build unix && !purego

package simd

import (
	"slices"
	"testing"

	"vscan/engine/simd/simdtest"
)

// plainly takes away the implementations that need the feature, until the end
// of the test.
func plainly[P any](t *testing.T, impls *[]implementation[P], need feature) {
	all := *impls
	t.Cleanup(func() { *impls = all })
	*impls = slices.DeleteFunc(slices.Clone(all), func(im implementation[P]) bool {
		return slices.Contains(im.needs, need)
	})
}

// TestWithoutVBMI2 tests the kernels that machines without VBMI2 get. Where
// this machine has it, the other tests choose others.
func TestWithoutVBMI2(t *testing.T) {
	simdtest.Runnable(t, AVX512)
	onlyLevel = AVX512
	t.Cleanup(func() { onlyLevel = Auto })
	plainly(t, &literals, fAVX512VBMI2)
	plainly(t, &maskeds, fAVX512VBMI2)
	plainly(t, &classes, fAVX512VBMI2)
	for name, f := range map[string]func(*testing.T){
		"literal seeds": TestLiteralSeeds, "literal blocks": TestLiteralManyBlocks, "literal guard": TestLiteralGuard,
		"masked seeds": TestMaskedSeeds, "masked blocks": TestMaskedManyBlocks, "masked guard": TestMaskedGuard,
		"class bytes": TestClassBytes, "class blocks": TestClassManyBlocks, "class guard": TestClassGuard,
	} {
		t.Run(name, f)
	}
	k, err := NewLiteral(AVX512, []byte("ab"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := k.(*literalAVX512); !ok {
		t.Errorf("a %T, want the plain one", k)
	}
}
