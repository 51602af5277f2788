package simd

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// A feature is a CPU feature, by the name that package cpuid gives it. A
// machine has one that comes with vector registers only if the operating system
// saves these registers.
type feature string

const (
	fAVX      feature = "AVX"
	fAVX2     feature = "AVX2"
	fBMI1     feature = "BMI1"     // TZCNT, BLSR, ANDN
	fBMI2     feature = "BMI2"     // BZHI, SHLX, PDEP
	fLZCNT    feature = "LZCNT"    // LZCNT
	fPOPCNT   feature = "POPCNT"   // POPCNT
	fAVX512F  feature = "AVX512F"  // ZMM registers, masks of 16 bits
	fAVX512BW feature = "AVX512BW" // bytes and 16-bit words, masks of 32 and 64 bits
	fAVX512DQ feature = "AVX512DQ" // masks of 8 bits
	fAVX512VL feature = "AVX512VL" // the same on XMM and YMM registers

	fAVX512VBMI  feature = "AVX512VBMI"  // tables of bytes that lie in several registers
	fAVX512VBMI2 feature = "AVX512VBMI2" // packing bytes
)

// features is a kernel's predicate: every CPU feature that its instructions
// need.
type features []feature

// missing returns those of the features that this machine lacks. Nothing else
// asks the CPU for its features.
func (fs features) missing() features {
	var lacking features
	for _, f := range fs {
		if id := cpuid.ParseFeature(string(f)); id == cpuid.UNKNOWN || !cpuid.CPU.Has(id) {
			lacking = append(lacking, f)
		}
	}
	return lacking
}

// check returns nil where this machine has all of the features, else an error
// about level l that names those that it lacks.
func (fs features) check(l Level) error {
	lacking := fs.missing()
	if len(lacking) == 0 {
		return nil
	}
	names := make([]string, len(lacking))
	for i, f := range lacking {
		names[i] = string(f)
	}
	return fmt.Errorf("kernel level %s: this machine lacks %s", l, strings.Join(names, ", "))
}

// slowGathers reports whether instructions that load from several addresses
// have been made slow: microcode against gather data sampling ("Downfall") does
// that on Intel's cores from Skylake to Ice Lake, by a factor of several. Only
// Linux tells it; elsewhere the answer is false.
var slowGathers = sync.OnceValue(func() bool {
	b, err := os.ReadFile("/sys/devices/system/cpu/vulnerabilities/gather_data_sampling")
	return err == nil && bytes.Contains(b, []byte("Mitigation: Microcode"))
})

// splits512 reports whether the processor does 512-bit operations in two
// halves, as AMD's Zen 4 (family 19h; Zen 3 has none of them) does. Memory is
// then read no faster by them, and loads of 64 bytes one after the other reach
// less of its bandwidth than loads of 32: 22 against 25 GB/s on one core.
var splits512 = sync.OnceValue(func() bool {
	return cpuid.CPU.VendorID == cpuid.AMD && cpuid.CPU.Family == 0x19
})
