//go:build !purego && !amd64 && !arm64

package simd

const buildNote = ""

var assembled []assembledLevel
