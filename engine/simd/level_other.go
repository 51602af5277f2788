//go:build !purego && !amd64

package simd

const buildNote = ""

var assembled []assembledLevel
