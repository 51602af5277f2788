//go:build !purego

package simd

const buildNote = ""

// assembled is the level with assembly in this program. It needs ASIMD, which
// all machines have that Go has programs for.
var assembled = []assembledLevel{{NEON, nil}}
