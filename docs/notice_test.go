package docs

import (
	"os"
	"strings"
	"testing"

	"vscan/internal/testenv/noticetest"
)

// NOTICE has every module that is linked into vscan, with its licence, and besides only what
// vscan-parquet requires, whose own test looks closer.
func TestNotice(t *testing.T) {
	required, err := os.ReadFile("../cmd/vscan-parquet/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range noticetest.Check(t, "..", "..", "./cmd/...") {
		if !strings.Contains(string(required), "\t"+path+" v") {
			t.Errorf("NOTICE has a licence of %s, which is linked into no program", path)
		}
	}
}
