//go:build purego || !amd64

package simd

var wordsAssembled []implementation[*wordsPlan]
