//go:build purego || (!amd64 && !arm64)

package simd

var teddiesAssembled []implementation[*Teddy]
