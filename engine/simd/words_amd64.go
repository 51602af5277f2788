//go:build !purego

package simd

var wordsAssembled []implementation[*wordsPlan]
