package core

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/imagetest"
)

// Every machine of the system's elf.h has a name.
func TestMachineNames(t *testing.T) {
	f, err := os.Open("/usr/include/elf.h")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	define := regexp.MustCompile(`^#define (EM_\w+)\s+(\d+|0x[0-9a-f]+)\s`)
	count := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := define.FindStringSubmatch(lines.Text() + " ")
		if m == nil || m[1] == "EM_NONE" || m[1] == "EM_NUM" {
			continue
		}
		n, err := strconv.ParseUint(m[2], 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		count++
		if name, _ := elf.MachineName(n); strings.HasPrefix(name, "machine ") {
			t.Errorf("%s (%d) has no name", m[1], n)
		}
	}
	if count < 100 {
		t.Errorf("%d machines", count)
	}
}

// A 64-bit file may have 4-byte pointers where all of the machine's have 32
// bits, and nowhere else.
func TestNarrowMachines(t *testing.T) {
	for machine, want := range map[uint64]struct {
		name string
		word int
	}{
		94: {"Xtensa", 4}, 3: {"i386", 4}, 113: {"Nios II", 4}, 164: {"Hexagon", 4}, 252: {"C-SKY", 4},
		243: {"RISC-V", 0}, 8: {"MIPS", 0}, 83: {"AVR", 0}, 105: {"MSP430", 0}, 189: {"MicroBlaze", 0}, 42: {"SuperH", 0},
		62: {"x86-64", 0}, 65000: {"machine 65000", 0},
	} {
		b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Vaddr: 0x1000, Data: "abcd", Memsz: 4}}, func(h []byte) { addr.Little.PutUint(h[18:20], machine) })
		img := openTestELF(t, b, image.Options{})
		if img.AltWordSize != want.word || !strings.Contains(img.Detail, "64-bit little-endian "+want.name+",") {
			t.Errorf("%d: %s, word size %d too, want %v", machine, img.Detail, img.AltWordSize, want)
		}
	}
}
