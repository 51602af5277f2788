package nice

import (
	"strings"
	"testing"
)

func TestRange(t *testing.T) {
	for _, n := range []int{-1, 0, Most + 1} {
		if err := Set(n); err == nil || !strings.Contains(err.Error(), "want 1 to 19") {
			t.Errorf("%d: %v", n, err)
		}
	}
}
