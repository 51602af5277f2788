//go:build purego

package simd

const buildNote = " with the tag purego"

var assembled []assembledLevel
