package core

import (
	"encoding/binary"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func facts(img *image.Image) (all []string) {
	for _, f := range img.Facts {
		all = append(all, f.Name+"="+f.Value)
	}
	return all
}

// What the notes of a machine tell: its page tables, its CPUs, its kernel.
func TestFactsOfMachine(t *testing.T) {
	le := binary.LittleEndian
	cpu := make([]byte, 1000)
	le.PutUint64(cpu[288:], 0x80050033) // cr0
	le.PutUint64(cpu[296:], 0x1111)     // cr2
	le.PutUint64(cpu[304:], 0x2a0f000)  // cr3
	vbox := le.AppendUint32(nil, 0xc01ac0de)
	for _, n := range []uint32{0x10000, 24, 7<<24 | 1<<16 | 12, 165102, 2} {
		vbox = le.AppendUint32(vbox, n)
	}
	for name, c := range map[string]struct {
		notes string
		want  []string
	}{
		"QEMU": {
			qemuState(0x6b0) + qemuState(0x6b0) + imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, "OSRELEASE=6.1\nPAGESIZE=4096\n"),
			[]string{"machine=x86-64", "cpus=2", "dtb=0x53d2000", "kernel_release=6.1", "page_size=4096", "vmcoreinfo=OSRELEASE=6.1", "vmcoreinfo=PAGESIZE=4096"},
		},
		"VirtualBox": {
			imagetest.Note(addr.Little, 4, "VBCORE", 0xb00, string(vbox)) + imagetest.Note(addr.Little, 4, "VBCPU", 0xb01, string(make([]byte, 1000))) +
				imagetest.Note(addr.Little, 4, "VBCPU", 0xb01, string(cpu)),
			[]string{"machine=x86-64", "creator=VirtualBox 7.1.12", "cpus=2", "dtb=0x2a0f000"},
		},
		"short notes": {
			imagetest.Note(addr.Little, 4, "VBCORE", 0, "x") + imagetest.Note(addr.Little, 4, "VBCPU", 0, "") + imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, ""),
			[]string{"machine=x86-64", "cpus=1"},
		},
	} {
		b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 4, Data: c.notes}, {Type: 1, Paddr: 0x1000, Data: "abcd", Memsz: 4}}, nil)
		if got := facts(openTestELF(t, b, image.Options{})); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What the notes of a process tell: its number, its arguments, what ended it.
func TestFactsOfProcess(t *testing.T) {
	status := []byte(imagetest.ThreadNote(true, addr.Little, 77, 0x7ff0))
	status[12+8+12] = 11 // pr_cursig, behind the header of the note and its name
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.InfoNote(true, addr.Little, 77, "prog --all") + string(status) + imagetest.ThreadNote(true, addr.Little, 78, 0x7ff8) +
			imagetest.AuxvNote(true, addr.Little, 31, 0x7008, 15, 0x7001, 0, 0)},
		{Type: 1, Flags: 6, Vaddr: 0x7000, Data: "\x00x86_64\x00/opt/prog\x00", Memsz: 0x1000},
	}, nil)
	want := []string{"machine=x86-64", "command=prog --all", "executable=/opt/prog", "pid=77", "signal=11", "threads=2", "platform=x86_64"}
	if got := facts(openTestELF(t, b, image.Options{})); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
