//go:build purego || (!amd64 && !arm64)

package simd

var maskedsAssembled []implementation[*maskedPlan]
