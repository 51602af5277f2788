//go:build purego || !amd64

package simd

var pairsAssembled []implementation[*Pairs]
