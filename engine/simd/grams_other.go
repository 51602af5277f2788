//go:build purego || !amd64

package simd

var gramsAssembled []implementation[*Grams]
