package simdtest

import "vscan/internal/testenv"

// Sizes are the sizes, in bytes, of the memory that benchmarks look through: those of
// caches, and one far above all of them.
var Sizes = []struct {
	Name string
	Size int
}{
	{"L1", 24 << 10},
	{"L2", 512 << 10},
	{"ram", 256 << 20},
}

// Memory returns size bytes that are like the memory of a machine, in pages of 4 KiB: half
// of them are zero, a quarter pointers and small numbers, the rest text and noise. The bytes
// 0xfa to 0xfd do not occur in it. The result must not be changed: it is the same memory
// each time.
var Memory = func() func(size int) []byte {
	var all []byte
	return func(size int) []byte {
		if len(all) < size {
			all = make([]byte, size)
			rng := testenv.From(42, 42)
			for at := 0; at+4096 <= size; at += 4096 {
				page := all[at : at+4096]
				page[0] = 1 // else all zero pages would be one page of real memory, and cached
				page[0] = 0
				switch rng.IntN(8) {
				case 4, 5:
					for i := 0; i < len(page); i += 8 {
						if v := rng.Uint64(); v%3 != 0 {
							for j := range 4 {
								page[i+j] = byte(v >> (8 * j) & 0x7f)
							}
							page[i+4], page[i+5] = 0x55, 0x7f
						}
					}
				case 6:
					for i := range page {
						page[i] = "etaoin shrdlucmfgypwbvkjxqz0123\n"[rng.IntN(32)]
					}
				case 7:
					for i := range page {
						page[i] = byte(rng.IntN(0xfa))
					}
				}
			}
		}
		return all[:size]
	}
}()
