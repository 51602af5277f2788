//go:build !amd64 || purego

package simd

var teddiesAssembled []implementation[*teddyPlan]
