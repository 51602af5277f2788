//go:build purego || !amd64

package simd

var classesAssembled []implementation[*classPlan]
