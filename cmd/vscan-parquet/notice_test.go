package main

import (
	"slices"
	"testing"

	"vscan/internal/testenv/noticetest"
)

// NOTICE has every module that is linked into this program, with its licence, and none that is
// linked into neither this one nor vscan.
func TestNotice(t *testing.T) {
	const top = "../.."
	besides := noticetest.Check(t, top, ".", "./...")
	for _, path := range noticetest.Check(t, top, top, "./cmd/...") {
		if slices.Contains(besides, path) {
			t.Errorf("NOTICE has a licence of %s, which is linked into no program", path)
		}
	}
}
