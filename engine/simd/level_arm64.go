//go:build !purego

package simd

const buildNote = ""

// assembled lists the level with assembly in this program. It needs ASIMD,
// which every arm64 machine has that Go builds for.
var assembled = []assembledLevel{{NEON, nil}}
