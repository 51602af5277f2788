//go:build purego || !amd64

package simd

var literalsAssembled []implementation[*literalPlan]
