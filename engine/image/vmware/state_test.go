package vmware

import (
	"bytes"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// Every prefix and every flipped bit of a state file is an error, or memory, or regions that
// can be.
func TestVMwareHostile(t *testing.T) {
	file := []byte(imagetest.VMState(imagetest.VMMagic, imagetest.VMBlock(true, "Memory", "mmmm", 3)+imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})))
	for n := range file {
		if m, err := (state{imagetest.Reader(file[:n])}).read(t.Context()); err == nil && m.block == nil {
			t.Errorf("%d bytes: %+v", n, m)
		}
	}
	for bit := range 8 * len(file) {
		b := bytes.Clone(file)
		b[bit/8] ^= 1 << (bit % 8)
		checkRegions(t, b)
	}
}

// checkRegions reads a state file, and opens it as memory.
func checkRegions(t *testing.T, b []byte) {
	t.Helper()
	m, err := state{imagetest.Reader(b)}.read(t.Context())
	if err != nil && strings.Contains(err.Error(), "\n") || (err == nil) == (m == nil) {
		t.Errorf("%v, %q", m, err)
	}
	if m != nil {
		for _, r := range m.regions {
			if r.size == 0 || r.bytes()/pageSize != r.size || r.first()/pageSize != r.ppn || r.offset()+r.bytes() < r.offset() {
				t.Errorf("%+v", r)
			}
		}
		if len(m.regions) > maxRegions {
			t.Errorf("%d regions", len(m.regions))
		}
	}
	img, err := imagetest.Finished(openState(t.Context(), imagetest.Reader(b), image.Options{}))
	if err != nil {
		if m != nil && m.block != nil && !m.block.packed {
			t.Errorf("with memory inside: %v", err)
		}
		return
	}
	imagetest.CheckImage(t, img, uint64(len(b)))
	for _, m := range img.Mappings {
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v", m.Range, err)
		}
	}
}

func FuzzVMware(f *testing.F) {
	regions := imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})
	memory := strings.Repeat("m", 3*pageSize)
	f.Add([]byte(imagetest.VMState(imagetest.VMMagic, regions)))
	f.Add([]byte(imagetest.VMState(0xbed2bed0, imagetest.VMBlock(false, "Memory", "mmmm", 1)+regions)))
	f.Add([]byte(imagetest.VMState(0xbed3bed3, imagetest.VMBlock(true, "Memory", "mmmm", 70)+imagetest.VMRegions())))
	f.Add([]byte(imagetest.VMState(0xbed3bed3, regions+imagetest.VMBlock(true, "Memory", memory, 70))))
	f.Fuzz(func(t *testing.T, b []byte) { checkRegions(t, b) })
}

// What is quoted of a state file that cannot be is what is wrong with it.
func TestStateMessages(t *testing.T) {
	for memory, want := range map[string]string{
		imagetest.VMTag("regionsCount", 1_000_000): "1000000 regions, which are more than 64",
		imagetest.VMTag("regionPPN", 1, 1_000_000): `tag "regionPPN"[1000000] is that of region 64 or a later one`,
		imagetest.VMRegions([3]uint64{7, 9, 0}):    "region 0: 0 pages from page 0x7 on, in the file from page 0x9 on",
	} {
		_, err := state{imagetest.Reader([]byte(imagetest.VMState(imagetest.VMMagic, memory)))}.read(t.Context())
		imagetest.CheckError(t, err, want)
	}
}
