//go:build purego || !amd64

package simd

var maskedsAssembled []implementation[*maskedPlan]
