package vmcoreinfo

import (
	"slices"
	"strings"
	"testing"

	"vscan/engine/image"
)

func TestTell(t *testing.T) {
	var img image.Draft
	Tell(&img, []byte("OSRELEASE=6.1.0-57-amd64\nBUILD-ID=c0ffee\nPAGESIZE=4096\nno line\n=none\nSYMBOL(x)=ff=1\nNUMBER(phys_base)=-16777216\nKERNELOFFSET=1c000000\nCRASHTIME=1700000000\n\x00\x00\x00"))
	want := []image.Fact{
		{Name: "kernel_release", Value: "6.1.0-57-amd64"}, {Name: "build_id", Value: "c0ffee"}, {Name: "page_size", Value: "4096"},
		{Name: "kernel_offset", Value: "0x1c000000"}, {Name: "phys_base", Value: "-16777216"}, {Name: "crash_time", Value: "2023-11-14T22:13:20Z"},
		{Name: "vmcoreinfo", Value: "OSRELEASE=6.1.0-57-amd64"}, {Name: "vmcoreinfo", Value: "BUILD-ID=c0ffee"}, {Name: "vmcoreinfo", Value: "PAGESIZE=4096"},
		{Name: "vmcoreinfo", Value: "SYMBOL(x)=ff=1"}, {Name: "vmcoreinfo", Value: "NUMBER(phys_base)=-16777216"}, {Name: "vmcoreinfo", Value: "KERNELOFFSET=1c000000"},
		{Name: "vmcoreinfo", Value: "CRASHTIME=1700000000"},
	}
	if !slices.Equal(img.Facts, want) {
		t.Errorf("%q\nwant %q", img.Facts, want)
	}
}

// Text that is longer than a page has no more facts than one.
func TestTellBounded(t *testing.T) {
	var img image.Draft
	Tell(&img, []byte(strings.Repeat("A=\n", MaxBytes)))
	if len(img.Facts) > MaxBytes/3+1 {
		t.Errorf("%d facts", len(img.Facts))
	}
}
