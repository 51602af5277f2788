package image

import "vscan/engine/addr"

// rec is a LiME record.
func rec(first, last uint64, data string) string {
	le := addr.Little
	return "EMiL" + words(le, 4, 1) + words(le, 8, first, last, 0) + data
}

// beRec is a LiME record of a big-endian machine.
func beRec(first, last uint64, data string) string {
	be := addr.Big
	return "LiME" + words(be, 4, 1) + words(be, 8, first, last, 0) + data
}
